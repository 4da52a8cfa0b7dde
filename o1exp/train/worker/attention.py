"""Attention within each document of a packed row, as an attention implementation that transformers models accept by name."""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

from o1exp.train.data.batch import Group
from o1exp.train.data.encode import CannotTrain
from o1exp.train.worker import flash

NAME = "o1exp_documents"
VARLEN = "o1exp_documents_varlen"
NOT_BUILT = ("softcap", "s_aux")
"""Arguments by which some architectures ask for another attention than the plain causal one."""


def by_document(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: None, *, groups: list[Group],
    scaling: float | None = None, dropout: float = 0.0, sliding_window: int | None = None, **asked: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """query: [1, heads, tokens, width]; key, value: [1, key heads, tokens, width]; returns [1, tokens, heads, width].

    The signature is the one transformers calls; `groups` comes through the model's keyword arguments. A mask must never arrive: positions
    and groups say everything, and a mask beside them would mix documents. Errors: CannotTrain for attention that would not be plain causal.
    """
    assert attention_mask is None
    _check(module, groups, sliding_window, asked)
    tokens = [group.tokens for group in groups]
    rows = [torch.split(states.squeeze(0), tokens, dim=1) for states in (query, key, value)]
    parts = [_within(group, part, scaling, dropout) for group, *part in zip(groups, *rows, strict=True)]
    return (parts[0] if len(parts) == 1 else torch.cat(parts))[None], None


def _within(group: Group, part: list[torch.Tensor], scaling: float | None, dropout: float) -> torch.Tensor:
    """Causal attention of one group: query, key, value as [heads, tokens, width] to [tokens, heads, width]; splitting copies nothing."""
    query, key, value = (states.view(len(states), group.count, group.length, -1).transpose(0, 1) for states in part)
    attended = scaled_dot_product_attention(
        query, key, value, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=query.shape[1] != key.shape[1]
    )
    return attended.transpose(1, 2).flatten(0, 1)


def by_document_varlen(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: None, *, groups: list[Group],
    bounds: torch.Tensor, longest: int, scaling: float | None = None, dropout: float = 0.0, sliding_window: int | None = None, **asked: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """The same by one call of a FlashAttention kernel that knows where documents end; for GPUs, in half precision."""
    assert attention_mask is None
    _check(module, groups, sliding_window, asked)
    if dropout:
        raise CannotTrain(
            f"the varlen kernel has no attention dropout, but the model asks for {dropout:g}; set attention_dropout=0 in config.json, "
            "or machine.attention=sdpa"
        )
    query, key, value = (states.squeeze(0).transpose(0, 1) for states in (query, key, value))
    return flash.attend(query, key, value, bounds, longest, scaling)[None], None


def _check(module: torch.nn.Module, groups: list[Group], sliding_window: int | None, asked: dict[str, Any]) -> None:
    if sliding_window is not None and max(group.length for group in groups) > sliding_window:
        raise CannotTrain(f"the model attends within {sliding_window} tokens only, which is not built; set max_length={sliding_window}")
    if wrong := [name for name in NOT_BUILT if asked.get(name) is not None]:
        raise CannotTrain(
            f"{type(module).__name__} asks for attention with {', '.join(wrong)}, which is not built; choose another architecture"
        )


for name, implementation in ((NAME, by_document), (VARLEN, by_document_varlen)):
    AttentionInterface.register(name, implementation)
    AttentionMaskInterface.register(name, lambda *args, **kwargs: None)
