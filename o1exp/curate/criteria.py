"""The switches of the rules and their thresholds: what the filter is asked to drop."""

from dataclasses import dataclass
from typing import Annotated, Literal

from o1exp.flow import AtLeast, added
from o1exp.flow.check import Settings

NumberKind = Literal["integer", "fraction", "decimal", "closed_form"]
"""Kinds of numbers, each wider than the one before."""


@dataclass(frozen=True, kw_only=True)
class Criteria(Settings):
    """One switch for each rule, named as the rule, and the thresholds of those that have some."""

    image: bool = True
    proof: bool = True
    no_answer: bool = True
    choice: Literal["drop", "strip", "keep"] = "drop"
    """Lettered options: drop the problem, strip the options where the question stands without them, or keep it."""
    not_numerical: bool = True
    number: NumberKind = added("closed_form")
    """The widest kind of number that not_numerical keeps: integer (also 12/4), fraction, decimal, closed_form (6√2)."""
    several: bool = added(False)
    length: bool = added(False)
    shortest: Annotated[int, AtLeast(0)] = added(10)
    """Letters of a question, for the rule length."""
    longest: Annotated[int, AtLeast(1)] = added(4000)
    """Letters of a question and of its solution, for the rule length."""
    language: bool = added(False)
    languages: tuple[str, ...] = added(("en", "zh"))
    """What the rule language keeps."""
    difficulty: bool = added(False)
    easiest: float | None = added(None)
    """The levels that the rule difficulty keeps: the first number in what the set says, 5 in "Level 5"."""
    hardest: float | None = added(None)
    origin: bool = added(False)
    origins: tuple[str, ...] = added(())
    """Names of sets, or of parts of them as the sets call them (olympiads), that the rule origin keeps."""
    own_answer: bool = added(False)
