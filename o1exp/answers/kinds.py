"""What an answer can be."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from o1exp.answers.nodes import Node, renamed, symbols


@dataclass(frozen=True)
class Value:
    """A number or an expression, with its unit if one is written. `percent`: a percent sign follows; `degrees`: a degree sign."""

    node: Node
    unit: str = ""
    percent: bool = False
    degrees: bool = False


@dataclass(frozen=True)
class Words:
    """Text, in lower case without articles and punctuation. `about` is what the sentence says more: of whom it speaks, or why yes or no."""

    text: str
    about: str = ""


@dataclass(frozen=True)
class Choice:
    """A letter of multiple choice, with what stands beside it."""

    letter: str
    content: "Answer | None" = None


@dataclass(frozen=True)
class Many:
    """Several answers: `bare` (a, b), a `tuple` (a, b), a `square` [a, b], a `set` {a, b}."""

    kind: Literal["bare", "tuple", "square", "set"]
    items: tuple["Answer", ...]


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`; None is infinite."""

    low: Node | None
    high: Node | None
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True)
class Region:
    """A union of intervals of real numbers, in the order written; `name` is the variable, if one is named."""

    intervals: tuple[Interval, ...]
    name: str = ""


@dataclass(frozen=True)
class Grid:
    """A matrix; a column vector has rows of one entry."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Named:
    """name = value, or f(x) = value, where `argument` is x."""

    name: str
    value: "Answer"
    argument: str = ""


@dataclass(frozen=True)
class Equation:
    """difference = 0."""

    difference: Node


@dataclass(frozen=True)
class Inequality:
    """difference > 0 or, not `strict`, >= 0."""

    difference: Node
    strict: bool


@dataclass(frozen=True)
class Ratio:
    """a : b : c; `timely` ones could be a time of day as well."""

    parts: tuple[Node, ...]
    timely: bool = False


@dataclass(frozen=True)
class Clock:
    """A time of day in minutes after midnight; `half` says whether a.m. or p.m. was written."""

    minutes: int
    half: bool


@dataclass(frozen=True)
class Based:
    """Digits in a base that is written beside them."""

    digits: str
    base: int


@dataclass(frozen=True)
class Congruence:
    """Residues modulo a number."""

    residues: frozenset[Fraction]
    modulus: Fraction


@dataclass(frozen=True)
class Opaque:
    """Mathematics outside the grammar, as it is spelled."""

    text: str


Answer = Value | Words | Choice | Many | Region | Grid | Named | Equation | Inequality | Ratio | Clock | Based | Congruence | Opaque


def names_in(answers: Iterable[Answer]) -> frozenset[str]:
    """The symbols in the expressions of answers."""
    found: frozenset[str] = frozenset()
    for answer in answers:
        if isinstance(answer, Value):
            found |= symbols(answer.node)
        elif isinstance(answer, Named):
            found |= names_in((answer.value,))
        elif isinstance(answer, Many):
            found |= names_in(answer.items)
        elif isinstance(answer, Equation | Inequality):
            found |= symbols(answer.difference)
        elif isinstance(answer, Region):
            found |= frozenset().union(*(symbols(end) for one in answer.intervals for end in (one.low, one.high) if end))
    return found


def with_symbol(answer: Answer, name: str, new: str) -> Answer:
    """The answer with a symbol of its expressions under another name."""

    def other(node: Node) -> Node:
        return renamed(node, name, new)

    if isinstance(answer, Value):
        return replace(answer, node=other(answer.node))
    if isinstance(answer, Named) and answer.name != name and answer.argument != name:
        return replace(answer, value=with_symbol(answer.value, name, new))
    if isinstance(answer, Many):
        return replace(answer, items=tuple(with_symbol(item, name, new) for item in answer.items))
    if isinstance(answer, Equation | Inequality):
        return replace(answer, difference=other(answer.difference))
    if isinstance(answer, Region):
        return replace(answer, intervals=tuple(
            replace(one, low=one.low and other(one.low), high=one.high and other(one.high)) for one in answer.intervals
        ))  # fmt: skip
    return answer
