"""How many problems a plan expects of a file."""

import json
from pathlib import Path

import pytest

from o1exp.flow.stage import foreseen
from o1exp.sources.local import Local

ROWS = [{"question": f"{n}+1?", "answer": n + 1} for n in range(3)]
TEXTS = {
    "a.jsonl": "\n".join(map(json.dumps, ROWS)) + "\n\n",
    "one.jsonl": json.dumps(ROWS[0]),
    "pretty.jsonl": "\n".join(json.dumps(row, indent=1) for row in ROWS),
    "a.json": json.dumps(ROWS),
    "columns.json": json.dumps({"question": ["1+1?", "2+2?"], "answer": [2, 4]}),
    "a.csv": 'question,answer\n"two\nlines",2\n2+2?,4\n',
}


@pytest.mark.parametrize(("name", "rows"), list(zip(TEXTS, (3, 1, 3, 3, 2, 2), strict=True)))
def test_the_rows_of_a_file_are_counted(tmp_path: Path, name: str, rows: int) -> None:
    (tmp_path / name).write_text(TEXTS[name])
    assert foreseen(Local(path=str(tmp_path / name), expected_rows=1319)).rows == rows


def test_parts_and_parquet_are_counted(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    for part in range(2):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / f"train-0000{part}-of-00002.parquet")
    assert foreseen(Local(path=str(tmp_path))).rows == 6


def test_limit_and_skip_are_of_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(TEXTS["a.jsonl"])
    windows = ((10, 0), (2, 0), (2, 2), (None, 9))
    assert [foreseen(Local(path=str(path), limit=limit, skip=skip)).rows for limit, skip in windows] == [3, 2, 1, 0]


def test_a_file_that_cannot_be_read_counts_as_not_known(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"question,answer\n\xff\xfe,1\n")
    assert foreseen(Local(path=str(path))).rows is None
    assert foreseen(Local(expected_rows=7)).rows == 7
