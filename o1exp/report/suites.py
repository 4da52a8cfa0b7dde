"""All suites on one table, as the paper's Table 2: what each arm scored, in the suite's own unit, paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from o1exp.published.papers import AFTER, BEFORE, PaperFigure, figures_of, kind_of
from o1exp.report.compare import ResultRow

if TYPE_CHECKING:
    from o1exp.bench.outcome import BenchmarkScore

KINDS = ("safety", "factuality", "general", "mathematics", "other")
JUDGES = {"safety_j": "safety", "safety_j_published": "safety", "simpleqa": "factuality", "auto_j": "general", "people": "general"}
"""What a judge's name says of a suite that the papers do not have."""


@dataclass(frozen=True)
class Suite:
    """One benchmark: the rows of its arms, in the order of the table, and the paper's two numbers where it has them."""

    kind: str
    benchmark: str
    rows: tuple[ResultRow, ...]
    published: tuple[PaperFigure, ...] = ()

    @property
    def scorers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.score.scorer for row in self.rows if row.score.scorer))

    @property
    def problems(self) -> int:
        return max(row.score.problems for row in self.rows)


def suites(table: Sequence[ResultRow]) -> list[Suite]:
    """The suites by kind; none for a single benchmark, whose table says as much."""
    names = list(dict.fromkeys(row.benchmark for row in table))
    if len(names) < 2:
        return []
    found = [_suite(name, tuple(row for row in table if row.benchmark == name)) for name in names]
    return sorted(found, key=lambda one: KINDS.index(one.kind))


def _suite(name: str, rows: tuple[ResultRow, ...]) -> Suite:
    scorer = rows[0].score.scorer.partition(",")[0]
    kind = kind_of(name) or JUDGES.get(scorer) or ("mathematics" if scorer.startswith("comparison") else "other")
    return Suite(kind, name, rows, tuple(one for one in figures_of([name]) if one.model in (BEFORE, AFTER)))


def in_its_unit(score: "BenchmarkScore") -> str:
    """What the judge says on its own scale, where that is not 0 to 1, and SimpleQA's F1; "" where per cent say it all."""
    said = []
    if score.scale not in (None, (0.0, 1.0)) and score.value is not None:
        assert score.scale is not None
        said.append(f"{score.value:.2f} on {score.scale[0]:g} to {score.scale[1]:g}")
    if score.f1 is not None:
        said.append(f"F1 {100 * score.f1:.1f}")
    return " · ".join(said)


def oddities(score: "BenchmarkScore") -> str:
    """What has to be known beside the score: answers that are none, and verdicts that were none; "" where there is nothing."""
    own = [(count, name) for name, count in score.manners.items()]
    own += [
        (score.truncated, "cut off"),
        (score.timed_out, "timed out"),
        (score.unparsed, "judge not readable"),
        (score.unscored, "unscored"),
    ]
    return " · ".join(f"{count:,} {name}" for count, name in own if count)
