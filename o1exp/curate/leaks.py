"""The rule `contaminated` of the filter: problems of the experiment's benchmarks, and the pairs side by side."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from o1exp.curate.contamination import KINDS, Found, contaminated
from o1exp.curate.criteria import Criteria, Leak
from o1exp.curate.rule import Among, Drops, Problems
from o1exp.flow import Stage, Work
from o1exp.records import Problem, Table
from o1exp.records.table import write_table

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


def leaked(criteria: Criteria, table: Problems, work: Work, benchmarks: Mapping[str, Stage[Table[Problem]]]) -> Among:
    """What drops a problem, whatever else is in the table; all pairs are written beside the filter's problems.

    The facts count `contaminated` problems, dropped or named, and by the surest kind of match of each.
    """
    posed = [(name, problem) for name, stage in benchmarks.items() for problem in work.open(stage)]
    found = contaminated(table, [problem.question for _, problem in posed], criteria, work.scratch / FOLDER)
    (work.folder / FOLDER).mkdir(exist_ok=True)
    surest: dict[int, Found] = {}
    pairings = (_pairing(one, *posed[one.problem], one.kind in criteria.leaks) for one in _noted(found, surest))
    write_table(work.folder / FOLDER, Pairing, pairings)
    kinds = Counter(one.kind for one in surest.values())
    dropped = Drops.of({place: _words(one, *posed[one.problem]) for place, one in surest.items() if one.kind in criteria.leaks})
    work.note(contaminated=len(surest), contaminated_by={kind: kinds[kind] for kind in KINDS}, named=len(surest) - len(dropped.places))
    _tell(work, len(posed), len(benchmarks), kinds, criteria)
    return lambda places: Drops(dropped.places[np.isin(dropped.places, places)], dropped.words)


def _noted(found: Iterable[Found], surest: dict[int, Found]) -> Iterator[Found]:
    """The same pairs; on the way the surest of each problem is kept, without its text."""
    for one in found:
        if one.place not in surest or KINDS.index(one.kind) < KINDS.index(surest[one.place].kind):
            surest[one.place] = replace(one, question="")
        yield one


def pairings(folder: Path) -> list[Pairing]:
    """The pairs that a finished filter found; none for one that did not look."""
    return list(Table.read(folder / FOLDER, Pairing)) if (folder / FOLDER).is_dir() else []


def _pairing(found: Found, benchmark: str, problem: Problem, dropped: bool) -> Pairing:
    return Pairing(
        row=found.row, id=found.id, question=found.question, benchmark=benchmark, problem=problem.id, digest=problem.digest,
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
