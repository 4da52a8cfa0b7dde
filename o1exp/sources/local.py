"""Problems from a local file or folder."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from rich.markup import escape

from o1exp.flow import AtLeast, Expect, Role, Stage, Work, added, how
from o1exp.flow.content import differs
from o1exp.records import Problem, Table
from o1exp.records.labelled.read import is_thoughts
from o1exp.records.rows import Row
from o1exp.sources import shards
from o1exp.sources.count import counted
from o1exp.sources.fields import USUAL, Origin, ProblemFields, find_fields, to_problem
from o1exp.sources.files import digest, read_rows
from o1exp.sources.labelled import plain, thoughts
from o1exp.sources.seen import Ids

Unreadable = list[tuple[int, str]]
"""Number and reason of rows that cannot be read."""
_SHOWN = 20
_HEAD = 100
"""Rows in which the columns are looked for; where none of them has a column that is needed, it is looked for in more."""


def no_fields() -> dict[str, str]:
    return {"problem": "", "answer": "", "solution": "", "id": ""}


@dataclass(frozen=True, kw_only=True)
class Local(Stage[Table[Problem]]):
    """Problems of a file: JSONL, JSON, CSV, TSV, parquet, a `save_to_disk` folder, or several files that are one set.

    Files with labelled steps and people's thoughts (docs/human.md) are known too. `fields` names the columns or paths into them, such as
    `reward_model.ground_truth` (found by their usual names where empty), `limit` keeps the first n problems. The key holds the
    content's sha256, not the path: a moved file is the same data, a changed one is not. Rows that cannot be read are reported.
    """

    role: ClassVar[Role] = "source"
    does: ClassVar[str] = "problems of a file"
    version: ClassVar[int] = 8

    name: str = "local"
    """What the data set is called."""
    path: str = how("")
    fields: dict[str, str] = dataclasses.field(default_factory=no_fields)
    split: str = ""
    """Which set of rows, where the file or folder holds several."""
    limit: Annotated[int, AtLeast(1)] | None = None
    skip: Annotated[int, AtLeast(0)] = 0
    gold: bool = added(True)
    """Whether there are gold answers; false: prompts alone, which a judge scores."""
    sha256: str = ""
    expected_rows: int | None = how(None)
    """A hint for the plan while there is no path; behind one the rows are counted."""
    provider: str = how("")
    """Who the data are from, and under which `licence` (as the hub spells it, e.g. apache-2.0), for the data card."""
    licence: str = how("")
    citation: str = how("")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.path and not self.sha256:
            object.__setattr__(self, "sha256", digest(Path(self.path)))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        for role in sorted(self.fields.keys() - USUAL.keys()):
            yield "fields", f"{role} is no field of a problem; use {', '.join(USUAL)}"
        if self.path and not self._there():
            yield "path", f"{self.path} does not exist (looked from {Path.cwd()}); give the path of a data file or folder, or a pattern"

    def preflight(self) -> Iterator[str]:
        if not self.path:
            yield "path is not given: set it to a JSONL, JSON, CSV or parquet file or a save_to_disk folder"
        elif other := list(differs(self.path, self.sha256, digest(Path(self.path)))):
            yield from other
        else:
            try:
                first, unreadable = self._first(1)
            except ValueError as wrong:
                yield str(wrong)
            else:
                if unreadable and not first:
                    yield none_read(self.path, unreadable)

    def peek(self, count: int) -> list[Problem]:
        """Errors: ValueError for a kind of file or columns that are not known."""
        return self._first(count)[0] if self.path and self._there() else []

    def _first(self, count: int) -> "tuple[list[Problem], Unreadable]":
        unreadable: Unreadable = []
        readable = readable_problems(self._rows(), self.fields, self._origin(), unreadable)[1]
        return list(itertools.islice(readable, self.skip, self.skip + min(count, self.limit or count))), unreadable

    def _rows(self) -> Iterable[Row]:
        """Errors: ValueError for a kind of file that is not known."""
        if is_thoughts(Path(self.path)):
            return thoughts(Path(self.path))
        rows = read_rows(Path(self.path), self.split)
        return rows if any(self.fields.values()) else plain(rows)

    def _there(self) -> bool:
        """A pattern has to name a file at least."""
        path = Path(self.path)
        return bool(shards.files(path)) if shards.is_pattern(path) else path.exists()

    def _origin(self) -> Origin:
        return Origin(self.name, self.sha256, self.path, self.gold)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        there = counted(self.path, self.split, self.sha256) if self.path else None
        rows = self.expected_rows if there is None else max(0, there - self.skip)
        found = [count for count in (rows, self.limit) if count is not None]
        return Expect(rows=min(found, default=None), remark="" if self.path else "no path given yet")

    def make(self, work: Work) -> None:
        write_problems(work, self._rows(), self.fields, (self.skip, self.limit), self._origin())


def write_problems(work: Work, rows: Iterable[Row], given: dict[str, str], window: tuple[int, int | None], origin: Origin) -> None:
    """Turn rows into problems, window = (skip, limit) of the readable ones, `origin` says which set.

    Unreadable rows go to `unreadable.tsv` and the console, with their number and the reason.
    """
    unreadable: Unreadable = []
    skip, limit = window
    fields, readable = readable_problems(rows, given, origin, unreadable)
    answered: Counter[bool] = Counter()
    kept = itertools.islice(readable, skip, None if limit is None else skip + limit)
    count = work.write(Problem, _noted(kept, answered))
    work.note(unreadable=len(unreadable), without_answer=answered[False], fields=dataclasses.asdict(fields))
    listed = "".join(f"{place}\t{' '.join(reason.split())}\n" for place, reason in unreadable)
    (work.folder / "unreadable.tsv").write_text(listed, encoding="utf-8")
    for place, reason in unreadable[:_SHOWN]:
        work.console.line(f"[yellow]row {place}[/] {escape(reason)}")
    if unreadable:
        work.console.line(f"[yellow]{len(unreadable)} rows could not be read[/], {count} could; all of them are listed in unreadable.tsv")
    if answered[False] and origin.gold:
        work.console.line(f"{answered[False]} of {count} problems of {escape(origin.name)} have no answer")
    if not count:
        raise ValueError(none_read(origin.file, unreadable))


def none_read(file: str, unreadable: Unreadable) -> str:
    """The sentence for a file of which nothing could be read."""
    why = "the first reason: row {}: {}".format(*unreadable[0]) if unreadable else "it has no rows"
    return f"{file}: not one row could be read; {why}"


def _noted(problems: Iterable[Problem], answered: "Counter[bool]") -> Iterator[Problem]:
    for problem in problems:
        answered[bool(problem.answer)] += 1
        yield problem


def readable_problems(
    rows: Iterable[Row], given: dict[str, str], origin: Origin, unreadable: Unreadable
) -> tuple[ProblemFields, Iterator[Problem]]:
    """The columns that are read, and the problems in them; rows that cannot be read are added to `unreadable` on the way.

    Errors: ValueError, naming the file, where no row has the columns.
    """
    rows, head = iter(rows), list[Row]()
    while True:
        more = list(itertools.islice(rows, max(_HEAD, len(head))))
        head += more
        try:
            fields = find_fields([row.values for row in head if row.values], given, origin.gold)
            return fields, _read(itertools.chain(head, rows), fields, given, origin, unreadable)
        except ValueError as wrong:
            if not more:
                reason = next((f"row {row.place}: {row.reason}" for row in head if row.reason), str(wrong) if head else "it has no rows")
                raise ValueError(f"{origin.file}: {wrong if any(row.values for row in head) else reason}") from None


def _read(rows: Iterable[Row], fields: ProblemFields, given: dict[str, str], origin: Origin, unreadable: Unreadable) -> Iterator[Problem]:
    ids = Ids()
    by_columns: dict[tuple[str, ...], ProblemFields] = {}
    for row in rows:
        columns = tuple(row.values)
        own = by_columns.get(columns) or by_columns.setdefault(columns, fields.of(row.values, given) if origin.gold else fields)
        try:
            problem = to_problem(row, own, origin)
        except ValueError as wrong:
            unreadable.append((row.place, str(wrong)))
            continue
        yield dataclasses.replace(problem, id=ids.unused(problem.id))
