"""How a benchmark's answers are scored where they are not compared with a gold answer: the settings that a suite's YAML chooses."""

from abc import abstractmethod
from dataclasses import dataclass, replace

from o1exp.bench.finish import CUT
from o1exp.bench.oddity import manner_of
from o1exp.bench.sample import Sample
from o1exp.flow import Settings, Stage
from o1exp.records import Attempt, Problem, Score, Table


@dataclass(frozen=True, kw_only=True)
class Scorer(Settings):
    """Makes the stage that scores sampled answers."""

    @abstractmethod
    def stage(self, attempts: Sample, problems: Stage[Table[Problem]]) -> Stage[Table[Score]]:
        """The scores of these answers to these problems."""


def of_attempt(score: Score, attempt: Attempt, problem: Problem) -> Score:
    """The score with what every score has from its attempt and its problem, whoever gave it."""
    return replace(
        score, problem=problem.id, draw=attempt.draw, tokens=attempt.tokens, truncated=attempt.finish_reason in CUT,
        timed_out=attempt.finish_reason == "timeout", thinking=attempt.thinking, problem_digest=problem.digest,
        manner=manner_of(attempt, problem),
    )  # fmt: skip


def beside(attempt: Attempt, problems: dict[str, Problem]) -> Problem:
    """The problem of an attempt. Errors: ValueError where it is not among them."""
    if attempt.problem not in problems:
        raise ValueError(f"attempt {attempt.problem}#{attempt.draw} belongs to no problem; score it beside the problems it was sampled on")
    return problems[attempt.problem]
