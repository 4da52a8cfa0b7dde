"""All rows of a benchmark with a paged model, with less at a time where memory runs out."""

import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from o1exp.bench.engines.paged.attention import Pool
from o1exp.bench.engines.paged.fit import MOST_SLOTS, PAGE, Paged, room
from o1exp.bench.engines.paged.rows import Told
from o1exp.bench.engines.paged.serve import Server
from o1exp.bench.engines.paged.step import Spent, Stepper
from o1exp.chat.local.rows import Decoded, DecodeRequest, DecodeRules


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Rows by number and how they are written; `ask` gives a row's request."""

    rows: Sequence[int]
    ask: Callable[[int], DecodeRequest]
    rules: DecodeRules
    longest: tuple[int, int]
    """Tokens of the longest text with its prompt, and of the longest answer alone."""
    slots: int = 0
    """Rows at a time; 0: as many as pay."""


def answer(model: Any, found: Paged, asked: Asked, told: Told) -> Spent:
    """Answer all rows; what memory cannot hold is tried again with half as many at a time.

    Errors: ValueError where one text does not fit on the device; torch.OutOfMemoryError where one does not in spite of that.
    """
    left, spent, slots = dict.fromkeys(asked.rows), Spent(), asked.slots or MOST_SLOTS
    begun: dict[int, Decoded] = {}

    def ended(rows: list[tuple[int, Decoded]]) -> None:
        told.ended(rows)
        for number, _ in rows:
            del left[number]
            begun.pop(number, None)

    while left:
        size = room(model, found, len(left), asked.longest[0], slots)
        try:
            _serve(model, found, replace(asked, rows=list(left)), (replace(told, ended=ended), spent), size, begun)
        except torch.OutOfMemoryError:
            if size[0] == 1:
                raise
            slots = (size[0] + 1) // 2
            print(f"out of memory with {size[0]} rows at a time; going on with {slots}", file=sys.stderr)
        gc.collect()
        if model.device.type == "cuda":
            torch.cuda.empty_cache()
    return spent


def _serve(
    model: Any, found: Paged, asked: Asked, noted: tuple[Told, Spent], size: tuple[int, int], begun: dict[int, Decoded]
) -> None:  # fmt: skip
    """With a pool of its own, which is gone afterwards; `size`: slots and pages."""
    (told, spent), (slots, pages) = noted, size
    pool = Pool(found.layers, pages, PAGE, torch.zeros(1, dtype=model.dtype, device=model.device))
    stepper = Stepper(model, pool, asked.rules, found.attend, spent)
    Server(stepper, asked.rules, slots, asked.longest, told).serve(asked.rows, asked.ask, begun)
