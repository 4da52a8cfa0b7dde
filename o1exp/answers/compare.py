"""Are two answers the same, and which of many? Typed readings are compared exactly; what lies outside our grammar goes to math-verify."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Literal

from o1exp.answers.clauses import conditioned, domain
from o1exp.answers.conventions import DEFAULT, Conventions, conventions
from o1exp.answers.fingerprint import rough, whole_only
from o1exp.answers.glyphs import CURRENCIES
from o1exp.answers.kinds import Answer, Equation, Many, Named, Opaque, Value, names_in, with_symbol
from o1exp.answers.match import match
from o1exp.answers.nodes import ANY_NAME, contains
from o1exp.answers.normalise import clean, normalise
from o1exp.answers.read import read, read_clean
from o1exp.answers.regions import size
from o1exp.answers.symbolic import SYMBOLIC
from o1exp.answers.values import rational

Outcome = Literal["equal", "different", "timeout"]

_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
_BEYOND = re.compile(r"\\(?:sum|int|prod|lim|frac|sqrt|log|sin|cos|binom)")
_EXTREMES = re.compile(
    r"\b(?:(?P<least>min(?:imum|imal)?|smallest|least|lowest)|(?P<most>max(?:imum|imal)?|largest|greatest|biggest|highest)"
    r"|(?P<gain>increase[sd]?|increasing|gain(?:s|ed)?|rises?|profit|surplus|above)"
    r"|(?P<loss>decrease[sd]?|decreasing|loss|lost|drops?|falls?|reduc\w{1,6}|deficit|below)"
    r"|(?P<north>north)|(?P<south>south)|(?P<east>east)|(?P<west>west)|(?P<more>more)|(?P<less>less|fewer)|(?P<before>before|ago|earlier)"
    r"|(?P<after>after|later)|(?<!counter-)(?<!anti-)(?P<clock>clockwise)|(?P<counter>(?:counter|anti)-?clockwise))"
    r"|\u6700(?:(?P<small>\u5c0f)|(?P<large>\u5927))|(?P<plus>\u589e\u52a0|\u4e0a\u5347|\u76c8\u5229)|(?P<minus>\u51cf\u5c11|\u4e0b\u964d|\u4e8f\u635f)",
)
_OPPOSITES = [{one, other} for one, other in zip(list(_EXTREMES.groupindex)[::2], list(_EXTREMES.groupindex)[1::2], strict=True)]
_CURRENCIES = ("", "dollars", *CURRENCIES)
_LOG = frozenset({"log"})
_MOST_BITS = 2000


def same(gold: str, answer: str, rules: Conventions = DEFAULT) -> bool:
    """Equal as mathematics, and by the conventions where mathematics alone does not say."""
    return compared(gold, answer, rules) == "equal"


def compared(gold: str, answer: str, rules: Conventions = DEFAULT) -> Outcome:
    """Whether two answers are equal; "timeout" where the symbolic comparison used up its CPU time. The order of the two does not matter."""
    if _INTEGER.fullmatch(gold) and _INTEGER.fullmatch(answer):
        return "equal" if gold == answer else "different"
    ours, theirs = clean(gold), clean(answer)
    if not ours or not theirs:
        return "equal" if gold.strip() and gold.split() == answer.split() else "different"
    verdict = matched(*sorted((ours, theirs)), rules)
    if verdict is not None:
        return "equal" if verdict else "different"
    if _beyond(read_clean(ours, rules.decimal_comma), read_clean(theirs, rules.decimal_comma)):
        return SYMBOLIC.compared(*sorted((gold, answer)))
    return "different"


def _opposite(ours: str, theirs: str) -> bool:
    """Whether one speaks of a least value and the other of a greatest one, one of a gain and the other of a loss, of north and of south."""
    said = [{str(found.lastgroup) for found in _EXTREMES.finditer(text.lower())} for text in (ours, theirs)]
    return any(len(said[0] & pair) == len(said[1] & pair) == 1 and said[0] & pair != said[1] & pair for pair in _OPPOSITES)


def _otherwise_free(ours: str, theirs: str) -> bool:
    """Whether both say what their parameter may be, and not the same: k \u2265 0 and k \u2265 1, whole and real."""
    domains = [domain(conditioned(text).condition) for text in (ours, theirs)]
    return all(domains) and not domains[0] & domains[1]


@lru_cache(maxsize=100_000)
def matched(left: str, right: str, rules: Conventions) -> bool | None:
    """Whether some reading of one cleaned answer is some reading of the other; None where that cannot be told."""
    if left == right:
        return True
    ours, theirs = read_clean(left, rules.decimal_comma), read_clean(right, rules.decimal_comma)
    verdicts = [_match(one, other, rules) for one, other in _pairs(ours, theirs)]
    if True in verdicts:
        return not _opposite(left, right) and not _otherwise_free(left, right)
    return None if None in verdicts else False


def _pairs(ours: tuple[Answer, ...], theirs: tuple[Answer, ...]) -> Iterator[tuple[Answer, Answer]]:
    """All readings of one side with all of the other; a parameter that one side leaves free has any name on the other."""
    yield from product(ours, theirs)
    free = [ANY_NAME in names_in(readings) for readings in (ours, theirs)]
    if free[0] != free[1]:
        given, named = (ours, theirs) if free[0] else (theirs, ours)
        for name in sorted(names_in(named) - names_in(given)):
            yield from product(given, (with_symbol(one, name, ANY_NAME) for one in named))


def _match(one: Answer, other: Answer, rules: Conventions) -> bool | None:
    try:
        return match(one, other, rules)
    except Exception:  # no text may end the grading of all others, whatever it makes us raise
        return None


def _beyond(ours: tuple[Answer, ...], theirs: tuple[Answer, ...]) -> bool:
    """Whether math-verify could know more: one side is LaTeX outside our grammar, the other that too or an expression with values."""
    kinds = [_kind(readings[0]) for readings in (ours, theirs)]
    return "beyond" in kinds and "" not in kinds


def _kind(reading: Answer) -> Literal["beyond", "valued", ""]:
    if isinstance(reading, Opaque):
        return "beyond" if _BEYOND.search(reading.text) else ""
    if isinstance(reading, Named):
        return _kind(reading.value)
    if not isinstance(reading, Value):
        return "valued" if isinstance(reading, Many | Equation) else ""
    return "valued" if any(value is not None for value in rough(reading.node, whole_only(reading.node), True)) else ""


def number(answer: str) -> Fraction | None:
    """The exact value of an answer that is one rational number without a unit (45% counts as 45), None for any other."""
    readings = read(answer)
    if not readings or not isinstance(readings[0], Value) or readings[0].unit not in _CURRENCIES:
        return None
    return rational(readings[0].node)


def canonical(answer: str) -> str:
    """One string per class of plainly equal answers: the exact value where there is one of fewer than 600 digits, else the one spelling."""
    value = number(answer)
    if value is not None and value.numerator.bit_length() + value.denominator.bit_length() < _MOST_BITS:
        return str(value)
    return normalise(answer) or " ".join(answer.split())


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
    sizes: dict[str, float | None] = {}
    for text in texts:
        value, sizes[text] = _plain_value(text, rules)
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
            if first != second and not _far_apart(sizes[text], sizes[other]) and matched(*sorted((text, other)), rules):
                parent[second] = first
    return {text: root(text) for text in texts}


def _plain_value(text: str, rules: Conventions) -> tuple[Fraction | None, float | None]:
    """The exact value, where it is rational, and the size of an answer that can be read in one way only, without unit, percent or degree
    sign; no size where a logarithm has no base, which may be 10."""
    readings = read_clean(text, rules.decimal_comma)
    if len(readings) != 1 or not isinstance(readings[0], Value) or readings[0] != Value(readings[0].node):
        return None, None
    node = readings[0].node
    return rational(node), None if contains(node, _LOG) else size(node)


def _far_apart(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) > 0.02 * max(abs(one), abs(other))
