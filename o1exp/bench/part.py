"""A part of a benchmark: so many of its problems, always the same ones."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, ClassVar

from o1exp.flow import AtLeast, Expect, Role, Stage, Work
from o1exp.records import Problem, Table


@dataclass(frozen=True, kw_only=True)
class Part(Stage[Table[Problem]]):
    """So many problems, drawn by `seed` and what they ask, and kept in their order: the order of the file does not matter.

    A smaller part is within a larger one of the same seed. Errors: ValueError where there are too few.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "a part of a benchmark, drawn by what its problems ask"

    problems: Stage[Table[Problem]]
    rows: Annotated[int, AtLeast(1)]
    seed: Annotated[int, AtLeast(0)] = 0

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=self.rows)

    def make(self, work: Work) -> None:
        problems = list(work.open(self.problems))
        if len(problems) < self.rows:
            raise ValueError(f"rows={self.rows}, but the benchmark has {len(problems)} problems; lower it, or set it to null for all")
        ranked = sorted(problems, key=lambda problem: sha256(f"{self.seed} {problem.question} {problem.id}".encode()).digest())
        chosen = {problem.id for problem in ranked[: self.rows]}
        work.write(Problem, (problem for problem in problems if problem.id in chosen))
        work.note(of=len(problems))
