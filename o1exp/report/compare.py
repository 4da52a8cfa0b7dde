"""Every arm against the baseline, question by question."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from o1exp.history.arms import Arm, benchmarks

if TYPE_CHECKING:
    from o1exp.bench.comparison import AtEqualTokens, Comparison
    from o1exp.bench.outcome import BenchmarkScore


@dataclass(frozen=True)
class ResultRow:
    """One arm on one benchmark; `against` is None for the baseline itself and where there is no baseline score.

    `equal` compares with the baseline at the same average number of output tokens; None where no number lies on both curves.
    """

    arm: Arm
    benchmark: str
    score: "BenchmarkScore"
    against: "Comparison | None" = None
    verdict: str = ""
    equal: "AtEqualTokens | None" = None
    at_equal_tokens: str = ""


def rows(arms: list[Arm], baseline: str = "") -> list[ResultRow]:
    """The result table: benchmark by benchmark, arm by arm, each against its baseline. Resamples: ask once, and hand the table on.

    All comparisons of a table are one family: their p-values are corrected by Holm.
    """
    table = plain_rows(arms)
    pairs = [(i, base) for i, row in enumerate(table) if (base := partner(row.arm, arms, baseline)) is not None]
    if not pairs:
        return table
    from o1exp.bench.compare import compare
    from o1exp.bench.comparison import sentence
    from o1exp.bench.statistics import family

    found = [(i, base, c) for i, base in pairs if (c := compare(table[i].arm.outcome, base.outcome, table[i].benchmark)) is not None]
    for (index, base, one), comparison in zip(found, family([c.comparison for _, _, c in found]), strict=True):
        row = table[index]
        words = sentence(one.equal, row.arm.name, base.name) if one.equal else ""
        said = _said(row, base, comparison)
        table[index] = replace(row, against=comparison, verdict=said, equal=one.equal, at_equal_tokens=words)
    return table


def plain_rows(arms: list[Arm]) -> list[ResultRow]:
    """The same table without comparisons."""
    return [
        ResultRow(arm, name, arm.outcome.benchmarks[name]) for name in benchmarks(arms) for arm in arms if name in arm.outcome.benchmarks
    ]


def _said(row: ResultRow, base: Arm, comparison: "Comparison") -> str:
    """The verdict in a sentence, with a second one where not the same scorer scored both."""
    from o1exp.bench.comparison import verdict

    ours, theirs = (name or "nobody named" for name in (row.score.scorer, base.outcome.benchmarks[row.benchmark].scorer))
    apart = "" if ours == theirs else f" They were scored differently: by {ours}, and by {theirs}."
    return verdict(comparison, row.arm.name, base.name) + apart


def partner(arm: Arm, arms: list[Arm], baseline: str) -> Arm | None:
    """The arm to compare with: the one named `baseline`, or for a setting such as thought=shortcut the cell that differs in it alone.

    None for a baseline itself and where there is no such cell.
    """
    named = {other.name: other for other in arms}
    if baseline in named:
        return None if arm.name == baseline else named[baseline]
    if not is_baseline(arm.name, baseline):
        setting = baseline.partition("=")[0] + "="
        words = [baseline if word.startswith(setting) else word for word in arm.name.split(" ")]
        return named.get(" ".join(words)) if baseline in words else None
    return None


def is_baseline(arm: str, baseline: str) -> bool:
    return arm == baseline or ("=" in baseline and baseline in arm.split(" "))
