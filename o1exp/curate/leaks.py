"""The rule `contaminated` of the filter: problems of the experiment's benchmarks, and the pairs side by side."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from o1exp.curate.contamination import KINDS, Found, contaminated
from o1exp.curate.criteria import Criteria, Leak
from o1exp.flow import Stage, Work
from o1exp.records import Problem, Table
from o1exp.records.table import write_table

if TYPE_CHECKING:
    from polars import DataFrame

FOLDER = "contamination"
"""The part of the artefact with the pairs."""


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """A problem of the source beside the problem of a benchmark that it matches, and how.

    `row` and `id` are the source's, `digest` is the benchmark problem's. `coverage` is the share of that problem's runs of words in the
    other, `likeness` the share of runs of three words that both have in common.
    """

    row: int
    id: str
    question: str
    benchmark: str
    problem: str
    digest: str
    posed: str
    kind: Leak
    coverage: float
    likeness: float
    dropped: bool


def leaked(criteria: Criteria, table: "DataFrame", work: Work, benchmarks: Mapping[str, Stage[Table[Problem]]]) -> dict[int, str]:
    """What drops a problem, by its place in the table; all pairs are written beside the filter's problems.

    The facts count `contaminated` problems, dropped or named, and by the surest kind of match of each.
    """
    posed = [(name, problem) for name, stage in benchmarks.items() for problem in work.open(stage)]
    found = contaminated(table["question"], [problem.question for _, problem in posed], criteria)
    (work.folder / FOLDER).mkdir(exist_ok=True)
    pairings = [_pairing(one, table, *posed[one.problem], one.kind in criteria.leaks) for one in found]
    write_table(work.folder / FOLDER, Pairing, pairings)
    surest: dict[int, Found] = {}
    for one in found:
        if one.row not in surest or KINDS.index(one.kind) < KINDS.index(surest[one.row].kind):
            surest[one.row] = one
    kinds = Counter(one.kind for one in surest.values())
    dropped = {row: one for row, one in surest.items() if one.kind in criteria.leaks}
    work.note(contaminated=len(surest), contaminated_by={kind: kinds[kind] for kind in KINDS}, named=len(surest) - len(dropped))
    _tell(work, len(posed), len(benchmarks), kinds, criteria)
    return {row: _words(one, *posed[one.problem]) for row, one in dropped.items()}


def pairings(folder: Path) -> list[Pairing]:
    """The pairs that a finished filter found; none for one that did not look."""
    return list(Table.read(folder / FOLDER, Pairing)) if (folder / FOLDER).is_dir() else []


def _pairing(found: Found, table: "DataFrame", benchmark: str, problem: Problem, dropped: bool) -> Pairing:
    row = table.row(found.row, named=True)
    return Pairing(
        row=row["row"], id=row["id"], question=row["question"], benchmark=benchmark, problem=problem.id, digest=problem.digest,
        posed=problem.question, kind=found.kind, coverage=found.coverage, likeness=found.likeness, dropped=dropped,
    )  # fmt: skip


def _words(found: Found, benchmark: str, problem: Problem) -> str:
    shares = f"{found.coverage:.0%} of its runs, {found.likeness:.0%} alike"
    return f"{found.kind}: {benchmark} {problem.id} ({shares}): {problem.question}"


def _tell(work: Work, posed: int, benchmarks: int, kinds: Counter[Leak], criteria: Criteria) -> None:
    if not benchmarks:
        work.console.line(
            "[yellow]warning[/] filter.decontaminate=true, and the experiment has no benchmark to look for; choose one with bench="
        )
        return
    said = ", ".join(f"{kind} {kinds[kind]}{'' if kind in criteria.leaks else ' (kept)'}" for kind in KINDS)
    work.console.line(f"looked for {posed} problems of {benchmarks} benchmarks: {said}; the pairs stand in {FOLDER}/ and in the report")
