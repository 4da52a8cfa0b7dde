"""Rows of any file people keep problems in: JSONL, JSON (a list, columns, or JSONL under the wrong name), CSV, parquet, save_to_disk."""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One row with its place in the file (line or row number from 1); `reason` says why it could not be read."""

    place: int
    values: dict[str, Any]
    reason: str = ""


def digest(path: Path) -> str:
    """sha256 of a file, or of the names and contents of a folder's files; "" where there is nothing."""
    if path.is_file():
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    if not path.is_dir():
        return ""
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return hashlib.sha256("".join(f"{p.relative_to(path)} {digest(p)}\n" for p in files).encode()).hexdigest()


def read_rows(path: Path) -> Iterator[Row]:
    """All rows of a file or folder. Errors: ValueError for a kind of file that is not known."""
    if path.is_dir():
        return _saved_to_disk(path)
    if path.suffix == ".parquet":
        return _parquet(path)
    if path.suffix in (".csv", ".tsv"):
        return _csv(path, "\t" if path.suffix == ".tsv" else ",")
    if path.suffix in (".json", ".jsonl", ".ndjson"):
        return _json(path)
    raise ValueError(f"{path} is no .jsonl, .json, .csv, .tsv, .parquet file or save_to_disk folder")


def _json(path: Path) -> Iterator[Row]:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".json":
        try:
            yield from _json_rows(json.loads(text))
            return
        except json.JSONDecodeError as whole:
            if not _looks_like_lines(text):
                raise ValueError(f"{path} is no JSON: {whole}") from whole
    for place, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield _json_line(place, line)


def _json_line(place: int, line: str) -> Row:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as wrong:
        return Row(place, {}, f"no JSON: {wrong.msg} at column {wrong.colno}")
    return Row(place, values) if isinstance(values, dict) else Row(place, {}, f"not an object but {type(values).__name__}")


def _looks_like_lines(text: str) -> bool:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return first.startswith("{") and first.rstrip().endswith("}")


def _json_rows(content: Any) -> Iterator[Row]:
    if isinstance(content, dict) and content and all(isinstance(column, dict) for column in content.values()):  # as pandas writes it
        content = {name: list(column.values()) for name, column in content.items()}
    if isinstance(content, dict) and len(content) > 1 and all(isinstance(column, list) for column in content.values()):
        names = list(content)
        content = [dict(zip(names, row, strict=True)) for row in zip(*content.values(), strict=True)]
    elif isinstance(content, dict):
        content = next((inner for inner in content.values() if isinstance(inner, list)), [content])
    for place, values in enumerate(content, start=1):
        yield Row(place, values) if isinstance(values, dict) else Row(place, {}, f"not an object but {type(values).__name__}")


def _csv(path: Path, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)
    with path.open(newline="", encoding="utf-8-sig") as lines:
        for place, values in enumerate(csv.DictReader(lines, delimiter=delimiter), start=1):
            extra = None in values
            yield Row(place, {} if extra else dict(values), "more columns than the header names" if extra else "")


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet

    place = 0
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=1024):
        for values in batch.to_pylist():
            place += 1
            yield Row(place, values)


def _saved_to_disk(path: Path) -> Iterator[Row]:
    import datasets

    found = datasets.load_from_disk(str(path))
    if isinstance(found, datasets.DatasetDict):
        raise ValueError(f"{path} holds several splits; name one of its folders: {', '.join(found)}")
    for place, values in enumerate(found, start=1):
        yield Row(place, dict(values))
