"""Attention within the documents of a row by one kernel, whose results a recomputed layer keeps: torch's own, or another."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from o1exp.train.worker.recompute import kept


class Kernel(NamedTuple):
    """forward(query, key, value, bounds, longest, scale) to the result and what else the backward pass needs; backward(gradient, saved,
    longest, scale), saved being the four tensors given and all that forward gave, to the gradients of query, key and value. One that
    knows `windows` takes a window as the last argument of both: how many tokens each sees, itself included."""

    name: str
    forward: Callable[..., tuple[torch.Tensor, ...]]
    backward: Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
    windows: bool = False
    reach: int | None = None
    """Numbers of a row's queries at most, where it counts them in 32 bits."""


How = tuple[int, float | None] | tuple[int, float | None, int]
"""Tokens of the longest document, the scale of the scores, and a window where there is one."""


_used: list[Kernel] = []


def use(kernel: Kernel) -> None:
    """Attend by this kernel from now on."""
    _used[:] = [kernel]


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bounds: torch.Tensor, how: How) -> torch.Tensor:
    """query: [tokens, heads, width]; key, value: [tokens, key heads, width]; bounds: [documents + 1] int32; returns query's shape."""
    found = _Attention.apply(query, key, value, bounds, how)  # type: ignore[no-untyped-call]
    assert isinstance(found, torch.Tensor)
    return found


class _Attention(torch.autograd.Function):
    """torch's public `varlen_attn` does the same, but hides the statistics that the backward pass needs beside the result."""

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bounds: torch.Tensor, how: How) -> torch.Tensor:
        (ctx.kernel,) = _used
        out, *statistics = kept(lambda: ctx.kernel.forward(query, key, value, bounds, *how))
        ctx.save_for_backward(query, key, value, bounds, out, *statistics)
        ctx.how = how
        return out

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        return *ctx.kernel.backward(outer[0].contiguous(), ctx.saved_tensors, *ctx.how), None, None


def forward(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bounds: torch.Tensor, longest: int, scale: float | None,
    window: int | None = None,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """The result, the logarithm of each row's sum, and two empty places for the state of a dropout that is never used."""
    out, logsumexp, state, unused, _ = torch.ops.aten._flash_attention_forward(
        query, key, value, bounds, bounds, longest, longest, 0.0, True, False, scale=scale, **_before(window)
    )
    return out, logsumexp, state, unused


def backward(
    gradient: torch.Tensor, saved: tuple[torch.Tensor, ...], longest: int, scale: float | None, window: int | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Under torch's deterministic algorithms the kernel adds in one order."""
    query, key, value, bounds, out, logsumexp, state, unused = saved
    found: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = torch.ops.aten._flash_attention_backward(
        gradient, query, key, value, out, logsumexp, bounds, bounds, longest, longest, 0.0, True, state, unused, scale=scale,
        **_before(window),
    )  # fmt: skip
    return found


def _before(window: int | None) -> dict[str, int]:
    return {} if window is None else {"window_size_left": window - 1, "window_size_right": 0}


FLASH = Kernel("FlashAttention", forward, backward, windows=True)
use(FLASH)
