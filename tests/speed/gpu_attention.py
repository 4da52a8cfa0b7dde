"""What this GPU's matrix products reach, and which attention kernel for the documents of a row is fastest: FlashAttention 2, or cuDNN's.

python -m tests.speed.gpu_attention
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from o1exp.train.kernels import cudnn_attention
from o1exp.train.worker import flash

SHAPES = ((12, 2, 128, 16384), (14, 2, 64, 8192), (28, 4, 128, 4096))
KERNELS = (
    flash.FLASH, flash.Kernel("cuDNN", cudnn_attention.forward, cudnn_attention.backward),
    flash.Kernel("cuDNN, unrounded", cudnn_attention.forward, cudnn_attention.backward),
)  # fmt: skip


def main() -> None:
    backends: Any = torch.backends
    print(
        json.dumps({"part": "versions", "torch": torch.__version__, "cudnn": backends.cudnn.version(), "gpu": torch.cuda.get_device_name()})
    )
    for product in ((16384, 1536, 8960), (16384, 3584, 18944), (8192, 8192, 8192)):
        left, right = _drawn(*product[:2]), _drawn(*product[1:])
        milliseconds = timed(partial(torch.mm, left, right))
        print(
            json.dumps(
                {"part": f"matrix product {product}", "tflops": round(2 * product[0] * product[1] * product[2] / milliseconds / 1e9)}
            )
        )
    for heads, shared, width, tokens in SHAPES:
        cuts = [0, tokens // 3, tokens // 2, tokens // 2 + 77, tokens - 300, tokens]
        bounds = torch.tensor(cuts, dtype=torch.int32, device="cuda")
        states = [_drawn(tokens, n, width) for n in (heads, shared, shared)]
        outer, known = _drawn(tokens, heads, width), list[list[torch.Tensor]]()
        for kernel in KERNELS:
            cudnn_attention._power = _exact if "unrounded" in kernel.name else ROUNDED
            row: dict[str, Any] = {"part": f"attention {kernel.name} {heads}/{shared}x{width}, {tokens}"}
            try:
                print(json.dumps({**row, **measured(kernel, states, outer, bounds, known)}), flush=True)
            except Exception as problem:  # the other kernel is measured all the same
                print(json.dumps({**row, "failed": str(problem)[:900]}), flush=True)


def measured(
    kernel: flash.Kernel, states: list[torch.Tensor], outer: torch.Tensor, bounds: torch.Tensor, known: list[list[torch.Tensor]]
) -> dict[str, Any]:
    """Milliseconds of both passes, seconds until the first result, and how far the results lie from those of the first kernel."""
    longest = int(bounds.diff().max())
    forward = partial(kernel.forward, *states, bounds, longest, None)
    began = time.monotonic()
    first = forward()
    backward = partial(kernel.backward, outer, (*states, bounds, *first), longest, None)
    known.append([first[0].float(), *(gradient.float() for gradient in backward())])
    torch.cuda.synchronize()
    built = time.monotonic() - began
    apart = [round(float((a - b).norm() / a.norm()), 5) for a, b in zip(known[0], known[-1], strict=True)]
    return {"first_s": round(built, 2), "forward_ms": timed(forward), "backward_ms": timed(backward), "differs": apart}


ROUNDED = cudnn_attention._power


def _exact(count: int, least: int) -> int:
    return count


def _drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)


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
