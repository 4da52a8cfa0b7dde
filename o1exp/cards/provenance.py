"""From the rows that were trained on back to the set that each is from."""

from collections import Counter
from collections.abc import Iterable

from o1exp.history.lineage import Artefact
from o1exp.records import Problem
from o1exp.records.table import ROWS

Origin = tuple[str, str]
"""Name of a set and its revision, as every problem carries them."""


def trained_rows(tables: Iterable[Artefact], trained: Iterable[Artefact]) -> Counter[Origin]:
    """How many rows of the `trained` tables are about problems of each set; `tables` are all that they stand on, inputs first."""
    of: dict[str, Origin] = {}
    for table in tables:
        if {"id", "question", "source"} <= _columns(table):
            for frame in table.rows(Problem).frames(("id", "source", "revision")):
                of |= {name: (source, revision) for name, source, revision in frame.iter_rows()}
    found: Counter[Origin] = Counter()
    for table in trained:
        if "problem" in _columns(table):
            found.update(of[name] for name in _problems(table) if name in of)
    return found


def origin_of(source: Artefact) -> Origin | None:
    """The set that all problems of a source are from; None where it holds something else or nothing."""
    if not {"id", "question", "source"} <= _columns(source):
        return None
    first = next(iter(source.rows(Problem)), None)
    return (first.source, first.revision) if first else None


def _columns(table: Artefact) -> set[str]:
    import pyarrow.parquet

    return set(pyarrow.parquet.read_schema(table.folder / ROWS).names) if table.is_table else set()


def _problems(table: Artefact) -> list[str]:
    import pyarrow.parquet

    names: list[str] = pyarrow.parquet.read_table(table.folder / ROWS, columns=["problem"])["problem"].to_pylist()
    return names
