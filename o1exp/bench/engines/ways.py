"""Which rows of a model may be decoded together: tried out on the model itself, against its own generate(), so no architecture is named.

Where padding shifts what a model computes (learned positions without a mask, recurrent states that read the padding), where its cache is
of a kind of its own, or where anything fails, rows of equal length are tried by generate(), and at last single rows.
"""

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from o1exp.bench.engines.decode import Batch, Way
from o1exp.chat.local.draw import NO_NUMBER, likeliest
from o1exp.chat.local.generated import generated, only
from o1exp.chat.local.rows import CannotSample, Decoded, DecodeRequest, NoNumber, Row
from o1exp.chat.local.window import regime, window

STEPS = 3
"""Tokens behind each text; after the first of them its cache is in use, after the second a row leaves."""
MOST_TRIED = 512
"""Windows and the like of more tokens would make a trial long."""
_RANGE = re.compile("window|topk|_top_k|budget|chunk|block_size|local", re.IGNORECASE)
_CHOICE = re.compile("^(?!.*(moe|expert|group)).*(topk|_top_k|budget|keep_window)", re.IGNORECASE)
LOOSE = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
"""How far logits of the same text may lie apart, as a part of their size."""


class _Told(LogitsProcessor):  # type: ignore[misc]
    """Makes generate() write the given tokens [rows, steps], and keeps the logits."""

    def __init__(self, tokens: Tensor) -> None:
        self._tokens = tokens
        self.seen: list[Tensor] = []

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        self.seen.append(scores.clone())
        return only(scores, self._tokens[:, len(self.seen) - 1])


def way_of(model: Any, longest: int = 0) -> Way:
    """The fastest way whose logits are those of generate() on each text alone; `longest`: tokens of the longest text to come.

    Errors: CannotSample where the model cannot generate at all; NoNumber where its logits are none.
    """
    with torch.inference_mode():
        texts, told = _texts(model)
        try:
            alone = [_by_generate(model, [text], told[at : at + 1])[0] for at, text in enumerate(texts)]
        except torch.OutOfMemoryError:
            raise
        except Exception as why:  # a model's code may fail in any way
            raise CannotSample(f"{_kind(model)} cannot generate text: {_first_line(why)}; take another architecture") from why
        if bool((likeliest(torch.cat(alone)) == NO_NUMBER).any()):
            raise NoNumber
        trials = {Way.PADDED: _padded, Way.ALIKE: _alike}
        if _unseen(model, longest):
            del trials[Way.PADDED]
        for way, trial in trials.items():
            refused = _why_not(model, lambda trial=trial: trial(model, texts, told, alone))  # type: ignore[misc]
            if not refused:
                return way
            print(f"not decoded as {way.value}: {refused}", file=sys.stderr)
    return Way.ALONE


def _texts(model: Any) -> tuple[list[tuple[int, ...]], Tensor]:
    """Three texts, one shorter by 8 tokens than the others, within the window; and the tokens behind each, [3, STEPS].

    They are longer than windows and selections of keys, where these are small enough to be tried.
    """
    luck, config = torch.Generator().manual_seed(0), model.config.get_text_config()
    far = max((size for _, size in _ranges(config) if size <= MOST_TRIED), default=0)
    most = max(2, window(model) - STEPS)
    long = min(most, far + far // 2 + 12)
    ids = torch.randint(config.vocab_size, (3, long + STEPS), generator=luck)
    texts = [tuple(row[:length].tolist()) for row, length in zip(ids, (max(1, long - 8), long, long), strict=True)]
    return texts, ids[:, long:].to(model.device)


def _ranges(config: Any) -> list[tuple[str, int]]:
    """Settings that say how many tokens something looks at."""
    return [(name, size) for name, size in config.to_dict().items() if type(size) is int and _RANGE.search(name)]


def _unseen(model: Any, longest: int) -> bool:
    """Do long texts change what the short ones of a trial do not show?

    Rotary positions may be others behind a regime, and a choice of the best keys takes padding for one only now and then.
    """
    chosen = [size for name, size in _ranges(model.config.get_text_config()) if _CHOICE.search(name)]
    return longest > min([regime(model), *chosen])


def _by_generate(model: Any, texts: Sequence[tuple[int, ...]], told: Tensor) -> Tensor:
    """Logits [texts, STEPS, vocabulary]."""
    drawing = _Told(told)
    generated(model, texts, STEPS, drawing)
    return torch.stack(drawing.seen, 1)


def _padded(model: Any, texts: Sequence[tuple[int, ...]], told: Tensor, alone: list[Tensor]) -> list[float]:
    """How far our own loop lies off: for two texts of unlike lengths, one of them twice, until one row is left."""
    order = [0, 1, 0]
    rows = [Row(DecodeRequest(prompt=texts[at], limit=STEPS, noise=torch.zeros(STEPS)), Decoded([])) for at in order]
    batch, again = Batch(model, rows), told[order]
    found = [_apart(ours, alone[at][0]) for ours, at in zip(batch.logits, order, strict=True)]
    batch.read(again[:, 0], [0, 1, 2])
    found += [_apart(ours, alone[at][1]) for ours, at in zip(batch.logits, order, strict=True)]
    batch.read(again[:, 1], [1])
    return [*found, _apart(batch.logits[0], alone[1][2])]


def _alike(model: Any, texts: Sequence[tuple[int, ...]], told: Tensor, alone: list[Tensor]) -> list[float]:
    together = _by_generate(model, texts[1:], told[1:])
    return [_apart(ours, own) for row, one in zip(together, alone[1:], strict=True) for ours, own in zip(row, one, strict=True)]


def _apart(ours: Tensor, other: Tensor) -> float:
    """Of two rows of logits: the size of their difference, as a part of the size of what differs between tokens."""
    held = other.isfinite()
    if not held.equal(ours.isfinite()):
        return float("inf")
    ours, other = ours[held].float(), other[held].float()
    return float((ours - other).norm() / (other - other.mean()).norm().clamp(min=1e-6))


def _why_not(model: Any, trial: Callable[[], list[float]]) -> str:
    """Why a way is not right; "" where it is."""
    try:
        found = sorted(trial())
    except torch.OutOfMemoryError:
        raise
    except Exception as why:  # as above
        return _first_line(why)
    # In half precision a router may now and then choose another expert by rounding alone.
    apart = found[-1] if model.dtype == torch.float32 else found[len(found) // 2]
    return "" if apart <= LOOSE.get(model.dtype, 5e-2) else f"logits differ from those of the text alone by {apart:.2g} of their size"


def _kind(model: Any) -> str:
    return f"{type(model).__name__} ({model.config.model_type})"


def _first_line(why: Exception) -> str:
    return next(iter(str(why).strip().splitlines()), "") or type(why).__name__
