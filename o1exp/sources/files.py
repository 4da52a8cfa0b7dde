"""Rows of any file people keep problems in: JSONL, JSON (a list, columns, or JSONL under the wrong name), CSV, parquet, save_to_disk."""

import csv
from collections.abc import Iterator
from pathlib import Path

from o1exp.flow.content import sha256, sha256_of, together
from o1exp.records.rows import Row, json_rows


def digest(path: Path) -> str:
    """sha256 of a file, or of the names and contents of a folder's files; "" where there is nothing."""
    if path.is_file():
        return sha256(path)
    return together(sha256_of({str(p.relative_to(path)): p for p in path.rglob("*") if p.is_file()}))


def read_rows(path: Path) -> Iterator[Row]:
    """All rows of a file or folder. Errors: ValueError for a kind of file that is not known."""
    if path.is_dir():
        return _saved_to_disk(path)
    if path.suffix == ".parquet":
        return _parquet(path)
    if path.suffix in (".csv", ".tsv"):
        return _csv(path, "\t" if path.suffix == ".tsv" else ",")
    if path.suffix in (".json", ".jsonl", ".ndjson"):
        return json_rows(path)
    raise ValueError(f"{path} is no .jsonl, .json, .csv, .tsv, .parquet file or save_to_disk folder")


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
