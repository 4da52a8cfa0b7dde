"""Attention over pages, as an implementation that any transformers model accepts by name: no architecture is written down here.

A forward pass is of one of two kinds, which its `paged` argument says: whole prompts one behind the other, or one new token of each row.
Both write their keys and values into the pages first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "o1exp_paged"
NOT_BUILT = ("softcap", "s_aux", "sliding_window")
"""Arguments by which some architectures ask for another attention than the plain causal one."""

Attend = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, tuple[float, int, int]], Tensor]
"""As `attend_pages`."""


class NotPaged(Exception):
    """This model is not made of plain causal attention alone, or does not hand on what it is given."""


class Pass(Protocol):
    """One forward pass: what attention does with a layer's states, [tokens, heads, width] each."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor: ...


class Pool:
    """Keys and values of every layer, [pages x page, key heads, width] each. Page 0 belongs to nobody and takes what nobody needs."""

    def __init__(self, layers: list[tuple[int, int]], pages: int, page: int, like: Tensor) -> None:
        self.pages, self.page = pages, page
        self.keys = [like.new_zeros(pages * page, heads, width) for heads, width in layers]
        self.values = [like.new_zeros(pages * page, heads, width) for heads, width in layers]

    def write(self, layer: int, places: Tensor, key: Tensor, value: Tensor) -> None:
        """Put states [tokens, key heads, width] at these places [tokens]."""
        self.keys[layer].index_copy_(0, places, key)
        self.values[layer].index_copy_(0, places, value)


@dataclass(frozen=True)
class Prompts:
    """Whole texts one behind the other, each attending to itself alone; `places`: where each token's keys and values go."""

    pool: Pool
    places: Tensor
    lengths: list[int]
    bounds: Tensor
    """Where texts begin and the last one ends, int32 on the device."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        self.pool.write(layer, self.places, key, value)
        if query.is_cuda and query.element_size() == 2 and query.shape[-1] % 8 == 0 and query.shape[-1] <= 256:
            return _flash(query, key, value, self.bounds, max(self.lengths), scale)
        parts = (torch.split(states, self.lengths) for states in (query, key, value))
        return torch.cat([causal(q, k, v, scale) for q, k, v in zip(*parts, strict=True)])


@dataclass(frozen=True)
class Steps:
    """One new token of each row. table: [rows, pages]; lengths: [rows], texts with their new token."""

    pool: Pool
    table: Tensor
    lengths: Tensor
    places: Tensor
    splits: int
    kernel: Attend

    @classmethod
    def at(cls, pool: Pool, table: Tensor, positions: Tensor, how: tuple[int, Attend]) -> "Steps":
        """positions: [rows], where the new token stands in its text; `how`: in how many parts long rows are read, and by what."""
        pages = table.gather(1, (positions // pool.page)[:, None]).squeeze(1)
        return cls(pool, table, positions + 1, pages.long() * pool.page + positions % pool.page, *how)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        self.pool.write(layer, self.places, key, value)
        held = self.pool.keys[layer], self.pool.values[layer]
        return self.kernel(query.contiguous(), *held, self.table, self.lengths, (scale, self.pool.page, self.splits))


@dataclass(frozen=True)
class Look:
    """A pass that only looks at the states: which layers there are, and how wide."""

    layers: dict[int, tuple[int, int]]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        if layer in self.layers or key.shape != value.shape or query.shape[-1] != key.shape[-1]:
            raise NotPaged(f"layer {layer} attends otherwise")
        self.layers[layer] = key.shape[1], key.shape[2]
        return causal(query, key, value, scale)


def paged_attention(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *, paged: Pass | None = None,
    scaling: float | None = None, dropout: float = 0.0, is_causal: bool | None = None, **asked: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """query: [batch, heads, tokens, width]; key, value: [batch, key heads, tokens, width]; returns [batch, tokens, heads, width].

    The signature is the one transformers calls. Errors: NotPaged for attention that would not be plain causal.
    """
    wrong = [name for name in NOT_BUILT if asked.get(name) is not None]
    if paged is None or attention_mask is not None or dropout or wrong or is_causal is False:
        raise NotPaged(f"{type(module).__name__} asks for attention with {', '.join(wrong) or 'other arguments'}")
    batch, _, tokens, width = query.shape
    q, k, v = (states.transpose(1, 2).reshape(batch * tokens, -1, states.shape[-1]) for states in (query, key, value))
    layer = getattr(module, "layer_idx", None)
    if not isinstance(layer, int):
        raise NotPaged(f"{type(module).__name__} does not say which layer it is")
    found = paged.attend(layer, q, k, v, width**-0.5 if scaling is None else float(scaling))
    return found.view(batch, tokens, -1, width), None


def causal(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Causal attention of one text; [tokens, heads, width]."""
    q, k, v = (part.transpose(0, 1)[None] for part in (query, key, value))
    attended = scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=query.shape[1] != key.shape[1])
    return attended[0].transpose(0, 1)


def _flash(query: Tensor, key: Tensor, value: Tensor, bounds: Tensor, longest: int, scale: float) -> Tensor:
    """The FlashAttention kernel that torch ships, over several texts at once; it shares key heads by itself in every version."""
    kernel = torch.ops.aten._flash_attention_forward
    found: Tensor = kernel(query, key, value, bounds, bounds, longest, longest, 0.0, True, False, scale=scale)[0]
    return found


def attend_pages(query: Tensor, keys: Tensor, values: Tensor, table: Tensor, lengths: Tensor, call: tuple[float, int, int]) -> Tensor:
    """The plain formula. query: [rows, heads, width]; keys, values: [tokens, key heads, width]; call: scale, page, splits."""
    scale, page, _ = call
    columns = torch.arange(table.shape[1] * page, device=table.device)
    places = table.long()[:, columns // page] * page + columns % page
    key, value = (held[places].transpose(1, 2) for held in (keys, values))
    mask = (columns < lengths[:, None])[:, None, None]
    shared = query.shape[1] != keys.shape[1]
    return scaled_dot_product_attention(query[:, :, None], key, value, mask, scale=scale, enable_gqa=shared).squeeze(2)


AttentionInterface.register(NAME, paged_attention)
