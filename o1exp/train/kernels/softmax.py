"""The softmax of a chunk of logits on a GPU, as one Triton kernel: losses, right first choices, and the gradient in the logits' place."""

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch

BLOCK, WARPS = 8192, 16


def usable(logits: torch.Tensor) -> bool:
    """Is there a GPU and Triton (every GPU build of torch brings it)?"""
    return logits.is_cuda and find_spec("triton") is not None


def to_gradient(logits: torch.Tensor, targets: torch.Tensor, wanted: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """logits [rows, vocabulary], targets [rows] to -log p [rows] in fp32, and 1.0 where the target has the highest logit, else 0.0.

    If `wanted`, `logits` then holds the gradient of the summed -log p, computed in fp32.
    """
    assert logits.stride(1) == 1
    losses, right = (torch.empty(len(targets), dtype=torch.float32, device=logits.device) for _ in range(2))
    if len(targets):
        _kernel()[(len(targets),)](
            logits, logits.stride(0), targets, losses, right, logits.shape[1], wanted, BLOCK, num_warps=WARPS
        )  # fmt: skip
    return losses, right


@cache
def _kernel() -> Any:
    import triton
    from triton import language as tl

    @triton.jit  # type: ignore[untyped-decorator]
    def rows(logits, stride, targets, losses, right, width: tl.constexpr, wanted: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def]
        row = tl.program_id(0).to(tl.int64)
        logits += row * stride
        label = tl.load(targets + row)
        chosen = tl.load(logits + label).to(tl.float32)  # before anything is written: the sums below wait for all threads
        highest = chosen
        total = 0.0
        for start in range(0, width, block):
            at = start + tl.arange(0, block)
            part = tl.load(logits + at, mask=at < width, other=float("-inf")).to(tl.float32)
            above = tl.maximum(highest, tl.max(part, 0))
            total = total * tl.exp(highest - above) + tl.sum(tl.exp(part - above), 0)
            highest = above
        tl.store(losses + row, tl.log(total) + highest - chosen)
        tl.store(right + row, tl.where(chosen == highest, 1.0, 0.0))
        if wanted:
            for start in range(0, width, block):
                at = start + tl.arange(0, block)
                part = tl.load(logits + at, mask=at < width, other=float("-inf")).to(tl.float32)
                share = tl.exp(part - highest) / total
                tl.store(logits + at, tl.where(at == label, share - 1.0, share), mask=at < width)

    return rows
