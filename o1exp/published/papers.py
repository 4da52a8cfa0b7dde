"""The papers' own numbers, for reading beside a run's: as published, without intervals, which nobody can know any more.

Part 1 is arXiv 2410.18982, Part 2 arXiv 2411.16489.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import floor

from o1exp.bench.comparison import Comparison, p_words


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """One number of a table: `value` in per cent, or where `people` scored on their scale from 0 to 100.

    `n` problems were asked, `against` is the row of the same table that the paper compares it with ("" for none), `tokens` the average
    output tokens. `kind` is what the paper calls the suite.
    """

    table: str
    benchmark: str
    model: str
    value: float
    n: int
    against: str = ""
    tokens: float | None = None
    people: bool = False
    kind: str = ""

    @property
    def near(self) -> int:
        """The count out of `n` that is nearest to the value."""
        return floor(self.value * self.n / 100 + 0.5)

    @property
    def counted(self) -> bool:
        """Is there a count that comes to this value, as far as its digits go? Else it is an average, a weighted share or an F1."""
        return abs(100 * self.near / self.n - self.value) < (0.0051 if round(self.value, 1) != self.value else 0.051)


ONE, TWO, SIX = "Part 2, Table 1", "Part 2, Table 2", "Part 1, Table 6"
BEFORE, AFTER = "Qwen2.5-72B-Instruct", "the same after SFT"
_TABLE_1 = {
    "aime24": (30, {"o1-preview": (1200 / 30, 9083), "o1-mini": (2100 / 30, 9903), "Ours-72B": (1300 / 30, 8016)}),
    "math500": (500, {"o1-preview": (85.5, 1501), "o1-mini": (90.0, 944), "Ours-72B": (87.2, 2235)}),
}
_TABLE_2 = {
    "flames": ("safety", 200, 91.0, 92.5), "diasafety": ("safety", 200, 100.0, 100.0), "wildsafety": ("safety", 200, 92.0, 86.5),
    "simpleqa": ("factuality", 4326, 10.58, 10.41), "chinese_simpleqa": ("factuality", 3000, 47.08, 45.76),
    "chinesefacteval_general": ("factuality", 125, 69.08, 62.65), "chinesefacteval_sycophancy": ("factuality", 125, 89.70, 92.65),
    "autoj": ("general", 50, 81.6, 88.0), "lima": ("general", 50, 77.2, 87.2),
}  # fmt: skip
_TABLE_6 = {"phase 1": (37.2, 29.0), "shortcut": (38.6, 34.8), "journey": (47.0, 42.8), "journey, then DPO": (47.2, 44.0)}
_FIRST = {"Ours-72B": "o1-preview", "o1-mini": "o1-preview"}
_BEFORE_6 = {"shortcut": "phase 1", "journey": "shortcut", "journey, then DPO": "journey"}


def _all() -> tuple[PaperFigure, ...]:
    first = [
        PaperFigure(
            table=ONE, benchmark=name, model=model, value=value, n=n, tokens=tokens, kind="mathematics", against=_FIRST.get(model, ""),
        )
        for name, (n, models) in _TABLE_1.items() for model, (value, tokens) in models.items()
    ]  # fmt: skip
    second = [
        PaperFigure(table=TWO, benchmark=name, model=model, value=value, n=n, people=kind == "general", kind=kind, against=base)
        for name, (kind, n, before, after) in _TABLE_2.items() for model, value, base in ((BEFORE, before, ""), (AFTER, after, BEFORE))
    ]  # fmt: skip
    sixth = [
        PaperFigure(
            table=SIX, benchmark="math500", model=f"{arm} ({base})", value=values[place], n=500, kind="mathematics",
            against=f"{_BEFORE_6[arm]} ({base})" if arm in _BEFORE_6 else "",
        )
        for place, base in enumerate(("Abel", "PRM800K")) for arm, values in _TABLE_6.items()
    ]  # fmt: skip
    return (*first, *second, *sixth)


FIGURES = _all()
"""By the benchmarks' names in conf/bench; tokens are those of each model's own tokenizer."""


def figures_of(benchmarks: Collection[str]) -> list[PaperFigure]:
    """The papers' numbers on these benchmarks, in their order."""
    return [one for name in benchmarks for one in FIGURES if one.benchmark == name]


def points_of(benchmark: str) -> list[PaperFigure]:
    """Those of them whose average output tokens are published too: points of the scaling figure (Part 2, section 3)."""
    return [one for one in FIGURES if one.benchmark == benchmark and one.tokens is not None]


def kind_of(benchmark: str) -> str:
    """What the papers call this suite; "" for one that they do not have."""
    return next((one.kind for one in FIGURES if one.benchmark == benchmark), "")


def compared(one: PaperFigure) -> tuple[PaperFigure, Comparison] | None:
    """The row that the paper compares it with, and what their n allows one to say, as if every problem were one independent answer.

    None where the paper compares it with nothing, and where people's scores were averaged, whose spread is not published.
    """
    from o1exp.bench.statistics import counts

    other = next((row for row in FIGURES if (row.table, row.benchmark, row.model) == (one.table, one.benchmark, one.against)), None)
    return None if other is None or one.people else (other, counts(one.near, one.n, other.near, other.n))


def allows(one: PaperFigure) -> str:
    """A sentence: what the paper's n allows one to say of this number; "" where the paper compares it with nothing."""
    if not one.against:
        return ""
    found = compared(one)
    if found is None:
        return f"Against {one.against}: not known; the spread of the people's scores is not published."
    other, test = found
    about = "" if one.counted and other.counted else "about "
    said = f"{about}{one.near}/{one.n} against {other.near}/{other.n} ({one.against})"
    if test.p < 0.05:
        return f"{said}: a difference (Fisher {p_words(test.p)})."
    return f"{said}: nothing (Fisher {p_words(test.p)}; so many problems show differences from {100 * test.detectable:.0f} points on)."
