"""What a table of a run looks like: columns, lengths, where its rows come from. Reads one column at a time, part by part."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.records.table import FRAME, ROWS, opened

if TYPE_CHECKING:
    import pyarrow

TEXTS = ("question", "answer", "solution", "prompt", "response")
GROUPS = ("source", "origin", "draw")
MOST_GROUPS = 8


def described(folder: Path) -> dict[str, Any]:
    """Columns with their types, character lengths of the texts, counts of the groups, bytes; {} where there is no table."""
    path = folder / ROWS
    if not path.is_file():
        return {}
    file = opened(path)
    types = {field.name: str(field.type) for field in file.schema_arrow}
    found = {"format": "Parquet", "rows": file.metadata.num_rows, "columns": types}
    lengths = {name: _lengths(path, name) for name in TEXTS if name in types}
    groups = {name: _groups(path, name) for name in GROUPS if name in types}
    return found | {"lengths": {n: v for n, v in lengths.items() if v}, "groups": {n: v for n, v in groups.items() if v}}


def _lengths(path: Path, column: str) -> dict[str, float]:
    """Characters per row: mean, median, 90th percentile and most; {} where all are empty."""
    import pyarrow.compute

    counts = pyarrow.chunked_array([pyarrow.compute.utf8_length(part) for part in _parts(path, column)], pyarrow.int32())
    most = pyarrow.compute.max(counts).as_py()
    if not most:
        return {}
    median, high = pyarrow.compute.quantile(counts, q=[0.5, 0.9]).to_pylist()
    return {"mean": round(pyarrow.compute.mean(counts).as_py(), 1), "median": median, "p90": high, "max": most}


def _groups(path: Path, column: str) -> dict[str, int]:
    """Rows by value, the most frequent first; the rest together."""
    counted = Counter[str]()
    for part in _parts(path, column):
        counted.update({str(row["values"]): int(row["counts"]) for row in part.value_counts().to_pylist()})
    ordered = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    rest = sum(count for _, count in ordered[MOST_GROUPS:])
    kept = {value: count for value, count in ordered[:MOST_GROUPS] if value}
    return kept | ({"others": rest} if rest else {})


def _parts(path: Path, column: str) -> "Iterator[pyarrow.Array]":
    for batch in opened(path).iter_batches(batch_size=FRAME, columns=[column]):
        yield batch.column(0)
