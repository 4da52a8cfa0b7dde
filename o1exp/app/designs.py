"""Which cells of the grid over all axes a sweep makes."""

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence

from o1exp.app.axes import Axes, Axis, Value

Levels = tuple[int, ...]
"""A cell as the place of each axis' value."""


def cells(axes: Axes, design: str, fraction: int = 2, runs: int = 20) -> list[Value]:
    """The overrides of every cell, what all share first; each once. Errors: ValueError for a design that does not fit the axes."""
    if design not in DESIGNS:
        raise ValueError(f"hydra.sweeper.design={design}: choose {', '.join(DESIGNS)} or random")
    if axes.intervals and design != "random":
        named = ", ".join(str(axis.interval.input_line) for axis in axes.intervals if axis.interval)
        raise ValueError(
            f"{named}: design={design} needs values; name some, or draw from it: hydra.sweeper.design=random, or hydra/sweeper=optuna"
        )
    if design == "random":
        return list(dict.fromkeys((*axes.fixed, *drawn) for drawn in _random(axes.axes, runs)))
    levels = DESIGNS[design]([len(axis.values) for axis in axes.axes], fraction)
    return list(dict.fromkeys((*axes.fixed, *_at(axes.axes, cell)) for cell in levels))


def _at(axes: Sequence[Axis], cell: Levels) -> Iterator[str]:
    for axis, place in zip(axes, cell, strict=True):
        yield from axis.values[place]


def _grid(sizes: list[int], fraction: int) -> list[Levels]:
    return list(itertools.product(*map(range, sizes)))


def _list(sizes: list[int], fraction: int) -> list[Levels]:
    """The first values of all axes, then the second ones."""
    if len(set(sizes)) > 1:
        raise ValueError(f"hydra.sweeper.design=list: the axes have {', '.join(map(str, sizes))} values; give each the same number")
    return [(place,) * len(sizes) for place in range(sizes[0] if sizes else 1)]


def _one_at_a_time(sizes: list[int], fraction: int) -> list[Levels]:
    """The first value of each axis, and every other value with the rest as it was: leave one out, or add one in."""
    first = (0,) * len(sizes)
    others = [(*first[:axis], place, *first[axis + 1 :]) for axis, size in enumerate(sizes) for place in range(1, size)]
    return [first, *others]


def _fractional(sizes: list[int], fraction: int) -> list[Levels]:
    """A part of the grid in which each axis is still balanced: a regular two-level fraction, or a generalised subset (Surowiec 2017)."""
    from pyDOE3 import fracfact_opt, fracfact, gsd  # isort: skip

    halvings = math.log2(fraction) if fraction >= 2 else 0
    small = [size for size in sizes if size > 1]
    if fraction < 2 or len(small) < 2:
        raise ValueError(f"hydra.sweeper.fraction={fraction}: at least 2, with two axes or more; leave out the design for the whole grid")
    if set(small) == {2} and halvings == int(halvings):
        if halvings >= len(small) - 1:
            raise ValueError(f"hydra.sweeper.fraction={fraction}: {len(small)} axes of two values take {2 ** (len(small) - 2)} at most")
        rows = [[int(level > 0) for level in row] for row in fracfact(fracfact_opt(len(small), int(halvings))[0])]
    else:
        if fraction > max(small):
            raise ValueError(f"hydra.sweeper.fraction={fraction}: these axes take {max(small)} at most")
        rows = [[int(level) for level in row] for row in gsd(small, fraction)]
    return sorted(tuple(_spread(row, sizes)) for row in rows)


def _spread(row: list[int], sizes: list[int]) -> Iterator[int]:
    """An axis of one value stands in every cell."""
    levels = iter(row)
    for size in sizes:
        yield next(levels) if size > 1 else 0


def _random(axes: Sequence[Axis], runs: int) -> Iterator[Value]:
    luck = random.Random(0)  # the same command draws the same cells
    for _ in range(runs):
        yield tuple(itertools.chain.from_iterable(_drawn(axis, luck) for axis in axes))


def _drawn(axis: Axis, luck: random.Random) -> Value:
    if axis.interval is None:
        return luck.choice(axis.values)
    start, end = float(axis.bounds.start or 0), float(axis.bounds.end or 0)
    if "log" in axis.bounds.tags:
        return (f"{axis.name}={math.exp(luck.uniform(math.log(start), math.log(end))):.6g}",)
    if isinstance(axis.bounds.start, int) and isinstance(axis.bounds.end, int):
        return (f"{axis.name}={luck.randint(axis.bounds.start, axis.bounds.end)}",)
    return (f"{axis.name}={luck.uniform(start, end):.6g}",)


DESIGNS: dict[str, Callable[[list[int], int], list[Levels]]] = {
    "grid": _grid, "list": _list, "one_at_a_time": _one_at_a_time, "fractional": _fractional, "random": _grid,
}  # fmt: skip
