"""How long a text a model takes."""

import re
import sys
from typing import Any

_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_seq_length", "max_sequence_length", "seq_length")
_POSITIONS = re.compile("rotary|rope|posit|wpe|pos_e", re.IGNORECASE)


def window(model: Any) -> int:
    """Tokens of a text at most; sys.maxsize where the model has no positions that could run out (alibi, state spaces).

    A sliding window is no limit: it only hides what lies behind it.
    """
    config = model.config.get_text_config()
    found = {name: size for name in _NAMES if isinstance(size := getattr(config, name, None), int) and size > 0}
    # Alibi without a table of its size is computed as it is needed; MPT alone lays it out for `max_seq_len` tokens.
    limited = "max_seq_len" in found or (not getattr(config, "alibi", False) and _has_positions(model))
    return next(iter(found.values())) if found and limited else sys.maxsize


def regime(model: Any) -> int:
    """Tokens up to which rotary positions are the same; one longer text (longrope) changes them for all that are read beside it."""
    rotary = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    kinds = [one for one in (rotary, *rotary.values()) if isinstance(one, dict) and one.get("rope_type") == "longrope"]
    return min((one["original_max_position_embeddings"] for one in kinds), default=sys.maxsize)


def _has_positions(model: Any) -> bool:
    named = (*model.named_modules(), *model.named_parameters(), *model.named_buffers())
    return any(_POSITIONS.search(name) or _POSITIONS.search(type(part).__name__) for name, part in named)
