"""The ways to long thoughts compared: what each yields, what an accepted example costs, and how it reads (Part 2's figure on methods)."""

from dataclasses import dataclass
from typing import Any

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact
from o1exp.history.trained import TrainedPhase
from o1exp.records import Example, Problem
from o1exp.records.style import Style, style
from o1exp.report.ledger import Money, money_of, shared_trainings

SEARCHES = ("writing", "search", "copying")
"""Roles of a stage that brings training text into being."""


@dataclass(frozen=True)
class Way:
    """One way to training text, `arms` share it. `problems` were posed, `covered` have an accepted example; None where it is not known.

    `money` is what the answers of all its stages cost, whoever paid for them first. `style` is that of the accepted examples.
    """

    name: str
    arms: tuple[str, ...]
    problems: int | None
    covered: int
    accepted: int
    money: Money
    shown: int
    style: Style | None

    @property
    def share(self) -> float | None:
        """Problems with an accepted example."""
        return self.covered / self.problems if self.problems else None

    @property
    def tokens_each(self) -> float:
        """Tokens of model calls, prompts included, for one accepted example."""
        return self.money.answers.tokens / self.accepted

    @property
    def usd_each(self) -> float:
        return self.money.answers.usd / self.accepted

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "way": self.name, "arms": list(self.arms), "problems": self.problems, "covered": self.covered, "accepted": self.accepted,
            "yield": None if self.share is None else round(self.share, 4), "requests": self.money.answers.answered,
            "tokens_per_accepted": round(self.tokens_each, 2), "usd_per_accepted": round(self.usd_each, 6), "gold_shown": self.shown,
            "style": self.style.plain() if self.style else None,
        }  # fmt: skip


def ways(arms: list[Arm]) -> list[Way]:
    """One for each table of long thoughts that a phase was trained on, and for what else an arm's last SFT phase was trained on."""
    found: dict[str, Way] = {}
    last = {arm.name: phases[-1].artefact.path for arm in arms if (phases := [one for one in arm.trainings if one.artefact.role == "sft"])}
    for training, owners in shared_trainings(arms):
        tables = [table for table in training.tables if is_text(table)]
        names = tuple(owner for owner in owners if last.get(owner) == training.artefact.path)
        long = any(table.manifest.long_thoughts for table in tables)
        if tables and training.artefact.role == "sft" and (long or names):
            root = next(arm for arm in arms if arm.name == owners[0])
            way = _way(root, training, names or owners)
            if way is not None:
                found.setdefault(f"{tables[-1].path} {way.arms}", way)
    return list(found.values())


def is_text(table: Artefact) -> bool:
    """Does the table bring training text into being?"""
    return table.role in SEARCHES or table.manifest.long_thoughts


def _way(arm: Arm, training: TrainedPhase, owners: tuple[str, ...]) -> Way | None:
    """None where the examples were deleted, or there is none."""
    tables = training.tables
    examples = list(tables[-1].rows(Example))
    if not examples:
        return None
    writers = [table for table in tables if is_text(table)]
    first = next((table for table in writers if table.manifest.long_thoughts), writers[0])
    posed = arm.lineage.inputs(first).get("problems")
    problems = None if posed is None else len(list(posed.rows(Problem)))
    shown = sum(int(table.facts.get("shown", 0)) for table in tables)
    return Way(
        first.does, owners, problems, len({row.problem for row in examples}), len(examples), money_of(arm.lineage.root, tables), shown,
        style(row.response for row in examples),
    )  # fmt: skip
