"""Rows of files that other people released: JSONL, a JSON list, or JSON columns.

Every unreadable row is an error here: a score over the rest would look like a score over all.
"""

from collections.abc import Sequence
from pathlib import Path

from o1exp.records.fields import MISSING, Values, field
from o1exp.records.rows import LINES, json_rows


def read(path: Path) -> list[Values]:
    """All rows in order. Errors: ValueError naming the line or row that is no object, and what the file would have to be."""
    if not path.is_file():
        raise ValueError(f"there is no file {path} (looked from {Path.cwd()})")
    rows = list(json_rows(path))
    for row in rows:
        if row.reason:
            raise ValueError(f"{path}, {'line' if path.suffix in LINES else 'row'} {row.place} is {row.reason}")
    if not rows:
        raise ValueError(f"{path} has no rows")
    return [row.values for row in rows]


def require(rows: Sequence[Values], name: str, option: str, path: Path) -> None:
    """Errors: ValueError where a row lacks the field, with the fields there are."""
    for place, row in enumerate(rows, start=1):
        if field(row, name) is MISSING:
            raise ValueError(f"{option} {name}: row {place} of {path} has no such field; it has {', '.join(sorted(row)) or 'none'}")
