"""Every arm against the baseline, question by question."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from o1exp.history.arms import Arm, benchmarks
from o1exp.report.contamination import Seen, accuracy_without, affected, seen

if TYPE_CHECKING:
    from o1exp.bench.comparison import AtEqualTokens, Comparison
    from o1exp.bench.outcome import BenchmarkScore


@dataclass(frozen=True)
class ResultRow:
    """One arm on one benchmark; `against` is None for the baseline itself and where there is no baseline score.

    `equal` compares with the baseline at the same average number of output tokens; None where no number lies on both curves.
    `affected` problems of the benchmark stand in the training data of some arm; `without` them the accuracy is this. `pairs` are those
    problems, and other matches in this arm's data, side by side.
    """

    arm: Arm
    benchmark: str
    score: "BenchmarkScore"
    against: "Comparison | None" = None
    verdict: str = ""
    equal: "AtEqualTokens | None" = None
    at_equal_tokens: str = ""
    affected: int = 0
    without: float | None = None
    pairs: tuple[Seen, ...] = ()


def rows(arms: list[Arm], baseline: str = "") -> list[ResultRow]:
    """The result table: benchmark by benchmark, arm by arm, each against its baseline. Resamples: ask once, and hand the table on.

    All comparisons of a table are one family: their p-values are corrected by Holm.
    """
    table = _with_affected(plain_rows(arms), seen(arms))
    against = [(i, base) for i, row in enumerate(table) if (base := partner(row.arm, arms, baseline)) is not None]
    if not against:
        return table
    from o1exp.bench.compare import compare
    from o1exp.bench.comparison import sentence
    from o1exp.bench.statistics import family

    found = [(i, base, c) for i, base in against if (c := compare(table[i].arm.outcome, base.outcome, table[i].benchmark)) is not None]
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


def _with_affected(table: list[ResultRow], pairs: "list[Seen]") -> list[ResultRow]:
    """Each row with the accuracy without what some arm was trained on: all arms on the same problems."""
    found = []
    for row in table:
        scored = row.arm.outcome.questions.get(row.benchmark, [])
        left_out = affected(pairs, row.benchmark) & {one.question for one in scored}
        beside = tuple(one for one in pairs if one.pair.benchmark == row.benchmark and row.arm.name in one.arms)
        found.append(replace(row, pairs=beside, affected=len(left_out), without=accuracy_without(scored, left_out) if left_out else None))
    return found


def side_by_side(table: list[ResultRow]) -> list[Seen]:
    """All pairs once."""
    return list(dict.fromkeys(one for row in table for one in row.pairs))


def in_words(table: list[ResultRow]) -> list[str]:
    """A sentence for each benchmark that has problems in the training data."""
    found = []
    for name in dict.fromkeys(row.benchmark for row in table if row.affected):
        some = [row for row in table if row.benchmark == name and row.affected]
        scores = ", ".join(f"{row.arm.name} {'?' if row.without is None else f'{100 * row.without:.1f}'} %" for row in some)
        count = max(row.affected for row in some)
        found.append(f"{count} of {some[0].score.problems} problems of {name} stand in the training data; without them: {scores}.")
    return found


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
