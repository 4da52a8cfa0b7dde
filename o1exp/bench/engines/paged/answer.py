"""All rows of a benchmark with a paged model, with less at a time where memory runs out."""

import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from o1exp.bench.engines.decode import Decoded, DecodeRequest, DecodeRules
from o1exp.bench.engines.paged.attention import Pool
from o1exp.bench.engines.paged.fit import MOST_SLOTS, PAGE, Paged, room
from o1exp.bench.engines.paged.serve import Deliver, Server
from o1exp.bench.engines.paged.step import Spent, Stepper


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Rows by number; `ask` gives a row's request. `longest`: tokens of the longest text with its prompt, and of the longest answer."""

    rows: Sequence[int]
    ask: Callable[[int], DecodeRequest]
    longest: tuple[int, int]
    slots: int = 0
    """Rows at a time; 0: as many as pay."""


def answer(model: Any, found: Paged, asked: Asked, rules: DecodeRules, told: tuple[Deliver, Callable[[int], None]]) -> Spent:
    """Answer all rows; `told`: who gets ended rows, and who counts new tokens.

    Errors: ValueError where one text does not fit on the device.
    """
    left, spent = dict.fromkeys(asked.rows), Spent()
    deliver, on_step = told

    def delivered(ended: list[tuple[int, Decoded]]) -> None:
        deliver(ended)
        for number, _ in ended:
            del left[number]

    slots = asked.slots or MOST_SLOTS
    while left:
        count, pages = room(model, found, len(left), asked.longest[0], slots)
        try:
            _serve(model, found, (count, pages), (asked, list(left), rules), (delivered, on_step), spent)
        except torch.OutOfMemoryError:
            if count == 1:
                raise
            slots = (count + 1) // 2
            print(f"out of memory with {count} rows at a time; going on with {slots}", file=sys.stderr)
        _forget(model)
    return spent


def _serve(
    model: Any, found: Paged, held: tuple[int, int], work: tuple[Asked, list[int], DecodeRules], told: tuple[Deliver, Callable[[int], None]],
    spent: Spent,
) -> None:  # fmt: skip
    slots, pages = held
    asked, rows, rules = work
    pool = Pool(found.layers, pages, PAGE, torch.zeros(1, dtype=model.dtype, device=model.device))
    stepper = Stepper(model, pool, rules, found.attend, spent)
    Server(stepper, rules, slots, asked.longest, found.layers[0][0]).serve(rows, asked.ask, *told)


def _forget(model: Any) -> None:
    gc.collect()
    if model.device.type == "cuda":
        torch.cuda.empty_cache()
