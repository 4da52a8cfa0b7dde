"""Rows of any file people keep problems in: JSONL, JSON in any shape (records/shapes.py), CSV, TSV, parquet, save_to_disk."""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from o1exp.flow.content import sha256, sha256_of, together
from o1exp.records.instead import assert_data
from o1exp.records.rows import LINES, Row, assert_text, json_rows
from o1exp.records.table import opened
from o1exp.sources import shards
from o1exp.sources.fields import USUAL

_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd"}
_LONGEST_CELL = 1 << 30
_READ = frozenset(name for names in USUAL.values() for name in names)
"""Columns that a problem may be read from: two of one name would leave open which."""


def digest(path: Path) -> str:
    """sha256 of a file, or of the names and contents of a folder's files, or of a pattern's; "" where there is nothing."""
    if path.is_file():
        return sha256(path)
    if shards.is_pattern(path):
        found = shards.files(path)
        above = os.path.commonpath([one.parent for one in found]) if found else ""
        return together(sha256_of({str(one.relative_to(above)): one for one in found}))
    return together(sha256_of({str(p.relative_to(path)): p for p in path.rglob("*") if p.is_file()}))


def read_rows(path: Path, split: str = "") -> Iterator[Row]:
    """All rows of a file or folder, or of the files that a pattern names; `split` names the set where it holds several.

    Rows of several files are numbered on. Errors: ValueError for a kind of file that is not known, or whose text is not UTF-8.
    """
    if shards.is_sharded(path):
        return _together([(part, read_rows(part)) for part in shards.parts(path, split)])
    if path.is_dir():
        return _saved_to_disk(path, split)
    assert_data(path)
    with path.open("rb") as file:
        start = file.read(64)
    if packed := next((name for magic, name in _PACKED.items() if start.startswith(magic)), ""):
        raise ValueError(f"{path} is packed ({packed}); unpack it and give the file inside")
    if start.startswith(b"PAR1"):
        return _parquet(path)
    ending = path.suffix.lower()
    if ending in (*LINES, ".json") or start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return json_rows(path, split)
    if split:
        raise ValueError(f"{path} holds one set of rows and no split {split}; leave split empty")
    if ending in (".csv", ".tsv"):
        return _csv(path, "\t" if ending == ".tsv" else ",")
    raise ValueError(f"{path} is no .jsonl, .json, .csv, .tsv, .parquet file, folder of such files or save_to_disk folder")


def _together(found: list[tuple[Path, Iterator[Row]]]) -> Iterator[Row]:
    before = 0
    for part, rows in found:
        last = 0
        for row in rows:
            last = row.place
            yield Row(before + last, row.values, f"{part.name}, row {last}: {row.reason}" if row.reason else "")
        before += last


@dataclass(frozen=True)
class _Csv:
    """A file of cells, read from its start by each who asks."""

    path: Path
    delimiter: str
    plain: bool = False
    """Whether quotes are letters like others."""

    def lines(self) -> Iterator[list[str]]:
        """Errors: csv.Error, behind which the next line can be asked for: the reader's own."""
        quoting: Literal[0, 3] = csv.QUOTE_NONE if self.plain else csv.QUOTE_MINIMAL
        return csv.reader(_closed_at_its_end(self.path), delimiter=self.delimiter, quoting=quoting, strict=True)

    def is_quoted(self) -> bool:
        """Whether quotes are marks of cells; many TSV files have none, and quotes in their texts."""
        try:
            return sum(bool(cells) for cells in self.lines()) > 0
        except csv.Error:
            return False


def _closed_at_its_end(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from file


def _csv(path: Path, delimiter: str) -> Iterator[Row]:
    assert_text(path)
    csv.field_size_limit(_LONGEST_CELL)
    lines = _Csv(path, delimiter, plain=delimiter == "\t" and not _Csv(path, delimiter).is_quoted()).lines()
    try:
        names = [name.strip() for name in next((cells for cells in lines if any(cells)), [])]
    except csv.Error as wrong:
        raise ValueError(f"{path}: the header cannot be read ({wrong}); a quote inside a quoted cell is written twice") from None
    if len(names) == 1 and (other := next((sign for sign in ";\t|," if sign in names[0]), "")):
        raise ValueError(f"{path} is separated by {other!r}, not by {delimiter!r}; write it with {delimiter!r} between the columns")
    if twice := next((name for name in names if name.casefold() in _READ and names.count(name) > 1), ""):
        raise ValueError(f"{path} names the column {twice} twice; give each column a name of its own")
    return _records(lines, _numbered(names))


def _numbered(names: list[str]) -> list[str]:
    """The names of columns that nothing is read from: one that stands there again has a number behind it, as pandas gives it."""
    return [f"{name}.{before}" if name and (before := names[:place].count(name)) else name for place, name in enumerate(names)]


def _records(lines: Iterator[list[str]], names: list[str]) -> Iterator[Row]:
    place = 1
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as wrong:
            yield Row(place, {}, f"no CSV: {wrong}; a quote inside a quoted cell is written twice")
        else:
            if not cells:
                continue
            extra = len(cells) > len(names)
            yield Row(place, {} if extra else dict(zip(names, cells, strict=False)), "more columns than the header names" if extra else "")
        place += 1


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow

    place = 0
    try:
        for batch in opened(path).iter_batches(batch_size=1024):
            for values in batch.to_pylist():
                place += 1
                yield Row(place, values)
    except (pyarrow.ArrowException, ValueError) as wrong:
        raise ValueError(f"{path}, behind row {place}: {str(wrong).splitlines()[0]}") from wrong


def _saved_to_disk(path: Path, split: str) -> Iterator[Row]:
    import datasets

    try:
        found = datasets.load_from_disk(str(path))
    except FileNotFoundError:
        inside = ", ".join(sorted(entry.name for entry in path.iterdir())[:10])
        raise ValueError(f"{path} is no save_to_disk folder; give one of its files: {inside or 'it is empty'}") from None
    if isinstance(found, datasets.DatasetDict):
        if split and split not in found:
            raise ValueError(f"{path} has no split {split}; it holds {', '.join(found)}")
        if not split and len(found) != 1:
            raise ValueError(f"{path} holds several splits: say which by split=NAME; it has {', '.join(found)}")
        found = found[split or next(iter(found))]
    elif split and split != str(found.split):
        raise ValueError(f"{path} holds one set of rows and no split {split}; leave split empty")
    for place, values in enumerate(found, start=1):
        yield Row(place, dict(values))
