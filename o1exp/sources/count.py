"""How many rows a file holds, for the plan: a parquet file says it, lines are counted, anything else is read."""

from functools import lru_cache
from pathlib import Path

from o1exp.records.labelled.read import is_thoughts
from o1exp.records.rows import LINES, is_lines
from o1exp.records.table import opened
from o1exp.sources import shards
from o1exp.sources.files import read_rows
from o1exp.sources.labelled import thoughts


@lru_cache(maxsize=64)
def counted(path: str, split: str, sha256: str) -> int | None:
    """The rows of a file, folder or pattern whose content has this digest; None where it is not there or cannot be read."""
    found = Path(path)
    try:
        if not found.is_file() and shards.is_sharded(found):
            return sum(_rows(part, "") for part in shards.parts(found, split))
        return _rows(found, split)
    except (OSError, ValueError):
        return None


def _rows(path: Path, split: str) -> int:
    """Errors: ValueError for a file that cannot be read, OSError where there is none."""
    if path.is_file() and not is_thoughts(path):
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"PAR1":
            return int(opened(path).metadata.num_rows)
        if not split and path.suffix.lower() in LINES and is_lines(path):
            with path.open("rb") as file:
                return sum(not line.isspace() for line in file)
    rows = thoughts(path) if path.is_file() and is_thoughts(path) else read_rows(path, split)
    return sum(not row.reason for row in rows)
