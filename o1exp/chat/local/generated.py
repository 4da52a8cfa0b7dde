"""Rows that transformers' own generate() writes, with our drawing and our ends: right for every model that it knows, if slower.

It keeps whatever a model carries from token to token (keys and values, recurrent states, nothing at all) as that model wants it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from o1exp.chat.local.draw import NO_NUMBER, choose
from o1exp.chat.local.rows import DecodeRules, NoNumber, Row


class Drawing(LogitsProcessor):  # type: ignore[misc]
    """Leaves generate() one token of each row to choose: the one that we draw."""

    def __init__(self, rows: Sequence[Row], rules: DecodeRules, step: Callable[[int], None]) -> None:
        self._rows, self._rules, self._step = rows, rules, step

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        noise = torch.tensor([_number(row) for row in self._rows], device=scores.device)
        drawn = choose(scores, noise, self._rules.temperature, self._rules.top_p).tolist()
        going = [at for at, row in enumerate(self._rows) if not row.rests]
        if any(drawn[at] == NO_NUMBER for at in going):
            raise NoNumber
        tokens = [0] * len(drawn)
        for at in going:
            tokens[at] = self._rows[at].write(drawn[at], self._rules)
        self._step(len(going))
        return only(scores, torch.tensor(tokens, device=scores.device))


class Resting(StoppingCriteria):  # type: ignore[misc]
    """Which rows write nothing more."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __call__(self, ids: Tensor, scores: Any, **_: Any) -> Tensor:
        return torch.tensor([row.rests for row in self._rows], device=ids.device)


def only(scores: Tensor, tokens: Tensor) -> Tensor:
    """Scores [rows, vocabulary] that leave each row its token [rows]."""
    return torch.full_like(scores, float("-inf")).scatter_(1, tokens[:, None], 0.0)


def _number(row: Row) -> float:
    noise, made = row.request.noise, row.written.tokens
    return float(noise[made]) if made < len(noise) else 0.0


def write(model: Any, rows: Sequence[Row], rules: DecodeRules, step: Callable[[int], None], together: bool = False) -> None:
    """Continue rows of one length until each has ended, or must be read anew. `step(new tokens)`.

    `together`: other processes run the same layers and stop only when all of them have ended (ZeRO-3). Errors: NoNumber.
    """
    most = max(row.request.limit - row.written.tokens for row in rows)
    generated(model, [row.text for row in rows], most, Drawing(rows, rules, step), Resting(rows), together)


def generated(
    model: Any, texts: Sequence[Sequence[int]], most: int, drawing: LogitsProcessor, resting: Any = None, together: bool = False
) -> None:  # fmt: skip
    """Let generate() write up to `most` tokens behind each text, all of one length."""
    ids = torch.tensor([list(text) for text in texts], device=model.device)
    with _plainly(model):
        model.generate(
            ids, attention_mask=torch.ones_like(ids), logits_processor=LogitsProcessorList([drawing]),
            stopping_criteria=StoppingCriteriaList([resting] if resting is not None else []),
            generation_config=GenerationConfig(max_new_tokens=most, do_sample=False, pad_token_id=0), synced_gpus=together,
        )  # fmt: skip


@contextmanager
def _plainly(model: Any) -> Iterator[None]:
    """Without what the model's own generation settings would do to the logits."""
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own
