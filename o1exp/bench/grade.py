"""Grading: each sampled answer against its problem's gold answer."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from o1exp.answers.conventions import Mode
from o1exp.answers.grade import Verdict
from o1exp.bench.finish import CUT
from o1exp.bench.oddity import manner_of
from o1exp.bench.verdicts import verdicts, with_votes
from o1exp.flow import Expect, Role, Stage, Stopped, Work
from o1exp.records import Attempt, Problem, Score, Table

ATTEMPTS, PROBLEMS = "attempts", "problems"
"""The edges of a stage that scores attempts, by which a finished one is read back."""
BATCH = 512
"""Attempts that are graded together."""


@dataclass(frozen=True, kw_only=True)
class Grade(Stage[Table[Score]]):
    """Find the answer in each attempt and compare it with the gold answer; an attempt that ran out of tokens counts as truncated.

    `mode`: what counts as equal where mathematics does not say (percent signs, units, order of lists, decimal comma), for verdicts and for
    votes alike.

    Errors: ValueError where an attempt belongs to no problem.
    """

    role: ClassVar[Role] = "grading"
    does: ClassVar[str] = "answers graded against the gold answer"
    judges: ClassVar[str] = "answer level: the final answer is compared with the gold answer; the steps before it are not judged"
    version: ClassVar[int] = 10

    attempts: Stage[Table[Attempt]]
    problems: Stage[Table[Problem]]
    mode: Mode = "default"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=inputs["attempts"].rows)

    def make(self, work: Work) -> None:
        problems = {problem.id: problem for problem in work.open(self.problems)}
        graded = with_votes(list(self._scores(work, problems)), self.mode)
        work.write(Score, graded)
        work.note(
            right=sum(score.correct is True for score in graded), unscored=sum(score.correct is None for score in graded),
            truncated=sum(score.truncated for score in graded), no_answer=sum(not score.extracted for score in graded),
            timed_out=sum(score.timed_out for score in graded),
        )  # fmt: skip

    def _scores(self, work: Work, problems: dict[str, Problem]) -> Iterator[Score]:
        attempts = work.open(self.attempts)
        with work.progress("graded", len(attempts)) as bar:
            for group in _batches(attempts):
                if work.stopping:
                    raise Stopped
                for attempt in group:
                    if attempt.problem not in problems:
                        name = f"{attempt.problem}#{attempt.draw}"
                        raise ValueError(f"attempt {name} belongs to no problem; grade against the problems it was sampled on")
                yield from scores(group, [problems[attempt.problem] for attempt in group], self.mode)
                bar.advance(len(group))


def _batches(attempts: Iterable[Attempt]) -> Iterator[list[Attempt]]:
    rows = iter(attempts)
    while group := list(itertools.islice(rows, BATCH)):
        yield group


def scorer(mode: Mode) -> str:
    """What scores by comparing answers are signed with."""
    return f"comparison of answers ({mode})"


def scores(attempts: Sequence[Attempt], problems: Sequence[Problem], mode: Mode = "default") -> list[Score]:
    """The verdict on each attempt, and on what it had said when a token budget cut it off (where it carries marks); without votes."""
    golds = [problem.answer for problem in problems]
    whole = [(gold, attempt.text, attempt.finish_reason in CUT) for attempt, gold in zip(attempts, golds, strict=True)]
    cut = [(place, part) for place, attempt in enumerate(attempts) for part in parts(attempt)]
    # What holds no box is wrong as a cut text: only the others have to be graded.
    boxed = dict.fromkeys((place, part) for place, part in cut if "boxed" in part)
    found = verdicts([*whole, *((golds[place], part, True) for place, part in boxed)], mode)
    on_parts = dict(zip(boxed, (verdict.correct is True for verdict in found[len(whole) :]), strict=True))
    cuts: dict[int, list[bool]] = {}
    for place, part in cut:
        cuts.setdefault(place, []).append(on_parts.get((place, part), False))
    scored = [_score(attempt, found[place], tuple(cuts.get(place, ()))) for place, attempt in enumerate(attempts)]
    return [
        replace(score, problem_digest=problem.digest, scorer=scorer(mode), manner=manner_of(attempt, problem))
        for score, attempt, problem in zip(scored, attempts, problems, strict=True)
    ]


def parts(attempt: Attempt) -> list[str]:
    """What stood there after 16, 32, 64 ... tokens."""
    return [attempt.text[:mark] for mark in attempt.marks]


def _score(attempt: Attempt, verdict: Verdict, cuts: tuple[bool, ...]) -> Score:
    return Score(
        problem=attempt.problem, draw=attempt.draw, correct=verdict.correct, extracted=verdict.extracted, method=verdict.method,
        tokens=attempt.tokens, truncated=attempt.finish_reason in CUT, timed_out=attempt.finish_reason == "timeout",
        thinking=attempt.thinking, cuts=cuts if verdict.correct is not None else (),
    )  # fmt: skip
