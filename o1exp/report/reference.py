"""The papers' own numbers beside a page's: which of them are on its benchmarks, and whether it asked as many problems."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from o1exp.published.papers import PaperFigure, allows, figures_of
from o1exp.report.compare import ResultRow


@dataclass(frozen=True)
class Reference:
    """A published number; `here` is how many problems of this benchmark the page's arms answered at most, `allows` what the paper's n lets
    one say."""

    figure: PaperFigure
    here: int
    allows: str

    @property
    def alike(self) -> bool:
        """Did this page ask as many problems as the paper? Else it is not the paper's set."""
        return self.here == self.figure.n

    @property
    def words(self) -> str:
        """What has to be known of it, in a few sentences."""
        scored = " Scored by three people from 0 to 100." if self.figure.people else ""
        other = "" if self.alike else f" The paper asked {self.figure.n:,} problems, this page {self.here:,}: not the same set."
        tokens = f" {self.figure.tokens:,.0f} output tokens." if self.figure.tokens else ""
        return f"{self.figure.table}, without an interval.{tokens}{scored} {self.allows}".rstrip() + other

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self.figure), "asked_here": self.here, "allows": self.allows}


def references(table: Sequence[ResultRow]) -> list[Reference]:
    """The published numbers on the benchmarks of this table."""
    asked: dict[str, int] = {}
    for row in table:
        asked[row.benchmark] = max(asked.get(row.benchmark, 0), row.score.problems)
    return [Reference(one, asked[one.benchmark], allows(one)) for one in figures_of(asked)]
