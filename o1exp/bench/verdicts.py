"""The one place where this room asks `answers`: verdicts on texts, and which answers are the same."""

from collections.abc import Sequence
from functools import cache

from o1exp.answers import Verdict as Verdict
from o1exp.answers import grade
from o1exp.answers.compare import canonical


def verdicts(asked: Sequence[tuple[str, str, bool]]) -> list[Verdict]:
    """The verdict on each (gold, text, truncated), in order."""
    return [grade(gold, text, truncated) for gold, text, truncated in asked]


def classes(answers: Sequence[str]) -> list[str]:
    """A name for each answer, equal for answers that are the same; "" for an empty one, which does not vote."""
    return [_class(answer) for answer in answers]


@cache
def _class(answer: str) -> str:
    return canonical(answer) if answer.strip() else ""


def gold_answer(text: str) -> str:
    """The answer alone, where a data set gives a whole worked solution (a box, `#### x`, or a last line that says it); else the text."""
    worked = "boxed" in text or "####" in text or "\n" in text.strip()
    return (grade("0", text).extracted if worked else "") or text.strip()
