"""Where the examples went and what everything cost, over all arms, each stage once."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.chat.accounts import NOTHING, Account, Book, open_book
from o1exp.history.arms import Arm
from o1exp.history.counts import in_words
from o1exp.history.lineage import Artefact
from o1exp.history.trained import TrainedPhase


@dataclass(frozen=True)
class FunnelStep:
    """One stage of a funnel: rows that came out, and what it noted about the others."""

    stage: str
    rows: int
    remark: str


@dataclass(frozen=True)
class Funnel:
    """From problems to the examples of one training, e.g. label "Phase 2: SFT"; `arms` share it."""

    label: str
    arms: tuple[str, ...]
    steps: tuple[FunnelStep, ...]

    @property
    def most(self) -> int:
        return max((step.rows for step in self.steps), default=1) or 1


@dataclass(frozen=True)
class Money:
    """Model calls of some stages: `answers` each distinct one once, whoever paid; `paid` by these stages, what was lost included;
    `replayed` the answers that others had paid before.
    """

    answers: Account = NOTHING
    paid: Account = NOTHING
    replayed: Account = NOTHING

    def __add__(self, other: "Money") -> "Money":
        return Money(self.answers + other.answers, self.paid + other.paid, self.replayed + other.replayed)


@dataclass(frozen=True)
class Cost:
    """One stage's bill; `arms` share it."""

    artefact: Artefact
    arms: tuple[str, ...]
    money: Money

    def fact(self, name: str) -> float:
        value = self.artefact.facts.get(name, 0)
        return float(value) if isinstance(value, int | float) else 0.0


def money(arms: list[Arm]) -> Money:
    """What all these arms come to, from the book of each outputs folder; stages that it does not know count as they noted."""
    total = Money()
    for root in {arm.lineage.root for arm in arms}:
        stages = {artefact.path: artefact for arm in arms if arm.lineage.root == root for artefact in arm.stages}
        with open_book(root) as book:
            total += _money(book, list(stages.values()))
    return total


def money_of(root: Path, stages: list[Artefact]) -> Money:
    """What these stages of one outputs folder come to."""
    with open_book(root) as book:
        return _money(book, stages)


def usd_per_right(arms: list[Arm]) -> float | None:
    """What a right thought cost: the answers of all stages that had them judged, and of those that rewrote what a search found, over
    the right ones; None for none.
    """
    facts = {stage.path: stage.facts for arm in arms for stage in arm.stages}
    judged = [noted for noted in facts.values() if "usd_per_right" in noted]
    rewritten = [noted for noted in facts.values() if "drafts" in noted and "usd" in noted]
    right = sum(int(noted["right"]) for noted in judged)
    return sum(float(noted["usd"]) for noted in (*judged, *rewritten)) / right if right else None


def _money(book: Book, stages: list[Artefact]) -> Money:
    asked = [stage for stage in stages if stage.facts.get("requests")]
    known = [stage.path for stage in asked if book.knows(stage.path)]
    found = Money(book.answers(known), book.paid(stage.path for stage in stages), book.replayed(known)) if asked else Money()
    return sum((_noted(stage.facts) for stage in asked if stage.path not in known), found)


def _noted(facts: dict[str, Any]) -> Money:
    """A stage from before the book knew stages: what its answers cost, not who paid."""
    requests, cached, prompt, tokens = (int(facts.get(name, 0)) for name in ("requests", "cached", "prompt_tokens", "tokens"))
    return Money(Account(requests, 0, prompt, tokens - prompt, float(facts.get("usd", 0))), replayed=Account(cached))


def shared_trainings(arms: list[Arm]) -> list[tuple[TrainedPhase, tuple[str, ...]]]:
    """Every training once, phase by phase, with the arms that stand on it."""
    owners: dict[str, list[str]] = {}
    found: dict[str, TrainedPhase] = {}
    for arm in arms:
        for training in arm.trainings:
            found.setdefault(training.artefact.path, training)
            owners.setdefault(training.artefact.path, []).append(arm.name)
    ordered = sorted(found.values(), key=lambda training: training.number)
    return [(training, tuple(owners[training.artefact.path])) for training in ordered]


def funnels(arms: list[Arm]) -> list[Funnel]:
    """The way to every training; arms whose ways have the same numbers share one."""
    owners: dict[tuple[str, tuple[FunnelStep, ...]], list[str]] = {}
    for training, names in shared_trainings(arms):
        owners.setdefault((training.label, _steps(training)), []).extend(names)
    return [Funnel(label, tuple(names), steps) for (label, steps), names in owners.items()]


def costs(arms: list[Arm]) -> list[Cost]:
    """Every stage below the arms once, inputs first."""
    owners: dict[str, list[str]] = {}
    found: dict[str, tuple[Path, Artefact]] = {}
    for arm in arms:
        for artefact in arm.stages:
            found.setdefault(artefact.path, (arm.lineage.root, artefact))
            owners.setdefault(artefact.path, []).append(arm.name)
    with ExitStack() as stack:
        books = {root: stack.enter_context(open_book(root)) for root in {root for root, _ in found.values()}}
        return [Cost(artefact, tuple(owners[path]), _money(books[root], [artefact])) for path, (root, artefact) in found.items()]


@dataclass(frozen=True)
class Bill:
    """What one arm costs alone: model calls, and CPU seconds of data, training and evaluation; None where stages of the part may have been
    deleted since.
    """

    arm: str
    money: Money
    data: float | None
    training: float | None
    evaluation: float | None

    @property
    def total(self) -> float | None:
        parts = (self.data, self.training, self.evaluation)
        return None if None in parts else sum(part for part in parts if part is not None)


def bills(arms: list[Arm]) -> list[Bill]:
    return [_bill(arm) for arm in arms]


def _bill(arm: Arm) -> Bill:
    training = {artefact.path for phase in arm.trainings for artefact in arm.lineage.below(phase.artefact)}
    seconds = {"data": 0.0, "training": 0.0, "evaluation": 0.0}
    for artefact in arm.stages:
        part = "evaluation" if artefact.path not in training else "data" if artefact.is_table else "training"
        seconds[part] += artefact.manifest.cpu_seconds
    whole = not arm.untold
    return Bill(
        arm.name, money([arm]), seconds["data"] if whole else None, None if arm.lost else seconds["training"],
        None if set(arm.gone) - set(arm.untold) or (arm.model is None and arm.lost) else seconds["evaluation"],
    )  # fmt: skip


def _steps(training: TrainedPhase) -> tuple[FunnelStep, ...]:
    steps = [FunnelStep(table.stage, int(table.facts.get("rows", 0)), _remark(table)) for table in training.tables]
    facts = training.facts
    remark = f"{facts.tokens:,} tokens, {facts.steps:,} {'step' if facts.steps == 1 else 'steps'}"
    kept = f"{facts.held_out:,} held out for validation" if facts.held_out else ""
    remark = ", ".join(filter(None, (remark, kept, _remark(training.artefact))))
    return (*steps, FunnelStep(training.artefact.stage, facts.rows, remark))


def _remark(table: Artefact) -> str:
    """What the stage noted, e.g. "974 requests, 600 right, 31 wrong"."""
    requests = table.facts.get("requests")
    return ", ".join(filter(None, (f"{requests:,} requests" if requests else "", in_words(table))))
