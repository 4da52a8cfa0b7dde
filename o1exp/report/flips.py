"""Which problems an arm gained and lost against its baseline, by the majority of its answers."""

import random
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Literal

from o1exp.history.arms import Arm, benchmarks
from o1exp.report.compare import partner
from o1exp.report.samples import ShownProblem, beside

if TYPE_CHECKING:
    from o1exp.bench.outcome import QuestionScore

Change = Literal["wrong to right", "right to wrong", "both right", "both wrong", "tied"]
GAINED: Change = "wrong to right"
LOST: Change = "right to wrong"
CHANGES: tuple[Change, ...] = (GAINED, LOST, "both right", "both wrong", "tied")
SHOWN, LEAST = 48, 2
"""Flipped problems that the page shows over all arms, and of one arm at least."""


@dataclass(frozen=True)
class Flips:
    """One arm against its baseline on a benchmark: the questions that both answered, by what became of them.

    A question is right where more than half of its credit was earned, and tied where either arm earned exactly half.
    """

    arm: str
    base: str
    benchmark: str
    questions: dict[Change, tuple[str, ...]]

    @property
    def counts(self) -> dict[Change, int]:
        return {change: len(self.questions[change]) for change in CHANGES}

    @property
    def flipped(self) -> int:
        return self.counts[GAINED] + self.counts[LOST]

    def plain(self) -> dict[str, Any]:
        """As JSON values: counts, and the names of the questions that flipped."""
        named = {"gained": list(self.questions[GAINED]), "lost": list(self.questions[LOST])}
        return {"arm": self.arm, "baseline": self.base, "benchmark": self.benchmark, "counts": self.counts, **named}


def flips(arms: list[Arm], baseline: str) -> list[Flips]:
    """Benchmark by benchmark, arm by arm; nothing for two names of one result, and for arms that answered other questions."""
    found = []
    for name in benchmarks(arms):
        for arm in arms:
            base = partner(arm, arms, baseline)
            if base is not None and base.identity != arm.identity and (questions := _changes(arm, base, name)):
                found.append(Flips(arm.name, base.name, name, questions))
    return found


def shown_flips(arms: list[Arm], found: list[Flips]) -> list[ShownProblem]:
    """Flipped problems with both answers, drawn by a fixed seed, gained and lost ones in turn, as many of each arm."""
    named = {arm.name: arm for arm in arms}
    each = max(LEAST, SHOWN // max(1, len(found)))
    shown: list[ShownProblem] = []
    for one in found[:SHOWN]:
        wanted = dict(list(_drawn(one))[:each])
        pair = (named[one.arm], named[one.base])
        shown += [replace(problem, change=wanted[problem.key]) for problem in beside(pair, one.benchmark, list(wanted), majority=True)]
    return shown


def _changes(arm: Arm, base: Arm, benchmark: str) -> dict[Change, tuple[str, ...]]:
    """Empty where less than half of the questions were answered by both."""
    ours, theirs = ({one.question: one for one in side.outcome.questions.get(benchmark, [])} for side in (arm, base))
    shared = [question for question in ours if question in theirs]
    if not shared or 2 * len(shared) < max(len(ours), len(theirs)):
        return {}
    found: dict[Change, list[str]] = {change: [] for change in CHANGES}
    for question in shared:
        found[_change(_side(ours[question]), _side(theirs[question]))].append(question)
    return {change: tuple(questions) for change, questions in found.items()}


def _side(score: "QuestionScore") -> float:
    """Above 0 for right, below for wrong, 0 for a tie."""
    return 2 * score.total - score.samples


def _change(ours: float, theirs: float) -> Change:
    if not ours or not theirs:
        return "tied"
    if (ours > 0) == (theirs > 0):
        return "both right" if ours > 0 else "both wrong"
    return GAINED if ours > 0 else LOST


def _drawn(one: Flips) -> "chain[tuple[str, Change]]":
    """Every flipped question with its change, gained and lost in turn."""
    draw = random.Random(0)
    gained, lost = ([(question, change) for question in _shuffled(one.questions[change], draw)] for change in (GAINED, LOST))
    return chain.from_iterable(filter(None, turn) for turn in zip_longest(gained, lost))


def _shuffled(questions: tuple[str, ...], draw: random.Random) -> list[str]:
    return draw.sample(sorted(questions), len(questions))
