"""Every arm against the baseline, question by question."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from o1exp.history.arms import Arm, benchmarks

if TYPE_CHECKING:
    from o1exp.bench.scaling import AtEqualTokens, Curve
    from o1exp.bench.statistics import Comparison, Tally
    from o1exp.bench.summary import BenchmarkScore


@dataclass(frozen=True)
class Row:
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


def rows(arms: list[Arm], baseline: str = "") -> list[Row]:
    """The result table: benchmark by benchmark, arm by arm, each against its baseline.

    All comparisons of a table are one family: their p-values are corrected by Holm.
    """
    from o1exp.bench.scaling import at_equal_tokens, sentence
    from o1exp.bench.statistics import family, verdict

    table = [Row(arm, name, arm.outcome.benchmarks[name]) for name in benchmarks(arms) for arm in arms if name in arm.outcome.benchmarks]
    pairs = [(i, base) for i, row in enumerate(table) if (base := partner(row.arm, arms, baseline)) is not None]
    found = [(i, base, c) for i, base in pairs if (c := _compare(table[i], base)) is not None]
    for (index, base, _), comparison in zip(found, family([c for _, _, c in found]), strict=True):
        row = replace(table[index], against=comparison, verdict=verdict(comparison, table[index].arm.name, base.name))
        equal = at_equal_tokens(curve(row.arm, row.benchmark), curve(base, row.benchmark))
        words = sentence(equal, row.arm.name, base.name) if equal else ""
        table[index] = replace(row, equal=equal, at_equal_tokens=words)
    return table


def curve(arm: Arm, benchmark: str) -> "Curve":
    """The arm's points of inference-time scaling, question by question."""
    from o1exp.bench.scaling import Curve

    known = {q: [row for row in group if row.correct is not None] for q, group in arm.scores(benchmark).items()}
    return Curve.of({q: group for q, group in known.items() if group})


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


def _compare(row: Row, base: Arm) -> "Comparison | None":
    from o1exp.bench.statistics import paired, unpaired

    if row.benchmark not in row.arm.grades or row.benchmark not in base.grades:
        return None
    ours, theirs = tallies(row.arm, row.benchmark), tallies(base, row.benchmark)
    shared = [question for question in ours if question in theirs]
    if 2 * len(shared) < max(len(ours), len(theirs)):  # other problems: a chance overlap is no pairing
        return unpaired(list(ours.values()), list(theirs.values()))
    return paired([ours[q] for q in shared], [theirs[q] for q in shared])


def tallies(arm: Arm, benchmark: str) -> "dict[str, Tally]":
    """Right and scored samples of each question that could be scored."""
    from o1exp.bench.statistics import Tally

    scored = {q: [row for row in group if row.correct is not None] for q, group in arm.scores(benchmark).items()}
    return {q: Tally(sum(row.correct is True for row in group), len(group)) for q, group in scored.items() if group}
