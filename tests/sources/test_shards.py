"""A set that lies in several files: a folder of parts, the folder of a hub's set, or a pattern."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import SettingsError, Store
from o1exp.records import Problem
from o1exp.sources.files import read_rows
from o1exp.sources.local import Local


def part(path: Path, *answers: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"question": f"{answer} + 0?", "answer": answer} for answer in answers]
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        path.write_text("question,answer\n" + "".join(f"{row['question']},{row['answer']}\n" for row in rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def problems(folder: Path, path: Path, **settings: Any) -> list[Problem]:
    return list(Store(folder / "outputs").get(Local(path=str(path), **settings)))


def answers(folder: Path, path: Path, **settings: Any) -> list[str]:
    return [problem.answer for problem in problems(folder, path, **settings)]


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_the_parts_of_a_folder_are_one_source_in_the_order_of_their_numbers(tmp_path: Path, ending: str) -> None:
    for place in range(11):
        part(tmp_path / "set" / f"train-{place}-of-11.{ending}", place, 100 + place)
    (tmp_path / "set" / "README.md").write_text("# A set")
    found = problems(tmp_path, tmp_path / "set")
    assert [problem.answer for problem in found] == [str(n) for place in range(11) for n in (place, 100 + place)]
    assert [problem.row for problem in found] == list(range(1, 23))
    assert len({problem.revision for problem in found}) == 1
    assert answers(tmp_path, tmp_path / "set" / f"train-*-of-11.{ending}") == [problem.answer for problem in found]


def test_several_splits_of_a_hub_folder_are_told_apart_by_name(tmp_path: Path) -> None:
    here = tmp_path / "hub"
    part(here / "data" / "train-00000-of-00002.parquet", 1)
    part(here / "data" / "train-00001-of-00002.parquet", 2)
    part(here / "data" / "test-00000-of-00001.parquet", 3)
    assert answers(tmp_path, here, split="train") == ["1", "2"]
    assert answers(tmp_path, here, split="test") == ["3"]
    assert answers(tmp_path, here / "data" / "t*.parquet") == ["3", "1", "2"], "a pattern names what it wants"
    with pytest.raises(ValueError, match=r"holds several sets of files: say which by split=NAME, .*; it has test, train"):
        read_rows(here)
    with pytest.raises(ValueError, match="has no split dev; its files are named test, train"):
        read_rows(here, "dev")


def test_a_part_that_is_missing_or_packed_is_refused(tmp_path: Path) -> None:
    part(tmp_path / "one" / "train-00000-of-00003.jsonl", 1)
    part(tmp_path / "one" / "train-00002-of-00003.jsonl", 3)
    with pytest.raises(ValueError, match=r"lacks 1 of 3 parts of train, the first is number 1; add them"):
        read_rows(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "train-00000-of-00001.jsonl.gz").write_bytes(gzip.compress(b'{"question": "1+1?", "answer": 2}'))
    with pytest.raises(ValueError, match=r"train-00000-of-00001.jsonl.gz is packed \(gzip\); unpack it"):
        list(read_rows(tmp_path / "two"))
    with pytest.raises(SettingsError, match="does not exist"):
        Local(path=str(tmp_path / "no-*.jsonl"))


def test_a_changed_part_is_another_source_and_a_moved_folder_is_not(tmp_path: Path) -> None:
    for place in (1, 2):
        part(tmp_path / "set" / f"part-{place}.jsonl", place)
    first, named = Local(path=str(tmp_path / "set")).key, Local(path=str(tmp_path / "set" / "*.jsonl")).key
    (tmp_path / "set").rename(tmp_path / "moved")
    assert Local(path=str(tmp_path / "moved")).key == first
    assert Local(path=str(tmp_path / "moved" / "*.jsonl")).key == named
    part(tmp_path / "moved" / "part-2.jsonl", 3)
    assert Local(path=str(tmp_path / "moved")).key != first


def test_a_row_that_cannot_be_read_names_its_part(tmp_path: Path) -> None:
    part(tmp_path / "set" / "part-1.jsonl", 1)
    (tmp_path / "set" / "part-2.jsonl").write_text('{"question": "2 + 0?"\n{"question": "3 + 0?", "answer": 3}\n')
    rows = list(read_rows(tmp_path / "set"))
    assert [row.place for row in rows] == [1, 2, 3]
    assert rows[1].reason.startswith("part-2.jsonl, row 1: no JSON")
