import json
from pathlib import Path
from typing import Any

import pytest

from o1exp.records.rows import json_rows


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
    ],
)
def test_a_json_file_is_rows_whatever_wraps_them(tmp_path: Path, content: Any, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert [row.values for row in json_rows(tmp_path / "a.json")] == rows


def test_a_row_that_cannot_be_read_says_why_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{broken\n\n[1]\n{"a": 2}\n')
    found = list(json_rows(tmp_path / "a.jsonl"))
    assert [row.values for row in found if not row.reason] == [{"a": 1}, {"a": 2}]
    assert [(row.place, row.reason.split(":")[0].split(";")[0]) for row in found if row.reason] == [
        (2, "no JSON"),
        (4, "not an object but list"),
    ]


def test_text_that_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("question,answer\n")
    with pytest.raises(ValueError, match="neither JSON nor JSONL"):
        json_rows(tmp_path / "a.json")
