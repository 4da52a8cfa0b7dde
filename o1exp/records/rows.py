"""Rows of people's JSON files, whatever their ending: JSONL, objects over several lines, or one JSON value (shapes.py)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.records.shapes import listed

LINES = (".jsonl", ".ndjson")
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_OPENED = ("{", "[", ",", ":")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Row:
    """One row with its place in the file (line or row number from 1); `reason` says why it could not be read."""

    place: int
    values: dict[str, Any]
    reason: str = ""


def json_rows(path: Path, split: str = "") -> Iterator[Row]:
    """All rows in order; `split` names the set where the file holds several.

    Errors: ValueError if the file is no UTF-8 text, as a whole neither JSON nor JSONL, or holds several sets and `split` none of them.
    """
    text = text_of(path)
    try:
        content = json.loads(text, strict=False)
    except (ValueError, RecursionError) as whole:
        start = text.lstrip()[:1]
        if not split and (path.suffix.lower() in LINES or (start == "{" and ("\n" in text.strip() or "Extra data" in str(whole)))):
            return _values(text)
        raise ValueError(f"{path} is neither JSON nor JSONL: {_why(whole)}" if text.strip() else f"{path} is empty") from None
    try:
        rows = listed(content, split, path.suffix.lower() in LINES)
    except ValueError as wrong:
        raise ValueError(f"{path} {wrong}") from None
    halves = bool(_ESCAPED_HALF.search(text))
    return (_row(place, value, halves) for place, value in enumerate(rows, start=1))


def text_of(path: Path, newline: str | None = None) -> str:
    """The whole text of a file. Errors: ValueError naming a file that is no UTF-8 text."""
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            return file.read()
    except UnicodeDecodeError as wrong:
        raise ValueError(f"{path} is no UTF-8 text ({wrong.reason} at byte {wrong.start}); save it as UTF-8") from None


def _values(text: str) -> Iterator[Row]:
    """JSON values one after another, one a line or over several lines; what begins none is a row that cannot be read."""
    halves, at, place, broken = bool(_ESCAPED_HALF.search(text)), 0, 1, False
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)  # not splitlines: texts may hold U+2028
        line = text[at:end]
        if line.strip() and not (broken and line[0] in " \t}]"):  # the rest of a broken object is no row of its own
            value, end, reason = _value(text, at, end)
            yield Row(place, {}, reason) if reason else _row(place, value, halves)
            broken = bool(reason) and line.rstrip().endswith(_OPENED)
        place += text.count("\n", at, end)
        at = end


def _value(text: str, at: int, end: int) -> tuple[Any, int, str]:
    """The value that begins in this line, where the next one may begin, and why there is no value."""
    line = text[at:end]
    try:
        return json.loads(line, strict=False), end, ""
    except (ValueError, RecursionError) as wrong:
        reason = f"no JSON: {_why(wrong)}"
    try:
        value, stop = _DECODER.raw_decode(text, at + len(line) - len(line.lstrip()))
    except (ValueError, RecursionError):
        return None, end, reason
    behind = text.find("\n", stop) + 1 or len(text)
    rest = text[stop:behind].strip()
    if rest in ("", ","):
        return value, behind, ""
    return (value, stop, "") if rest.startswith("{") else (None, end, reason)


def _row(place: int, values: Any, halves: bool) -> Row:
    """`halves`: texts may hold half of a surrogate pair, which no file of ours could."""
    if not isinstance(values, dict):
        return Row(place, {}, f"not an object but {type(values).__name__}; every row must be an object with named fields")
    return Row(place, _mended(values) if halves else values)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return {_mended(name): _mended(item) for name, item in value.items()} if isinstance(value, dict) else value


def _why(wrong: Exception) -> str:
    if isinstance(wrong, json.JSONDecodeError):
        return f"{wrong.msg.removesuffix(' at')} at column {wrong.colno}" + (f" of line {wrong.lineno}" if wrong.lineno > 1 else "")
    return "nested too deep" if isinstance(wrong, RecursionError) else str(wrong)
