"""Every arm against the baseline, question by question."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from o1exp.history.arms import Arm, benchmarks
from o1exp.report.contamination import Seen, accuracy_without, affected, seen

if TYPE_CHECKING:
    from o1exp.bench.compare import Against
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

    @property
    def shown(self) -> bool:
        """Is a difference to the baseline shown?"""
        return self.against is not None and self.against.adjusted < 0.05


def rows(arms: list[Arm], baseline: str = "", across: bool = False) -> list[ResultRow]:
    """The result table: benchmark by benchmark, arm by arm, each against its baseline. Resamples: ask once, and hand the table on.

    All comparisons of a table are one family: their p-values are corrected by Holm, two arms that are one result counting once. Arms that
    answered different questions are not compared, unless `across` asks for it.
    """
    table = _with_affected(plain_rows(arms), seen(arms))
    against = [(i, base) for i, row in enumerate(table) if (base := partner(row.arm, arms, baseline)) is not None]
    if not against:
        return table
    from o1exp.bench.compare import Against, compare
    from o1exp.bench.comparison import sentence
    from o1exp.bench.statistics import family

    found: dict[tuple[str, str, str], Against] = {}
    for index, base in against:
        row, place = table[index], _place(table[index], base)
        if row.arm.identity != base.identity and place not in found:
            one = compare(row.arm.outcome, base.outcome, row.benchmark, across)
            found |= {place: one} if one else {}
    tested = {place: one.comparison for place, one in found.items() if one.comparison}
    corrected = dict(zip(tested, family(list(tested.values())), strict=True))
    for index, base in against:
        row, place = table[index], _place(table[index], base)
        if row.arm.identity == base.identity:
            table[index] = replace(row, verdict=f"{row.arm.name} and {base.name} are the same result.")
        elif place in corrected:
            equal = found[place].equal
            words = sentence(equal, row.arm.name, base.name) if equal else ""
            said = _said(row, base, corrected[place]) + _part(found[place])
            table[index] = replace(row, against=corrected[place], verdict=said, equal=equal, at_equal_tokens=words)
        elif place in found:
            table[index] = replace(row, verdict=_other_questions(row, base, found[place]))
    return table


def _place(row: ResultRow, base: Arm) -> tuple[str, str, str]:
    """What is compared, whatever the arms are called."""
    return row.benchmark, row.arm.identity, base.identity


def _part(found: "Against") -> str:
    if found.grouped or found.shared == found.questions:
        return ""
    return f" Compared on the {found.shared} of {found.questions} questions that both answered."


def _other_questions(row: ResultRow, base: Arm, found: "Against") -> str:
    share = f"{found.shared} of {found.questions} are shared" if found.shared else "none is shared"
    asked = "--across (report.across=true) compares them as groups"
    return f"{row.arm.name} and {base.name} answered different questions ({share}) and are not compared; {asked}."


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
    named = {name: other for other in arms for name in other.names}
    if baseline in named:
        return None if baseline in arm.names else named[baseline]
    if any(is_baseline(name, baseline) for name in arm.names):
        return None
    setting = baseline.partition("=")[0] + "="
    for name in arm.names:
        words = [baseline if word.startswith(setting) else word for word in name.split(" ")]
        if baseline in words and (found := named.get(" ".join(words))):
            return found
    return None


def is_baseline(arm: str, baseline: str) -> bool:
    return arm == baseline or ("=" in baseline and baseline in arm.split(" "))
