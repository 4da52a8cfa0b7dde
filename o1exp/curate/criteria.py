"""The switches of the rules and their thresholds: what the filter is asked to drop."""

from dataclasses import dataclass
from typing import Annotated, Literal

from o1exp.flow import Above, AtLeast, Between, added
from o1exp.flow.check import Settings

Leak = Literal["exact", "coverage", "fuzzy", "numbers", "similar"]
"""Kinds of match with a benchmark's problem, from the surest on: the same text; most of its runs of words; most of the words of both; the
same but for its numbers; a passage or the build in common.
"""
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
    decontaminate: bool = added(False)
    """Look for the problems of every benchmark of the experiment, and drop those that are found."""
    leaks: tuple[Leak, ...] = added(("exact", "coverage", "fuzzy"))
    """Kinds of match that decontaminate drops: exact, coverage, fuzzy, numbers, similar. The others are named and kept."""
    run: Annotated[int, AtLeast(5)] = added(13)
    """Words of a run, for coverage."""
    coverage: Annotated[float, Above(0), Between(0, 1)] = added(0.5)
    """The least share of a benchmark problem's runs that stand in a problem which is then taken for it."""
    fuzzy: Annotated[float, Above(0), Between(0, 1)] = added(0.7)
    """The least share of runs of three words that a benchmark problem and one that is taken for it have in common (Dice)."""
    duplicates: bool = added(False)
    """Drop problems that are in the table before, in other words or not."""
    alike: Annotated[float, Above(0), Between(0, 1)] = added(0.8)
    """The least share of runs of three words that duplicates have in common (Jaccard)."""
    stays: Literal["first", "longest"] = added("first")
    """Which of several duplicates stays: the first, or that with the longest solution."""
