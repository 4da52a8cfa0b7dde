"""The numbers of a sweep's cells, `cells.json` in its folder: a cell keeps its number when the sweep goes on or gets another value."""

import json
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from o1exp.history.runs import replace_text

NUMBERS = "cells.json"


def numbered(folder: Path, cells: Sequence[tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """The cells by number, those that are new behind those that are known; several processes may ask at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".cells.lock"):
        known = read(folder)
        numbers = {_same(cell): number for number, cell in known.items()}
        after = max(known, default=-1) + 1
        for cell in cells:
            if _same(cell) not in numbers:
                numbers[_same(cell)], known[after] = after, cell
                after += 1
        replace_text(folder / NUMBERS, json.dumps({str(number): list(cell) for number, cell in known.items()}, indent=0) + "\n")
    return {numbers[_same(cell)]: cell for cell in cells}


def read(folder: Path) -> dict[int, tuple[str, ...]]:
    """All cells that the sweep ever had. Errors: ValueError naming a file that does not say so."""
    place = folder / NUMBERS
    if not place.is_file():
        return {}
    try:
        return {int(number): tuple(map(str, cell)) for number, cell in json.loads(place.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError, TypeError) as wrong:
        raise ValueError(f"{place} does not list the cells of a sweep ({wrong!r}); delete it, and the sweep numbers them anew") from wrong


def _same(cell: tuple[str, ...]) -> tuple[str, ...]:
    """The order in which a command names settings makes no other cell."""
    return tuple(sorted(cell))
