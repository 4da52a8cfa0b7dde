"""What a point gained over the baseline cost: tokens trained on, dollars of model calls, tokens of an answer."""

from dataclasses import dataclass
from typing import Any, TypeVar

from o1exp.history.arms import Arm
from o1exp.report.compare import ResultRow, partner
from o1exp.report.ledger import Bill

N = TypeVar("N", int, float)


@dataclass(frozen=True)
class PointPrice:
    """One arm against its baseline: `points` gained, and by how much more it took of each; None where that is not known.

    `shown` says whether the difference is; only where it is, and above zero, a point has a price.
    """

    arm: str
    base: str
    benchmark: str
    points: float
    shown: bool
    training_tokens: int | None
    usd: float | None
    answer_tokens: float

    @property
    def tokens_per_point(self) -> float | None:
        return self._each(self.training_tokens)

    @property
    def usd_per_point(self) -> float | None:
        return self._each(self.usd)

    def _each(self, more: float | None) -> float | None:
        return None if more is None or not self.shown or self.points <= 0 else more / self.points

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "arm": self.arm, "baseline": self.base, "benchmark": self.benchmark, "points": round(self.points, 4), "shown": self.shown,
            "training_tokens_more": self.training_tokens, "usd_more": None if self.usd is None else round(self.usd, 6),
            "answer_tokens_more": round(self.answer_tokens, 2), "training_tokens_per_point": self.tokens_per_point,
            "usd_per_point": self.usd_per_point,
        }  # fmt: skip


def prices(table: list[ResultRow], arms: list[Arm], baseline: str, bills: list[Bill]) -> list[PointPrice]:
    """One for each comparison of the table."""
    dollars = {bill.arm: None if bill.data is None else bill.money.answers.usd for bill in bills}
    scores = {(row.arm.name, row.benchmark): row.score for row in table}
    found = []
    for row in table:
        base = partner(row.arm, arms, baseline)
        if row.against is None or base is None:
            continue
        found.append(PointPrice(
            row.arm.name, base.name, row.benchmark, 100 * row.against.difference, row.shown,
            _more(row.arm.training_tokens, base.training_tokens), _more(dollars.get(row.arm.name), dollars.get(base.name)),
            row.score.tokens - scores[base.name, row.benchmark].tokens,
        ))  # fmt: skip
    return found


def _more(ours: N | None, theirs: N | None) -> N | None:
    return None if ours is None or theirs is None else ours - theirs


def regressions(table: list[ResultRow]) -> list[ResultRow]:
    """Where an arm stands below its baseline, whether that is shown or not, the largest loss first."""
    below = [row for row in table if row.against is not None and row.against.difference < 0]
    return sorted(below, key=lambda row: row.against.difference if row.against else 0.0)
