"""Are two answers the same? Exact numbers first, then one spelling, then symbolic comparison."""

import re

from o1exp.answers.normalise import exact, normalise
from o1exp.answers.symbolic import SYMBOLIC

_PLAIN_WORDS = re.compile(r"^[A-Za-z\s]*$")


def same(gold: str, answer: str) -> bool:
    """Equal as mathematics. Two exact numbers are decided exactly (no rounding); a percent sign on one side only is ignored."""
    left, right = normalise(gold), normalise(answer)
    if left == right and left:
        return True
    if not left or not right:
        return False
    numbers = exact(left), exact(right)
    if numbers[0] is not None and numbers[1] is not None:
        if (left.endswith("%") and right.endswith("%")) or not (left.endswith("%") or right.endswith("%")):
            return numbers[0] == numbers[1]
        return numbers[0] == numbers[1] or numbers[0] == numbers[1] * 100 or numbers[0] * 100 == numbers[1]
    if _PLAIN_WORDS.match(left) or _PLAIN_WORDS.match(right):
        return left.strip("()").lower() == right.strip("()").lower()
    return SYMBOLIC.equal(left, right)


def canonical(answer: str) -> str:
    """One string per class of plainly equal answers, for voting: the exact value where there is one, else the one spelling."""
    normal = normalise(answer)
    value = exact(normal)
    return normal if value is None else str(value)
