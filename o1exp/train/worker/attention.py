"""Attention within each document of a packed row, as an attention implementation that transformers models accept by name."""

from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from o1exp.train.data.batch import Group, Share
from o1exp.train.data.encode import CannotTrain
from o1exp.train.worker import flash, sequence

NAME = "o1exp_documents"
VARLEN = "o1exp_documents_varlen"


class Call(NamedTuple):
    """What a layer asks of attention: heads of queries and of keys, width of keys and of values, its window, and whether there is more
    (a soft cap, sinks) than a kernel has."""

    heads: int
    shared: int
    width: int
    value: int
    window: int | None
    more: bool


seen: dict[Call, None] = {}
"""The calls of SDPA's attention so far, by kind: what a kernel is tried on before it takes their place."""


def by_document(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: None, *,
    groups: list[Group] | None = None, scaling: float | None = None, dropout: float = 0.0, sliding_window: int | None = None,
    softcap: float | None = None, s_aux: torch.Tensor | None = None, share: Share | None = None, **asked: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """query: [1, heads, tokens, width]; key, value: [1, key heads, tokens, width]; returns [1, tokens, heads, width].

    The signature is the one transformers calls; `groups` comes through the model's keyword arguments. A mask must never arrive: positions
    and groups say everything, and a mask beside them would mix documents. Each token sees itself and the `sliding_window` - 1 before it;
    `softcap` and the sinks `s_aux` [heads] are those of Gemma 2 and gpt-oss. What else a model may ask for, the preflight finds out.
    """
    if groups is None or attention_mask is not None:
        raise LookupError("its layers are not told where documents end")
    if share is not None:
        (query, key, value), s_aux = sequence.whole((query, key, value), share), sequence.part_of_heads(s_aux, share)
    more = softcap is not None or s_aux is not None
    seen[Call(query.shape[1], key.shape[1], query.shape[3], value.shape[3], sliding_window, more)] = None
    tokens = [group.tokens for group in groups]
    rows = [torch.split(states.squeeze(0), tokens, dim=1) for states in (query, key, value)]
    parts = []
    for group, *states in zip(groups, *rows, strict=True):
        split = tuple(part.view(len(part), group.count, group.length, -1).transpose(0, 1) for part in states)
        mask = None if sliding_window is None or group.length <= sliding_window else _band(group.length, sliding_window, query.device)
        attended = _by_hand(split, scaling, dropout, mask, (softcap, s_aux)) if more else _sdpa(split, scaling, dropout, mask)
        parts.append(attended.transpose(1, 2).flatten(0, 1))
    attended = (parts[0] if len(parts) == 1 else torch.cat(parts))[None]
    return attended if share is None else sequence.part(attended, share), None


def _sdpa(states: tuple[torch.Tensor, ...], scaling: float | None, dropout: float, mask: torch.Tensor | None) -> torch.Tensor:
    """Causal attention of documents of one length: query, key, value as [documents, heads, tokens, width] to query's shape."""
    query, key, value = states
    return scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=mask is None, scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )  # fmt: skip


def _band(length: int, window: int, device: torch.device) -> torch.Tensor:
    """[length, length], true where a token sees another: itself and those before it within the window."""
    return torch.ones((length, length), dtype=torch.bool, device=device).tril().triu(1 - window)


def _by_hand(
    states: tuple[torch.Tensor, ...], scaling: float | None, dropout: float, mask: torch.Tensor | None, asked: tuple[Any, Any]
) -> torch.Tensor:
    """Attention with a soft cap on its scores or with sinks, which take their share of each softmax; the formulas of transformers."""
    query, key, value = states
    (softcap, sinks), (documents, heads, length, width) = asked, query.shape
    key, value = (part.repeat_interleave(heads // part.shape[1], 1) for part in (key, value))
    scores = (query @ key.transpose(-1, -2)) * (width**-0.5 if scaling is None else scaling)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    visible = _band(length, length, query.device) if mask is None else mask
    scores = scores.masked_fill(~visible, torch.finfo(scores.dtype).min)
    if sinks is not None:
        scores = torch.cat([scores, sinks.to(scores.dtype).view(1, -1, 1, 1).expand(documents, -1, length, 1)], -1)
    weights = torch.softmax(scores, -1, dtype=torch.float32).to(query.dtype)[..., :length]
    return torch.nn.functional.dropout(weights, dropout) @ value


def by_document_varlen(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: None, *, groups: list[Group],
    bounds: torch.Tensor, longest: int, scaling: float | None = None, dropout: float = 0.0, sliding_window: int | None = None,
    share: Share | None = None, **asked: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """The same by one call of a FlashAttention kernel that knows where documents end; for GPUs, in half precision, no cap, no sinks."""
    assert attention_mask is None
    if dropout:
        raise CannotTrain(
            f"the varlen kernel has no attention dropout, but the model asks for {dropout:g}; set attention_dropout=0 in config.json, "
            "or machine.attention=sdpa"
        )
    if share is not None:
        query, key, value = sequence.whole((query, key, value), share)
    query, key, value = (states.squeeze(0).transpose(0, 1) for states in (query, key, value))
    how = (longest, scaling) if sliding_window is None or longest <= sliding_window else (longest, scaling, sliding_window)
    attended = flash.attend(query, key, value, bounds, how)[None]
    return attended if share is None else sequence.part(attended, share), None


for name, implementation in ((NAME, by_document), (VARLEN, by_document_varlen)):
    # And in no mask interface: for a name that is not there transformers makes no mask, and does not look into positions for documents,
    # which would wait for a GPU at every micro-batch.
    AttentionInterface.register(name, implementation)
