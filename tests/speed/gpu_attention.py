"""Which attention kernel for the documents of a row is fastest here: torch's FlashAttention 2, or cuDNN's.

python -m tests.speed.gpu_attention
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

SHAPES = ((12, 2, 128, 16384), (14, 2, 64, 8192), (28, 4, 128, 4096))


def main() -> None:
    backends: Any = torch.backends
    print(
        json.dumps({"part": "versions", "torch": torch.__version__, "cudnn": backends.cudnn.version(), "gpu": torch.cuda.get_device_name()})
    )
    for heads, shared, width, tokens in SHAPES:
        cuts = [0, tokens // 3, tokens // 2, tokens // 2 + 77, tokens - 300, tokens]
        bounds = torch.tensor(cuts, dtype=torch.int32, device="cuda")
        longest = int(bounds.diff().max())
        states = [torch.randn(tokens, n, width, device="cuda", dtype=torch.bfloat16) for n in (heads, shared, shared)]
        outer = torch.randn(tokens, heads, width, device="cuda", dtype=torch.bfloat16)
        known: dict[str, Any] = {}
        for name, kernel in (("flash", flash), ("cudnn", cudnn)):
            try:
                forward, backward = kernel(states, outer, bounds, longest)
                began = time.monotonic()
                first = forward()
                gradients = backward(first)
                torch.cuda.synchronize()
                built = time.monotonic() - began
                known[name] = [first[0].float(), *(g.float() for g in gradients)]
                row: dict[str, Any] = {
                    "first_s": round(built, 2),
                    "forward_ms": timed(forward),
                    "backward_ms": timed(partial(backward, first)),
                }
                if name == "cudnn":
                    row["differs"] = [
                        round(float((a - b).norm() / a.norm()), 5) for a, b in zip(known["flash"], known["cudnn"], strict=True)
                    ]
                    more = [torch.randn(tokens + 64, n, width, device="cuda", dtype=torch.bfloat16) for n in (heads, shared, shared)]
                    again, _ = kernel(more, outer, torch.cat([bounds, bounds.new_tensor([tokens + 64])]), longest)
                    began = time.monotonic()
                    again()
                    torch.cuda.synchronize()
                    row["other_shape_s"] = round(time.monotonic() - began, 3)
            except Exception as problem:
                row = {"failed": str(problem)[:600]}
            print(json.dumps({"part": f"attention {name} {heads}/{shared}x{width}, {tokens}", **row}), flush=True)


def flash(states: list[torch.Tensor], outer: torch.Tensor, bounds: torch.Tensor, longest: int) -> Any:
    from o1exp.train.worker import flash as ours

    def forward() -> Any:
        return ours.forward(states[0], states[1], states[2], bounds, longest, None)

    return forward, lambda found: ours.backward(outer, (*states, bounds, *found), longest, None)


def cudnn(states: list[torch.Tensor], outer: torch.Tensor, bounds: torch.Tensor, longest: int) -> Any:
    def forward() -> Any:
        found = torch.ops.aten._cudnn_attention_forward(*states, None, bounds, bounds, longest, longest, True, 0.0, True, False)
        return found[0], found[1], found[6], found[7]

    def backward(found: Any) -> Any:
        out, statistics, seed, offset = found
        none = torch.empty(0, device="cuda")
        return torch.ops.aten._cudnn_attention_backward(
            outer, *states, out, statistics, seed, offset, none, bounds, bounds, longest, longest, 0.0, True
        )

    return forward, backward


def timed(job: Callable[[], Any]) -> float:
    """Milliseconds a call."""
    for _ in range(2):
        job()
    torch.cuda.synchronize()
    began = time.monotonic()
    for _ in range(10):
        job()
    torch.cuda.synchronize()
    return round((time.monotonic() - began) * 100, 3)


if __name__ == "__main__":
    main()
