"""Rows of people's JSON files, whatever their ending: JSONL, objects over several lines, or one JSON value (shapes.py)."""

import codecs
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from o1exp.records.instead import assert_data
from o1exp.records.shapes import listed

LINES = (".jsonl", ".ndjson")
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_OPENED = ("{", "[", ",", ":")
CHUNK = 1 << 20
"""Bytes or letters of a file that are read at once."""
_LONGEST = 1 << 26
"""Letters of a first line by which a file is known to hold lines; with a longer one it is read as a whole."""
_NEAR = 16
"""A mistake so near the end of what was read may be none once more is: the longest escape and word of JSON are shorter."""
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
    assert_data(path)
    if not split and is_lines(path):
        return _of_file(path)
    text = text_of(path)
    try:
        content = json.loads(text, strict=False)
    except (ValueError, RecursionError) as whole:
        start = text.lstrip()[:1]
        if not split and (path.suffix.lower() in LINES or (start == "{" and ("\n" in text.strip() or "Extra data" in str(whole)))):
            return _values(io.StringIO(text))
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


def assert_text(path: Path) -> None:
    """Errors: ValueError naming a file that is no UTF-8 text, before anything is read of it."""
    decoder, before = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        chunk = b"."
        while chunk:
            chunk = file.read(CHUNK)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as wrong:
                at = before - held + wrong.start
                raise ValueError(f"{path} is no UTF-8 text ({wrong.reason} at byte {at}); save it as UTF-8") from None
            before += len(chunk)


def is_lines(path: Path) -> bool:
    """Whether the first line that says something is an object and more follows: no JSON as a whole, whatever follows."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        start = next((line for line in iter(lambda: file.readline(_LONGEST), "") if line.strip()), "")
        try:
            first = json.loads(start, strict=False)
        except (ValueError, RecursionError):
            return False
        return isinstance(first, dict) and any(text.strip() for text in iter(lambda: file.read(CHUNK), ""))


def _of_file(path: Path) -> Iterator[Row]:
    assert_text(path)
    return _lines_of(path)


def _lines_of(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        yield from _values(file)


class _Ahead:
    """What comes next in a file, in whole lines, as far as it was looked at: `text` from `at` on."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.text, self.at = "", 0

    def line(self) -> str:
        """The next line with its end; "" behind the last one."""
        if self.at == len(self.text):
            self.more()
        return self.text[self.at : self.text.find("\n", self.at) + 1 or len(self.text)]

    def more(self) -> bool:
        """Look twice as far. False at the end of the file."""
        new = self._file.read(max(CHUNK, len(self.text) - self.at)) + self._file.readline()
        self.text, self.at = self.text[self.at :] + new, 0
        return bool(new)


def _values(file: TextIO) -> Iterator[Row]:
    """JSON values one after another, one a line or over several lines; what begins none is a row that cannot be read."""
    ahead, place, broken = _Ahead(file), 1, False
    while line := ahead.line():  # not splitlines: texts may hold U+2028
        length = len(line)
        if line.strip() and not (broken and line[0] in " \t}]"):  # the rest of a broken object is no row of its own
            value, length, reason = _value(ahead, line)
            halves = bool(_ESCAPED_HALF.search(ahead.text, ahead.at, ahead.at + length))
            yield Row(place, {}, reason) if reason else _row(place, value, halves)
            broken = bool(reason) and line.rstrip().endswith(_OPENED)
        place += ahead.text.count("\n", ahead.at, ahead.at + length)
        ahead.at += length


def _value(ahead: _Ahead, line: str) -> tuple[Any, int, str]:
    """The value that begins in this line, after how many letters the next one may begin, and why there is no value."""
    try:
        return json.loads(line, strict=False), len(line), ""
    except (ValueError, RecursionError) as wrong:
        reason = f"no JSON: {_why(wrong)}"
    try:
        value, stop = _decoded(ahead, len(line) - len(line.lstrip()))
    except (ValueError, RecursionError):
        return None, len(line), reason
    behind = ahead.text.find("\n", stop) + 1 or len(ahead.text)
    rest = ahead.text[stop:behind].strip()
    if rest in ("", ","):
        return value, behind - ahead.at, ""
    return (value, stop - ahead.at, "") if rest.startswith("{") else (None, len(line), reason)


def _decoded(ahead: _Ahead, inside: int) -> tuple[Any, int]:
    """The value `inside` what comes next, and where it ends in `ahead.text`; looks further where its end may lie there."""
    while True:
        try:
            return _DECODER.raw_decode(ahead.text, ahead.at + inside)
        except json.JSONDecodeError as wrong:
            sure = wrong.pos < len(ahead.text.rstrip()) - _NEAR and not wrong.msg.startswith("Unterminated")
            if sure or not ahead.more():
                raise


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
