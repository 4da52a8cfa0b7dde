"""Rotary positions (Su et al. 2021) on a GPU, turned in place by one Triton kernel."""

from functools import cache
from typing import Any

import torch


class Rotation(torch.autograd.Function):
    """(query, key, cos, sin) to both turned: [1, heads, tokens, width], each token's heads side by side; cos, sin: [1, tokens, width].

    They are turned in place, as a matrix product has just made them and nobody else reads them.
    """

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.save_for_backward(cos, sin)
        return _turn(query, cos, sin, 1.0), _turn(key, cos, sin, 1.0)

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        return _turn(outer[0], cos, sin, -1.0), _turn(outer[1], cos, sin, -1.0), None, None


def _turn(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, way: float) -> torch.Tensor:
    rows = states.transpose(1, 2).contiguous()
    batch, tokens, heads, width = rows.shape
    assert batch == len(cos) == 1
    assert cos.shape[-1] == width
    if tokens:
        _kernel()[(tokens,)](
            rows, cos.contiguous(), sin.contiguous(), way, heads, width, _power(heads), _power(width // 2), num_warps=4
        )  # fmt: skip
    return rows.transpose(1, 2)


def _power(count: int) -> int:
    return 1 << (count - 1).bit_length()


@cache
def _kernel() -> Any:
    import triton
    from triton import language as tl

    @triton.jit  # type: ignore[untyped-decorator]
    def turn(  # type: ignore[no-untyped-def]
        rows, cos, sin, way, heads: tl.constexpr, width: tl.constexpr, many: tl.constexpr, half: tl.constexpr
    ):
        token = tl.program_id(0).to(tl.int64)
        at = tl.arange(0, half)
        head = tl.arange(0, many)
        left = token * heads * width + head[:, None] * width + at[None, :]
        inside = (head[:, None] < heads) & (at[None, :] < width // 2)
        first = tl.load(rows + left, mask=inside, other=0.0).to(tl.float32)
        second = tl.load(rows + left + width // 2, mask=inside, other=0.0).to(tl.float32)
        known = at < width // 2
        along = tl.load(cos + token * width + at, mask=known, other=0.0).to(tl.float32)[None, :]
        across = tl.load(sin + token * width + at, mask=known, other=0.0).to(tl.float32)[None, :] * way
        tl.store(rows + left, first * along - second * across, mask=inside)
        tl.store(rows + left + width // 2, second * along + first * across, mask=inside)

    return turn
