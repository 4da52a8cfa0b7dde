"""Majority vote over answers, by classes of equal answers."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from o1exp.answers.compare import canonical, matched
from o1exp.answers.conventions import Conventions, conventions
from o1exp.answers.kinds import Value
from o1exp.answers.normalise import clean
from o1exp.answers.rational import rational
from o1exp.answers.read import read_clean


def majority(answers: Sequence[str], mode: str = "default") -> list[str]:
    """The canonical answers with the most votes (several on a tie); empty answers do not vote."""
    spellings: dict[int, Counter[str]] = {}
    for answer, label in zip(answers, classes(answers, mode), strict=True):
        if label >= 0:
            spellings.setdefault(label, Counter())[canonical(answer)] += 1
    most = max((votes.total() for votes in spellings.values()), default=0)
    return [min(votes, key=lambda text: (-votes[text], len(text), text)) for votes in spellings.values() if votes.total() == most]


def classes(answers: Sequence[str], mode: str = "default") -> list[int]:
    """The class of each answer: equal answers have one number, counted from 0 in order of appearance; -1 where there is no answer.

    Which answers stand together does not depend on their order. Plain numbers are told apart by their exact values, anything else by its
    values at fixed points, so 64 surds take milliseconds. What cannot be read, or is too long to be, stands with what is spelled the same.
    """
    rules = conventions(mode)
    cleaned = [clean(answer) for answer in answers]
    group = _groups(sorted({text for text in cleaned if text}), rules)
    order: dict[tuple[str, bool], int] = {}
    labels = []
    for answer, text in zip(answers, cleaned, strict=True):
        name = (group[text], True) if text else (" ".join(answer.split()), False)
        labels.append(order.setdefault(name, len(order)) if name[0] else -1)
    return labels


def _groups(texts: list[str], rules: Conventions) -> dict[str, str]:
    """Each text's representative: the first text of its class."""
    parent = {text: text for text in texts}

    def root(text: str) -> str:
        while parent[text] != text:
            text = parent[text]
        return text

    exact: dict[Fraction, str] = {}
    others, plain = [], []
    for text in texts:
        value = _plain_value(text, rules)
        if value is None:
            others.append(text)
        elif value in exact:
            parent[text] = exact[value]
        else:
            exact[value] = text
            plain.append(text)
    for place, text in enumerate(others):
        for other in (*others[:place], *plain):
            first, second = sorted((root(text), root(other)))
            if first != second and matched(*sorted((text, other)), rules):
                parent[second] = first
    return {text: root(text) for text in texts}


def _plain_value(text: str, rules: Conventions) -> Fraction | None:
    """The value of an answer that can be read in one way only, as a rational number without unit, percent or degree sign."""
    readings = read_clean(text, rules.decimal_comma)
    if len(readings) != 1 or not isinstance(readings[0], Value) or readings[0] != Value(readings[0].node):
        return None
    return rational(readings[0].node)
