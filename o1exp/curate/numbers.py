"""Which kind of number an answer is, quickly for the shapes that most answers have."""

import re
from functools import lru_cache

from o1exp.answers.kinds import Based, Many, Named, Region, Value
from o1exp.answers.nodes import symbols
from o1exp.answers.read import read
from o1exp.answers.regions import size
from o1exp.answers.values import rational
from o1exp.curate.criteria import NumberKind

WIDENING: tuple[NumberKind, ...] = ("integer", "fraction", "decimal", "closed_form")
"""Each kind includes those before it."""
INTEGER = r"\s*\$?\s*-?(?:\d{1,18}|\d{1,3}(?:,\d{3}){1,4})\s*\$?\s*"
_UNITS = "cm|km|mm|m|kg|g|days?|hours?|minutes?|seconds?|years?|dollars|degrees|units|people|students|ways"
_TERM = r"(?:\d{1,9}(?:\.\d{1,9})?(?:\\sqrt\{\d{1,9}\}|\\pi)?|\\sqrt\{\d{1,9}\}|\\pi)"
_SUM = rf"-?{_TERM}(?: ?[+-] ?{_TERM}){{0,3}}"
CONSTANT = rf"\s*\$?\s*(?:{_SUM}|-?\\[dt]?frac\{{{_SUM}\}}\{{[1-9]\d{{0,8}}(?:\\sqrt\{{[1-9]\d{{0,8}}\}}|\\pi)?\}})\s*\$?\s*"
"""Sums of integers, decimals, roots and multiples of them and of \u03c0, and one fraction of such."""
_INTEGER = re.compile(
    rf"{INTEGER}|\$?[A-Za-z] ?= ?{INTEGER}|\d{{1,18}}(?:\^\\circ|\\%| ?(?:\\text|\\mathrm) ?\{{[ ~]?(?:{_UNITS})\}})", re.ASCII
)
"""An integer at first sight, with `x =` or a unit."""
_NONE = re.compile(
    r"\s*\$?\s*(?:"
    r"[^=,:;]*(?:[+^({-]|\d)\s?[nxyabk](?:[+)^}-]|\s*\$?\s*\Z)[^=,:;]*"  # a formula with a variable
    r"|.*(?:[<>\u2264\u2265]|\\(?:leq?|geq?|neq|equiv|in|mid|parallel|perp|forall|exists)(?![A-Za-z])|[A-Za-z]\([a-z]\) ?=).*"
    r"|[(\[{\\]*-?\d{1,9}(?:, -?\d{1,9})+[)\]}\\]*\s*\$?\s*"  # several numbers
    r"|(?:\\(?:text|textbf|textrm|mathrm|mathbf)\s*\{\s*)?(?:\([A-H]\).*|[A-H]\)?\s*\}?))",
    re.ASCII,
)
"""What is no number at first sight: x + 1, (1, 2), \\textbf{(B)} 3."""
_VARIABLE_UNIT = re.compile(r"\d[A-Za-z]\^")
"""The letter of 2n^2, which is no unit."""
LONGEST, MOST_WORDS = 200, 8
"""Letters of an answer that can be one number, and words of it outside LaTeX commands."""
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_DECIMAL = re.compile(r"\d\.\d|%")


@lru_cache(maxsize=100_000)
def number_kind(answer: str) -> NumberKind | None:
    """The narrowest kind of the one real constant that an answer is, with its unit and `x =` or without; None where it is none.

    12/4 is an integer; a function that is constant is no number.
    """
    if _INTEGER.fullmatch(answer):
        return "integer"
    if len(answer) > LONGEST or _NONE.fullmatch(answer) or _VARIABLE_UNIT.search(answer) or len(_WORD.findall(answer)) > MOST_WORDS:
        return None
    found = next(iter(read(answer)), None)
    while isinstance(found, Named) and not any(letter.isalpha() for letter in found.argument):
        found = found.value
    if not isinstance(found, Value):
        return "integer" if isinstance(found, Based) else None
    value = rational(found.node)
    if value is None:
        return "closed_form" if not symbols(found.node) and size(found.node) is not None else None
    if value.denominator == 1 and not found.percent:
        return "integer"
    return "decimal" if _DECIMAL.search(answer) else "fraction"


def is_number(answer: str, widest: NumberKind = "closed_form") -> bool:
    """Whether an answer is one real constant of this kind or a narrower one."""
    kind = number_kind(answer)
    return kind is not None and WIDENING.index(kind) <= WIDENING.index(widest)


@lru_cache(maxsize=100_000)
def are_several(answer: str) -> bool:
    """Whether an answer gives several values: 2 and 3, {2, 3}, 2 \u00b1 \u221a3; a point (2, 3) is one."""
    if _INTEGER.fullmatch(answer):
        return False
    found = next(iter(read(answer)), None)
    if isinstance(found, Region):
        return len(found.intervals) > 1 and all(one.low == one.high for one in found.intervals)
    while isinstance(found, Named):
        found = found.value
    return isinstance(found, Many) and found.kind in ("bare", "set") and len(found.items) > 1
