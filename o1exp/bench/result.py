"""The Result stage: the scores of one arm on its benchmarks."""

import json
from dataclasses import dataclass
from typing import ClassVar

from o1exp.bench.outcome import NAME, QUESTIONS, Outcome, QuestionScore
from o1exp.flow import Expect, Role, Stage, Work
from o1exp.records import Score, Table
from o1exp.records.table import write_table

SCORES = "scores"
"""The edge over the scored attempts of each benchmark."""


@dataclass(frozen=True, kw_only=True)
class Result(Stage[Outcome]):
    """Sum up scored attempts: accuracy with its interval, pass@k, maj@k, tokens; and keep every question for comparisons."""

    role: ClassVar[Role] = "result"
    does: ClassVar[str] = "the scores of an arm on its benchmarks"
    version: ClassVar[int] = 4

    scores: dict[str, Stage[Table[Score]]]

    def make(self, work: Work) -> None:
        from o1exp.bench.summary import summarised

        found = {name: summarised(name, work.open(scored)) for name, scored in self.scores.items()}
        text = json.dumps({"benchmarks": {name: score.plain() for name, (score, _) in found.items()}}, indent=1)
        (work.folder / NAME).write_text(text + "\n", encoding="utf-8")
        (work.folder / QUESTIONS).mkdir()
        write_table(work.folder / QUESTIONS, QuestionScore, (row for _, rows in found.values() for row in rows))
        work.note(rows=len(found), attempts=sum(score.attempts for score, _ in found.values()))

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=len(self.scores))
