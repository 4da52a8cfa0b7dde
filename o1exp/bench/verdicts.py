"""The one place where this room asks `answers`: verdicts on texts, and which answers are the same."""

from collections.abc import Sequence

from o1exp import answers
from o1exp.answers import Pair, Verdict, grade, grade_all
from o1exp.answers.conventions import Mode


def verdicts(asked: Sequence[tuple[str, str, bool]], mode: Mode = "default") -> list[Verdict]:
    """The verdict on each (gold, text, truncated), in order."""
    return grade_all([Pair(gold, text, truncated=truncated) for gold, text, truncated in asked], mode)


def classes(texts: Sequence[str]) -> list[str]:
    """A name for each answer, equal for answers that are the same; "" for an empty one, which does not vote."""
    return ["" if number < 0 else str(number) for number in answers.classes(texts)]


def gold_answer(text: str) -> str:
    """The answer alone, where a data set gives a whole worked solution (a box, `#### x`, or a last line that says it); else the text."""
    worked = "boxed" in text or "####" in text or "\n" in text.strip()
    return (grade("0", text).extracted if worked else "") or text.strip()
