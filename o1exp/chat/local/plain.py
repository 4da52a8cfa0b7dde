"""A model as sampling wants it: attention that is exact, and nothing computed beside the logits."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_BESIDE = ("output_router_logits", "output_hidden_states", "output_attentions")


def exact_attention(model: Any) -> str:
    """SDPA where the architecture has it; else its own formula, which also knows soft caps and sinks."""
    return "sdpa" if model._supports_sdpa else "eager"


@contextmanager
def only_logits(model: Any) -> Iterator[None]:
    """Switch off what a config asks for beside the logits: router outputs cost a loss at every step, and a tuple is no output."""
    undo = []
    for config in {id(one): one for one in (model.config, model.config.get_text_config())}.values():
        for name, wanted in (*((name, False) for name in _BESIDE), ("return_dict", True)):
            had = getattr(config, name, wanted)
            if had != wanted:
                undo.append((config, name, had))
                setattr(config, name, wanted)
    try:
        yield
    finally:
        for config, name, had in undo:
            setattr(config, name, had)
