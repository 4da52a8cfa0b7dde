import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from o1exp.records.rows import json_rows
from o1exp.sources.files import read_rows

A, B = {"problem": "p", "answer": "1"}, {"problem": "q", "answer": "2"}
CHAT = [{"role": "user", "content": "p"}, {"role": "assistant", "content": "1"}]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        ({"a": [1, 2], "b": ["x", "y"]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        ({"a": ["x", "y"]}, [{"a": "x"}, {"a": "y"}]),
        ({"a": {"0": 1, "1": 2}}, [{"a": 1}, {"a": 2}]),
        ({"version": 1, "data": [{"a": 1}]}, [{"a": 1}]),
        ({"data": []}, []),
        ({"a": [1, 2], "b": [3]}, [{"a": [1, 2], "b": [3]}]),
        ({"a": 1}, [{"a": 1}]),
        ({}, [{}]),
        ({"columns": ["problem", "answer"], "index": [0], "data": [["p", "1"]]}, [A]),
        ({"problem": ["p"], "reward_model": [{"x": 1}]}, [{"problem": "p", "reward_model": {"x": 1}}]),
        ({"x": A, "y": B}, [{"id": "x", **A}, {"id": "y", **B}]),
        ({"0": {**A, "id": "own"}, "1": B}, [{**A, "id": "own"}, {"id": "1", **B}]),
        ({"train": [A, B]}, [A, B]),
        ({"messages": CHAT, "answer": "1"}, [{"messages": CHAT, "answer": "1"}]),
        ({**A, "choices": [{"text": "1"}]}, [{**A, "choices": [{"text": "1"}]}]),
    ],
)
def test_a_json_file_is_rows_whatever_wraps_them(tmp_path: Path, content: Any, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert [row.values for row in json_rows(tmp_path / "a.json")] == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('{"idx": 2, "samples": [{"text": "x"}]}', [{"idx": 2, "samples": [{"text": "x"}]}]),
        (json.dumps({"data": [A]}), [A]),
        (json.dumps({"x": A, "y": B}), [{"id": "x", **A}, {"id": "y", **B}]),
        (json.dumps([A, B], indent=1), [A, B]),
        (json.dumps(A, indent=2) + "\n" + json.dumps(B, indent=2), [A, B]),
        (json.dumps(A) + json.dumps(B), [A, B]),
        (json.dumps(A) + ",\n" + json.dumps(B) + ",\n", [A, B]),
        ('{"a": "x\ty"}\n{"a": "z"}', [{"a": "x\ty"}, {"a": "z"}]),
        ('{"a": "half \\ud835 of it"}\n{"a": "\\ud835\\udc65"}', [{"a": "half \ufffd of it"}, {"a": "\U0001d465"}]),
        ("\ufeff" + json.dumps(A) + "\r\n\r\n" + json.dumps(B), [A, B]),
    ],
)
@pytest.mark.parametrize(("name", "chunk"), [("a.jsonl", 1 << 20), ("a.ndjson", 1), ("b.jsonl", 7)])
def test_lines_hold_rows_however_they_are_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, chunk: int, text: str, rows: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr("o1exp.records.rows.CHUNK", chunk)
    (tmp_path / name).write_bytes(text.encode())
    assert [row.values for row in json_rows(tmp_path / name)] == rows


@pytest.mark.parametrize("chunk", [1, 5, 1 << 20])
def test_an_object_ends_where_it_ends_however_little_of_the_file_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("o1exp.records.rows.CHUNK", chunk)
    objects = [A, {"a": "two\nlines"}, {"a": [1, {"b": None}], "c": "\U0001d465"}]
    spread = "\n".join(json.dumps(one, indent=1) for one in objects)
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(B)}\n{spread}\n{{broken\n{json.dumps(A)}\n")
    found = list(json_rows(tmp_path / "a.jsonl"))
    assert [row.values for row in found] == [B, *objects, {}, A]
    assert [row.place for row in found] == [1, 2, 6, 9, 18, 19]


@pytest.mark.parametrize(("name", "head", "row"), [("a.jsonl", "", '{"problem": "x", "answer": "2"}'), ("a.csv", "problem,answer\n", "x,2"),
                                                   ("a.tsv", "problem\tanswer\n", 'x "y"\t2')])  # fmt: skip
def test_lines_are_read_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, head: str, row: str) -> None:
    monkeypatch.setattr("o1exp.records.rows.CHUNK", 1 << 14)
    row, path = row.replace("x", "x" * 1000), tmp_path / name
    rows = 1_000_000 // len(row)
    path.write_text(head + f"{row}\n" * rows)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(path)) == rows
        assert tracemalloc.get_traced_memory()[1] < 300_000, "the file has a million letters"
    finally:
        tracemalloc.stop()


def test_text_that_is_no_utf8_is_refused_before_a_row_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o1exp.records.rows.CHUNK", 4)
    for wrong in (b"\xff", b"\xe2\x82"):
        (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n{"a": 2}\n' + wrong)
        with pytest.raises(ValueError, match=r"a.jsonl is no UTF-8 text \(.* at byte 18\)"):
            read_rows(tmp_path / "a.jsonl")


def test_a_row_that_cannot_be_read_says_why_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{broken\n\n[1]\n{"a": 2}\n{"a": ' + "[" * 100_000 + "\n" + '{"a": ' + "1" * 5000 + "}\n")
    found = list(json_rows(tmp_path / "a.jsonl"))
    assert [row.values for row in found if not row.reason] == [{"a": 1}, {"a": 2}]
    assert [(row.place, row.reason.split(":")[0].split(";")[0]) for row in found if row.reason] == [
        (2, "no JSON"),
        (4, "not an object but list"),
        (6, "no JSON"),
        (7, "no JSON"),
    ]


def test_a_broken_object_over_several_lines_is_one_row(tmp_path: Path) -> None:
    broken = '{\n "problem": "p",\n "answer" "1"\n}\n'
    (tmp_path / "a.jsonl").write_text(json.dumps(A, indent=1) + "\n" + broken + json.dumps(B, indent=1))
    found = list(json_rows(tmp_path / "a.jsonl"))
    assert [(row.place, row.values, bool(row.reason)) for row in found] == [(1, A, False), (5, {}, True), (9, B, False)]


def test_of_several_sets_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"train": [A, B], "test": {"x": B}}))
    with pytest.raises(
        ValueError, match=r"a.json holds several sets of rows, train \(2 rows\) and test \(1 rows\): say which by split=NAME"
    ):
        json_rows(path)
    assert [row.values for row in json_rows(path, "test")] == [{"id": "x", **B}]
    with pytest.raises(ValueError, match="has no split dev; it holds train, test"):
        json_rows(path, "dev")
    path.write_text(json.dumps([A]))
    with pytest.raises(ValueError, match="holds one list of rows and no split dev"):
        json_rows(path, "dev")


def test_text_that_is_neither_is_refused(tmp_path: Path) -> None:
    for text in ("question,answer\n", '[{"a": 1},\n{"a": 2},\n{"a"', '{"a": 1'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ValueError, match=r"a.json is neither JSON nor JSONL"):
            json_rows(tmp_path / "a.json")
