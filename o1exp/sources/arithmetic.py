"""Generated sums: a world small enough for half a million parameters, with train and test disjoint by content."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from random import Random
from typing import Annotated, ClassVar, Literal

from o1exp.flow import AtLeast, Between, Expect, Role, Stage, StageFailed, Work, how
from o1exp.records import Problem, Table

Split = Literal["train", "test"]
Operands = tuple[int, ...]

TEST_SHARE = 5
"""One multiset of operands in this many is a test problem."""


@dataclass(frozen=True, kw_only=True)
class Arithmetic(Stage[Table[Problem]]):
    """Make sums of several numbers; `operands` are the numbers of summands in turn, each summand has `digits` digits.

    The operands, in whatever order, decide by a hash whether a sum is a train or a test problem, so that no seed, count or mix of lengths
    can put 47+38 on one side and 38+47 on the other. Within a split no two problems have the same operands.
    """

    role: ClassVar[Role] = "source"
    does: ClassVar[str] = "generated sums"

    count: Annotated[int, AtLeast(1)] = 600
    operands: tuple[Annotated[int, Between(2, 50)], ...] = (2, 3)
    digits: Annotated[int, Between(1, 9)] = 2
    split: Split = "train"
    seed: Annotated[int, AtLeast(0)] = 0
    provider: str = how("o1exp, generated")
    """Who the data are from, and under which `licence` (as the hub spells it, e.g. apache-2.0), for the data card."""
    licence: str = how("apache-2.0")
    citation: str = how("")

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not self.operands or len(set(self.operands)) < len(self.operands):
            yield "operands", f"{self.operands!r} must name at least one number of summands, each once"
            return
        for summands, wanted in self._wanted().items():
            world = World(summands, self.digits)
            # Counting a world exactly takes as long as drawing it, so it is done only where it may run short.
            if 2 * TEST_SHARE * wanted > world.size and (given := len(world.draw(self.split, wanted, self.seed))) < wanted:
                what = f"{wanted} sums of {summands} summands with {self.digits} digits, but the {self.split} split has {given} of them"
                yield "count", f"{self.count} asks for {what}; lower count, or raise digits or operands"

    def make(self, work: Work) -> None:
        drawn = {summands: World(summands, self.digits).draw(self.split, wanted, self.seed) for summands, wanted in self._wanted().items()}
        turns = [drawn[self.operands[i % len(self.operands)]].pop() for i in range(self.count)]
        work.write(Problem, [problem(operands) for operands in turns])

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        width = max(self.operands) * (self.digits + 1) + 2
        return Expect(rows=self.count, tokens_per_row=width)

    def _wanted(self) -> dict[int, int]:
        """How many sums of each number of summands, for `count` problems in turn."""
        each, more = divmod(self.count, len(self.operands))
        return {summands: each + (place < more) for place, summands in enumerate(self.operands)}


def problem(operands: Operands) -> Problem:
    """The sum as a problem. Its solution is the shortcut: the answer alone, in the format that a student must write."""
    answer = str(sum(operands))
    return Problem(
        id="sum-" + "-".join(map(str, operands)), question=f"Compute {'+'.join(map(str, operands))}.", answer=answer,
        solution=f"\\boxed{{{answer}}}", source="arithmetic",
    )  # fmt: skip


def side(operands: Operands) -> Split:
    """The split that a sum belongs to, whatever the order of its operands."""
    digest = hashlib.sha256(" ".join(map(str, sorted(operands))).encode()).digest()
    return "test" if int.from_bytes(digest[:8]) % TEST_SHARE == 0 else "train"


@dataclass(frozen=True)
class World:
    """All multisets of `summands` numbers with `digits` digits, each known by its rank in [0, size)."""

    summands: int
    digits: int

    @property
    def lowest(self) -> int:
        return int(10 ** (self.digits - 1))

    @property
    def size(self) -> int:
        numbers = 10**self.digits - self.lowest
        return comb(numbers + self.summands - 1, self.summands)

    def draw(self, split: Split, wanted: int, seed: int) -> list[Operands]:
        """Up to `wanted` different sums of one split, operands shuffled; fewer only where the split has no more."""
        random = Random(f"{split} {seed} {self.summands} {self.digits}")
        tries = min(self.size, 4 * TEST_SHARE * wanted + 1000)
        ranks = (random.randrange(self.size) for _ in range(tries)) if self.size > 2**62 else random.sample(range(self.size), tries)
        found = dict.fromkeys(operands for rank in ranks if side(operands := self.multiset(rank)) == split)
        if len(found) < wanted and tries < self.size:
            raise StageFailed(f"no {wanted} sums of {self.summands} summands in {tries} draws; lower count")
        return [tuple(random.sample(operands, len(operands))) for operands in list(found)[:wanted]]

    def multiset(self, rank: int) -> Operands:
        """The multiset of this rank: numbered like combinations, by binomials, each chosen number raised by its place."""
        chosen = []
        for place in range(self.summands, 0, -1):
            low, high = place - 1, place
            while comb(high, place) <= rank:
                low, high = high, 2 * high
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if comb(middle, place) <= rank else (low, middle)
            rank -= comb(low, place)
            chosen.append(self.lowest + low - (place - 1))
        return tuple(chosen)
