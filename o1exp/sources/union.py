"""Problems of several sources as one table."""

import math
import random
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from o1exp.flow import AtLeast, Expect, Role, Stage, Work
from o1exp.flow.progress import Bar
from o1exp.records import Problem, Table
from o1exp.records.table import write_frames
from o1exp.sources.seen import Ids

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True, kw_only=True)
class Union(Stage[Table[Problem]]):
    """The problems of `parts`, one source after another; each keeps its own set, revision and row.

    `limits` are the most problems of a part, its first ones. `weights` are how many problems of each part there are for each of the others
    (3 and 1: three quarters and a quarter): as many are drawn by `seed` as the scarcest part allows, or `rows` in all; a part without a
    weight then has none. An id that an earlier part has too is given a number behind it.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "several sources joined"

    parts: dict[str, Stage[Table[Problem]]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    rows: Annotated[int, AtLeast(1)] | None = None
    seed: Annotated[int, AtLeast(0)] = 0

    def mistakes(self) -> Iterator[tuple[str, str]]:
        for what in ("weights", "limits"):
            for name, value in getattr(self, what).items():
                if name not in self.parts:
                    yield what, f"{name} is none of the parts {', '.join(self.parts) or '(none)'}"
                elif value < 0:
                    yield what, f"{name}={value:g} must not be negative; 0 leaves the part out"
        if self.weights and not any(self.weights.values()):
            yield "weights", "are all 0; give one part a weight"
        if self.rows is not None and not self.weights:
            yield "rows", "goes with weights; without them limits says how many problems of each part there are"

    def preflight(self) -> Iterator[str]:
        if not self.parts:
            yield "parts is empty: name the sources to join, e.g. in a file of conf/source (docs/sources.md)"

    def peek(self, count: int) -> list[Problem]:
        """The first problems of the first parts, where no draw decides which they are."""
        if self.weights:
            return []
        parts = {name: stage.peek(min(count, self.limits.get(name, count))) for name, stage in self.parts.items()}
        return list(islice(_joined(parts), count))

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        known = {name: inputs[f"parts.{name}"].rows for name in self.parts}
        sizes = {name: min(rows, self.limits.get(name, rows)) for name, rows in known.items() if rows is not None}
        if len(sizes) < len(known):
            return Expect()
        return Expect(rows=sum(self._wanted({name: int(size) for name, size in sizes.items()}).values()))

    def make(self, work: Work) -> None:
        parts = {name: work.open(stage) for name, stage in self.parts.items()}
        sizes = {name: min(len(table), self.limits.get(name, len(table))) for name, table in parts.items()}
        wanted = self._wanted(sizes)
        if short := [name for name, count in wanted.items() if count > sizes[name]]:
            have = ", ".join(f"{name} has {sizes[name]} problems, {wanted[name]} are asked for" for name in short)
            raise ValueError(f"rows={self.rows} with these weights: {have}; lower rows or the weights")
        drawn = ((table, self._drawn(sizes[name], wanted[name], name)) for name, table in parts.items())
        with work.progress("problems", sum(wanted.values())) as bar:
            work.note(rows=write_frames(work.folder, Problem, _together(drawn, bar)), taken=wanted)

    def _wanted(self, sizes: dict[str, int]) -> dict[str, int]:
        """How many problems of each part there are."""
        if not self.weights:
            return sizes
        weights = {name: self.weights.get(name, 0.0) for name in sizes}
        whole = sum(weights.values())
        most = min(sizes[name] / weight for name, weight in weights.items() if weight) if self.rows is None else self.rows / whole
        return {name: round(most * weight) for name, weight in weights.items()}

    def _drawn(self, size: int, count: int, name: str) -> "NDArray[np.bool_]":
        """Which of the first `size` problems of a part are taken, the same whatever the other parts are."""
        return sampled(random.Random(f"{self.seed} {name}"), size, count) if count < size else np.ones(size, bool)


def sampled(luck: random.Random, size: int, count: int) -> "NDArray[np.bool_]":
    """The places of `luck.sample(range(size), count)`, marked: the same draws without their lists of numbers."""
    taken = np.zeros(size, bool)
    if size <= 21 + (4 ** math.ceil(math.log(count * 3, 4)) if count > 5 else 0):
        pool = array("q", range(size))
        for done in range(count):
            place = luck.randrange(size - done)
            taken[pool[place]] = True
            pool[place] = pool[size - done - 1]
        return taken
    for _ in range(count):
        place = luck.randrange(size)
        while taken[place]:
            place = luck.randrange(size)
        taken[place] = True
    return taken


def _joined(parts: dict[str, list[Problem]]) -> Iterator[Problem]:
    ids = Ids()
    for problems in parts.values():
        for problem in problems:
            yield replace(problem, id=ids.unused(problem.id))


def _together(drawn: "Iterable[tuple[Table[Problem], NDArray[np.bool_]]]", bar: Bar) -> "Iterator[polars.DataFrame]":
    """The problems that are taken of each table, frame by frame."""
    import polars

    ids = Ids()
    for table, taken in drawn:
        first = 0
        for frame in table.frames():
            if first >= len(taken):
                break
            some = frame[np.flatnonzero(taken[first : first + frame.height])]
            yield some.with_columns(polars.Series("id", [ids.unused(name) for name in some["id"]], dtype=polars.String))
            bar.advance(some.height)
            first += frame.height
