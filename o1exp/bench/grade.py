"""Grading: each sampled answer against its problem's gold answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from o1exp.answers import grade
from o1exp.answers.conventions import Mode
from o1exp.flow import Expect, Stage, Stopped, Table, Work
from o1exp.records import Attempt, Problem, Score


@dataclass(frozen=True, kw_only=True)
class Grade(Stage[Table[Score]]):
    """Find the answer in each attempt and compare it with the gold answer; an attempt that ran out of tokens counts as truncated.

    `mode`: what counts as equal where mathematics does not say (percent signs, units, order of lists, decimal comma).

    version: ClassVar[int] = 2

    Errors: ValueError where an attempt belongs to no problem.
    """

    attempts: Stage[Table[Attempt]]
    problems: Stage[Table[Problem]]
    mode: Mode = "default"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=inputs["attempts"].rows)

    def make(self, work: Work) -> None:
        golds = {problem.id: problem.answer for problem in work.open(self.problems)}
        scores = list(self._scores(work, golds))
        work.write(Score, scores)
        work.note(
            right=sum(score.correct is True for score in scores), unscored=sum(score.correct is None for score in scores),
            truncated=sum(score.truncated for score in scores), no_answer=sum(not score.extracted for score in scores),
        )  # fmt: skip

    def _scores(self, work: Work, golds: dict[str, str]) -> Iterator[Score]:
        attempts = work.open(self.attempts)
        with work.progress("graded", len(attempts)) as bar:
            for attempt in attempts:
                if work.stopping:
                    raise Stopped
                if attempt.problem not in golds:
                    name = f"{attempt.problem}#{attempt.draw}"
                    raise ValueError(f"attempt {name} belongs to no problem; grade against the problems it was sampled on")
                yield score(attempt, golds[attempt.problem], self.mode)
                bar.advance()


def score(attempt: Attempt, gold: str, mode: Mode = "default") -> Score:
    """The verdict on one attempt."""
    truncated = attempt.finish_reason == "length"
    verdict = grade(gold, attempt.text, truncated, mode)
    return Score(
        problem=attempt.problem, draw=attempt.draw, correct=verdict.correct, extracted=verdict.extracted, method=verdict.method,
        tokens=attempt.tokens, truncated=truncated,
    )  # fmt: skip
