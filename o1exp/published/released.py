"""Rows of files that other people released: JSONL, a JSON list, or JSON columns; fields by a dotted path.

Every unreadable row is an error here: a score over the rest would look like a score over all.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from o1exp.records.rows import LINES, json_rows

Row = Mapping[str, Any]
MISSING = object()
"""What `field` gives where a row has no such field; None is a value that a file can hold."""


def read(path: Path) -> list[Row]:
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


def field(row: Row, name: str) -> Any:
    """The value at `name`; `a.b` also looks into an object. MISSING where there is none."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value


def require(rows: Sequence[Row], name: str, option: str, path: Path) -> None:
    """Errors: ValueError where a row lacks the field, with the fields there are."""
    for place, row in enumerate(rows, start=1):
        if field(row, name) is MISSING:
            raise ValueError(f"{option} {name}: row {place} of {path} has no such field; it has {', '.join(sorted(row)) or 'none'}")


def first_field(row: Row, names: Sequence[str]) -> str:
    """The first of the usual names that the row has; "" for none."""
    return next((name for name in names if field(row, name) is not MISSING), "")


def as_text(value: Any) -> str:
    """27.0 is "27", true is "true", a list its items joined by a comma, null and an absent field ""."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(as_text(item) for item in value)
    return str(value).strip()


def user_text(value: Any) -> str:
    """A text, or of a chat the user's last turn."""
    if isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value):
        users = [turn for turn in value if turn.get("role", turn.get("from")) in ("user", "human")]
        last = users[-1] if users else {}
        return as_text(last.get("content", last.get("value")))
    return as_text(value)


def as_list(value: Any) -> list[Any]:
    """Samples of one problem: a list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]
