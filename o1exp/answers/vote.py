"""Majority vote over answers, by classes of equal answers."""

from collections import Counter
from collections.abc import Sequence

from o1exp.answers.compare import canonical


def majority(answers: Sequence[str]) -> list[str]:
    """The canonical answers with the most votes (several on a tie); empty answers do not vote."""
    votes = Counter(canonical(answer) for answer in answers if answer)
    most = max(votes.values(), default=0)
    return [answer for answer, count in votes.items() if count == most]
