"""Several tables of examples as one, for a single SFT phase on mixed data."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from o1exp.flow import Expect, Role, Stage, Work
from o1exp.records import Example, Table


@dataclass(frozen=True, kw_only=True)
class Mix(Stage[Table[Example]]):
    """All examples of `parts`, shuffled by `seed`.

    `shares` takes a part so many times: 2 doubles it, 0.5 draws half of it, 0 leaves it out; a part without a share is taken once.
    Examples of different parts stay apart by their origin. Errors: ValueError if nothing is left.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "a mixture of several sets"

    parts: dict[str, Stage[Table[Example]]]
    shares: dict[str, float] = field(default_factory=dict)
    seed: int = 0

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not self.parts:
            yield "parts", "there is nothing to mix; name at least one table of examples"
        for name, share in self.shares.items():
            if name not in self.parts:
                yield "shares", f"{name} is none of the parts {', '.join(self.parts)}"
            elif share < 0:
                yield "shares", f"{name}={share:g} must not be negative; 0 leaves the part out"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        parts = [(inputs[f"parts.{name}"], self.shares.get(name, 1.0)) for name in self.parts]
        if any(part.rows is None for part, _ in parts):
            return Expect()
        rows = sum((part.rows or 0) * share for part, share in parts)
        tokens = sum((part.rows or 0) * share * (part.tokens_per_row or 0) for part, share in parts)
        known = rows and all(part.tokens_per_row is not None for part, _ in parts)
        return Expect(rows=rows, tokens_per_row=tokens / rows if known else None)

    def make(self, work: Work) -> None:
        luck = random.Random(self.seed)
        taken = {name: self._taken(list(work.open(stage)), self.shares.get(name, 1.0), luck) for name, stage in self.parts.items()}
        mixed = [example for examples in taken.values() for example in examples]
        if not mixed:
            raise ValueError(f"the mix of {', '.join(self.parts)} is empty; raise a share, or look at the parts")
        luck.shuffle(mixed)
        work.write(Example, mixed)
        work.note(taken={name: len(examples) for name, examples in taken.items()})

    def _taken(self, examples: list[Example], share: float, luck: random.Random) -> list[Example]:
        whole = math.floor(share)
        return examples * whole + luck.sample(examples, round((share - whole) * len(examples)))
