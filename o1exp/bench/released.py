"""Rows of files that other people released: JSONL, a JSON list, or JSON columns; fields by a dotted path.

Every unreadable row is an error here: a score over the rest would look like a score over all.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
MISSING = object()
"""What `field` gives where a row has no such field; None is a value that a file can hold."""


def read(path: Path) -> list[Row]:
    """All rows in order. Errors: ValueError naming the line or row that is no object, and what the file would have to be."""
    if not path.is_file():
        raise ValueError(f"there is no file {path} (looked from {Path.cwd()})")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise ValueError(f"{path} is no UTF-8 text ({wrong.reason} at byte {wrong.start}); give a JSONL file or a JSON list") from None
    rows = _lines(path, text) if path.suffix in (".jsonl", ".ndjson") else _whole(path, text)
    if not rows:
        raise ValueError(f"{path} has no rows")
    return rows


def _whole(path: Path, text: str) -> list[Row]:
    """One JSON value, whatever the file is called; JSONL under the wrong name as well."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as whole:
        if text.lstrip().startswith("{") and "\n" in text.strip():
            return _lines(path, text)
        raise ValueError(f"{path} is neither JSON nor JSONL: {whole}") from None
    if isinstance(content, dict) and content and all(isinstance(column, dict) for column in content.values()):  # as pandas writes it
        content = {name: list(column.values()) for name, column in content.items()}
    if isinstance(content, dict) and content and all(isinstance(column, list) for column in content.values()):
        if len({len(column) for column in content.values()}) == 1 and len(content) > 1:
            content = [dict(zip(content, values, strict=True)) for values in zip(*content.values(), strict=True)]
        elif len(content) == 1:
            content = next(iter(content.values()))
    rows = content if isinstance(content, list) else [content]
    return [_object(path, f"row {place}", row) for place, row in enumerate(rows, start=1)]


def _lines(path: Path, text: str) -> list[Row]:
    rows = []
    for place, line in enumerate(text.split("\n"), start=1):  # not splitlines: texts may hold U+2028
        if line.strip():
            try:
                rows.append(_object(path, f"line {place}", json.loads(line)))
            except json.JSONDecodeError as wrong:
                raise ValueError(f"{path}, line {place} is no JSON: {wrong.msg} at column {wrong.colno}") from None
    return rows


def _object(path: Path, place: str, row: Any) -> Row:
    if not isinstance(row, dict):
        raise ValueError(f"{path}, {place} is not an object but {type(row).__name__}; every row must be an object with named fields")
    return row


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
