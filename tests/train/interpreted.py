"""Our Triton kernels beside torch's formulas, interpreted on a CPU (TRITON_INTERPRET=1): a JSON line of the largest relative distances."""

import json
from typing import Any

import torch
from torch.nn.functional import cross_entropy, linear, silu
from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb

from o1exp.train.kernels import softmax
from o1exp.train.kernels.gated import Gated, Product
from o1exp.train.kernels.norm import Norm
from o1exp.train.kernels.rotary import Rotation
from o1exp.train.worker.fuse import _triton


def drawn(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape).to(dtype).requires_grad_()


def apart(ours: Any, plain: Any, given: list[torch.Tensor]) -> float:
    """The largest distance of results and gradients."""
    seen = []
    for call in (plain, ours):
        out = call(*(tensor * 1 for tensor in given))
        parts = out if isinstance(out, tuple) else (out,)
        gradients = torch.autograd.grad([part.float().pow(2).sum() for part in parts], given)
        seen.append([part.detach().float() for part in (*parts, *gradients)])
    return max(_distance(mine, theirs) for theirs, mine in zip(*seen, strict=True))


def plain_norm(hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    wide = hidden.float()
    return weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(hidden.dtype)


def losses(dtype: torch.dtype) -> float:
    logits, targets = drawn(7, 20011, dtype=dtype), torch.randint(0, 20011, (7,))
    targets[3] = logits[3].argmax()
    ours = logits.detach().clone()
    found, right = softmax.to_gradient(ours, targets, wanted=True)
    expected = cross_entropy(logits.float(), targets, reduction="none")
    (gradient,) = torch.autograd.grad(expected.sum(), logits)
    assert right.tolist() == (logits.float().argmax(1) == targets).float().tolist()
    scores, _ = softmax.to_gradient(same := logits.detach().clone(), targets, wanted=False)
    assert torch.equal(scores, found)
    assert torch.equal(same, logits.detach())
    return max(_distance(found, expected), _distance(ours, gradient))


def _distance(ours: torch.Tensor, plain: torch.Tensor) -> float:
    return float((ours.detach().float() - plain.detach().float()).norm() / plain.detach().float().norm())


def slices(dtype: torch.dtype) -> dict[str, float]:
    """What a model hands over that does not lie in one piece: parts of a wider matrix product, heads of 80 and groups of three."""
    wide, angles = drawn(1, 5, (3 + 1 + 1) * 80, dtype=dtype), torch.randn(1, 5, 40).repeat(1, 1, 2)
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    turn, norm, product = call(Rotation), call(Norm), call(Product)

    def heads(whole: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return whole[..., :240].view(1, 5, 3, 80).transpose(1, 2), whole[..., 240:320].view(1, 5, 1, 80).transpose(1, 2)

    return {
        "rotation of slices": apart(
            lambda whole: turn(*heads(whole), cos, sin), lambda whole: apply_rotary_pos_emb(*heads(whole), cos, sin), [wide]
        ),
        "norm of a slice": apart(
            lambda whole, weight: norm(whole[..., 30:150], weight, 1e-6), lambda whole, weight: plain_norm(whole[..., 30:150], weight),
            [wide, drawn(120, dtype=dtype)],
        ),
        "product of halves": apart(
            lambda whole: product(*whole.chunk(2, -1)), lambda whole: silu(whole.chunk(2, -1)[0]) * whole.chunk(2, -1)[1], [wide]
        ),
    }  # fmt: skip


def shifted(dtype: torch.dtype) -> float:
    """Gemma's norm multiplies by 1 + weight, which is no number of bf16; x is fp32 here, so that nothing else is rounded."""
    hidden, weight = torch.randn(9, 24), (torch.randn(24) * 0.1).to(dtype)
    even = hidden * torch.rsqrt(hidden.square().mean(1, keepdim=True) + 1e-6)
    return _distance(_triton().norms[1](hidden, weight, 1e-6), even * (1 + weight.float()))


def distances(dtype: torch.dtype) -> dict[str, float]:
    hidden, weight = drawn(2, 9, 24, dtype=dtype), drawn(24, dtype=dtype)
    shapes = ((40, 24), (40, 24), (24, 40))
    matrices = [(torch.randn(shape) * 0.2).to(dtype).requires_grad_() for shape in shapes]
    angles = torch.randn(1, 9, 8).repeat(1, 1, 2)
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    norm, turn = call(Norm), call(Rotation)
    return {
        "norm": apart(lambda x, w: norm(x, w, 1e-6), plain_norm, [hidden, weight]),
        "gated": apart(call(Gated), lambda x, g, u, d: linear(silu(linear(x, g)) * linear(x, u), d), [hidden, *matrices]),
        "product": apart(call(Product), lambda g, u: silu(g) * u, [drawn(2, 9, 40, dtype=dtype), drawn(2, 9, 40, dtype=dtype)]),
        "rotation": apart(
            lambda q, k: turn(q.transpose(1, 2), k.transpose(1, 2), cos, sin),
            lambda q, k: apply_rotary_pos_emb(q.transpose(1, 2), k.transpose(1, 2), cos, sin),
            [drawn(1, 9, heads, 16, dtype=dtype) for heads in (3, 2)],
        ),
        "softmax": losses(dtype),
        **slices(dtype),
        "shifted": 100 * shifted(dtype),  # no rounding explains any distance
    }  # fmt: skip


def call(function: Any) -> Any:
    return function.apply


def main() -> None:
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.bfloat16):
        print(json.dumps({"dtype": str(dtype), **distances(dtype)}))


if __name__ == "__main__":
    main()
