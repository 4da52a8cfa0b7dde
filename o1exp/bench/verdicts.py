"""The one place where this room asks `answers`: verdicts on texts, and which answers are the same."""

from collections.abc import Sequence
from dataclasses import replace

from o1exp.answers.compare import classes
from o1exp.answers.conventions import Mode
from o1exp.answers.grade import GoldPair, Verdict, grade_all
from o1exp.records import Score


def verdicts(asked: Sequence[tuple[str, str, bool]], mode: Mode = "default") -> list[Verdict]:
    """The verdict on each (gold, text, truncated), in order."""
    return grade_all([GoldPair(gold, text, truncated=truncated) for gold, text, truncated in asked], mode)


def with_votes(scores: Sequence[Score], mode: Mode = "default") -> list[Score]:
    """The same scores, each with the class of equal answers of its problem that it votes for; `mode` says what is equal, as in verdicts."""
    by_problem: dict[str, list[int]] = {}
    for place, score in enumerate(scores):
        by_problem.setdefault(score.question, []).append(place)
    votes = dict[int, int]()
    for places in by_problem.values():
        votes |= zip(places, classes([scores[place].extracted for place in places], mode), strict=True)
    return [replace(score, vote=votes[place]) for place, score in enumerate(scores)]
