"""Are two answers the same? Typed readings are compared exactly; what lies outside our grammar goes to math-verify."""

import re
from typing import Literal

from o1exp.answers.conventions import DEFAULT, Conventions
from o1exp.answers.kinds import Answer, Opaque
from o1exp.answers.match import match
from o1exp.answers.normalise import normalise
from o1exp.answers.read import read
from o1exp.answers.symbolic import SYMBOLIC

Outcome = Literal["equal", "different", "timeout"]

_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")


def same(gold: str, answer: str, rules: Conventions = DEFAULT) -> bool:
    """Equal as mathematics, and by the conventions where mathematics alone does not say."""
    return compared(gold, answer, rules) == "equal"


def compared(gold: str, answer: str, rules: Conventions = DEFAULT) -> Outcome:
    """Whether two answers are equal; "timeout" where the symbolic comparison used up its CPU time."""
    if _INTEGER.fullmatch(gold) and _INTEGER.fullmatch(answer):
        return "equal" if gold == answer else "different"
    ours, theirs = read(gold, rules.decimal_comma), read(answer, rules.decimal_comma)
    if not ours or not theirs:
        return "equal" if gold.strip() and gold.split() == answer.split() else "different"
    verdict = _matched(ours, theirs, rules)
    if verdict is not None:
        return "equal" if verdict else "different"
    return SYMBOLIC.compared(*sorted((gold, answer))) if _symbolic(ours, theirs) else "different"


def _matched(ours: tuple[Answer, ...], theirs: tuple[Answer, ...], rules: Conventions) -> bool | None:
    doubt = False
    for one in ours:
        for other in theirs:
            verdict = match(one, other, rules)
            if verdict:
                return True
            doubt |= verdict is None
    return None if doubt else False


def _symbolic(ours: tuple[Answer, ...], theirs: tuple[Answer, ...]) -> bool:
    """Whether math-verify could know more: a reading outside our grammar that has LaTeX in it."""
    return any(isinstance(one, Opaque) and re.search(r"\\(?:sum|int|prod|lim|frac|sqrt|log|sin|cos)", one.text) for one in (*ours, *theirs))


def canonical(answer: str) -> str:
    """One spelling, for keys and for display."""
    return normalise(answer) or " ".join(answer.split())
