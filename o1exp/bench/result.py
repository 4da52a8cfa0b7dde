"""The Result stage: the scores of one arm on its benchmarks."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from o1exp.bench.summary import BenchmarkScore, summarise
from o1exp.flow import Role, Stage, Work
from o1exp.flow.expect import Expect
from o1exp.records import Score, Table

NAME = "results.json"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The scores of one arm by benchmark name."""

    benchmarks: dict[str, BenchmarkScore]

    @classmethod
    def read(cls, folder: Path) -> "Outcome":
        stored = json.loads((folder / NAME).read_text())
        return cls(benchmarks={name: BenchmarkScore.stored(score) for name, score in stored["benchmarks"].items()})


@dataclass(frozen=True, kw_only=True)
class Result(Stage[Outcome]):
    """Sum up graded attempts: accuracy with its interval, pass@k, maj@k, tokens."""

    role: ClassVar[Role] = "result"
    does: ClassVar[str] = "the scores of an arm on its benchmarks"
    version: ClassVar[int] = 2

    scores: dict[str, Stage[Table[Score]]]

    def make(self, work: Work) -> None:
        benchmarks = {name: summarise(work.open(grade)) for name, grade in self.scores.items()}
        text = json.dumps({"benchmarks": {name: score.plain() for name, score in benchmarks.items()}}, indent=1)
        (work.folder / NAME).write_text(text + "\n")
        work.note(rows=len(benchmarks), attempts=sum(score.attempts for score in benchmarks.values()))

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=len(self.scores))
