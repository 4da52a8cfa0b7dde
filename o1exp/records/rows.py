"""Rows of the JSON files that people keep data in: JSONL, a list, columns, a list under a name, or JSONL under the wrong name."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Row:
    """One row with its place in the file (line or row number from 1); `reason` says why it could not be read."""

    place: int
    values: dict[str, Any]
    reason: str = ""


def json_rows(path: Path) -> Iterator[Row]:
    """All rows in order. Errors: ValueError if the file is no UTF-8 text, or as a whole neither JSON nor JSONL."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise ValueError(f"{path} is no UTF-8 text ({wrong.reason} at byte {wrong.start}); give a JSONL file or a JSON list") from None
    if path.suffix in LINES:
        return _lines(text)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as whole:
        if _looks_like_lines(text):
            return _lines(text)
        raise ValueError(f"{path} is neither JSON nor JSONL: {whole}") from None
    return (_row(place, value) for place, value in enumerate(_listed(content), start=1))


def _lines(text: str) -> Iterator[Row]:
    for place, line in enumerate(text.split("\n"), start=1):  # not splitlines: texts may hold U+2028
        if line.strip():
            try:
                yield _row(place, json.loads(line))
            except json.JSONDecodeError as wrong:
                yield Row(place, {}, f"no JSON: {wrong.msg} at column {wrong.colno}")


def _looks_like_lines(text: str) -> bool:
    return text.lstrip().startswith("{") and "\n" in text.strip()


def _listed(content: Any) -> list[Any]:
    """A list as it is; columns (lists of one length, or dicts as pandas writes them) as rows; the list in an object; else one row."""
    if isinstance(content, dict) and content and all(isinstance(column, dict) for column in content.values()):
        content = {name: list(column.values()) for name, column in content.items()}
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list)]
        if len(lists) == 1 and all(isinstance(item, dict) for item in lists[0]):
            return lists[0]
        if len(lists) == len(content) and len({len(column) for column in lists}) == 1:
            return [dict(zip(content, values, strict=True)) for values in zip(*lists, strict=True)]
    return content if isinstance(content, list) else [content]


def _row(place: int, values: Any) -> Row:
    if isinstance(values, dict):
        return Row(place, values)
    return Row(place, {}, f"not an object but {type(values).__name__}; every row must be an object with named fields")
