import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from o1exp.records import Completion, Problem, Score, Usage
from o1exp.records.table import CHUNK, Table, write_table


@dataclass(frozen=True, kw_only=True)
class Nested:
    name: str
    usage: Usage
    tags: tuple[str, ...] = ()
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Deep:
    """Records within records, lists of them, and any of it missing."""

    nested: Nested
    several: tuple[Nested, ...] = ()
    perhaps: Nested | None = None
    ends: tuple[float, float] | None = None


def test_records_come_back_equal_however_deep(tmp_path: Path) -> None:
    inner = Nested(name="a", usage=Usage(prompt_tokens=3), tags=("x", "y"), score=0.5)
    rows = [Deep(nested=inner), Deep(nested=inner, several=(inner, Nested(name="b", usage=Usage())), perhaps=inner, ends=(0.0, 100.0))]
    write_table(tmp_path, Deep, rows)
    assert list(Table.read(tmp_path, Deep)) == rows


def test_nested_records_come_back_equal(tmp_path: Path) -> None:
    rows = [Completion(text="a\r\n\u4f60", finish_reason="stop", usage=Usage(prompt_tokens=3, usd=0.25), model="m") for _ in range(3)]
    assert write_table(tmp_path, Completion, rows) == 3
    assert list(Table.read(tmp_path, Completion)) == rows
    assert len(Table.read(tmp_path, Completion)) == 3


@dataclass(frozen=True, kw_only=True)
class Older:
    """Nested, as it was when it had no score and another column."""

    name: str
    usage: Usage
    colour: str = "red"


@dataclass(frozen=True, kw_only=True)
class Other:
    name: str
    usage: tuple[Usage, ...] = ()


def test_a_table_of_an_older_record_is_read(tmp_path: Path) -> None:
    """A column that is no more is left out, one that came since has its default."""
    write_table(tmp_path, Older, [Older(name="a", usage=Usage(prompt_tokens=3))])
    assert list(Table.read(tmp_path, Nested)) == [Nested(name="a", usage=Usage(prompt_tokens=3))]


def test_a_table_of_another_record_says_which_row_and_column(tmp_path: Path) -> None:
    write_table(tmp_path, Other, [Other(name=str(n), usage=(Usage(),)) for n in range(CHUNK)] + [Other(name="last")])
    with pytest.raises(ValueError, match=r"rows\.parquet: row 1, usage: input should be .*; it is no table of Nested$"):
        list(Table.read(tmp_path, Nested))
    write_table(tmp_path, Score, [Score(problem="p", draw=n) for n in range(CHUNK + 3)])
    with pytest.raises(ValueError, match=r"row 1, name: field required"):
        list(Table.read(tmp_path, Nested))


def test_a_wrong_row_is_counted_over_all_chunks(tmp_path: Path) -> None:
    names: list[str | None] = [str(n) for n in range(CHUNK + 2)]
    names[CHUNK + 1] = None
    usage = [{"prompt_tokens": 1, "completion_tokens": 2, "usd": 0.5}] * len(names)
    pyarrow.parquet.write_table(pyarrow.table({"name": names, "usage": usage}), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match=rf"row {CHUNK + 2}, name: input should be a valid string"):
        list(Table.read(tmp_path, Nested))


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    row = Score(problem="p", draw=np.int64(3), correct=np.bool_(True), value=np.float64(0.5))  # type: ignore[arg-type]
    write_table(tmp_path, Score, [row])
    (found,) = Table.read(tmp_path, Score)
    assert (type(found.draw), type(found.correct), type(found.value)) == (int, bool, float)


def test_other_tools_can_read_it(tmp_path: Path) -> None:
    write_table(tmp_path, Score, [Score(problem="p", draw=0, correct=None, extracted="", method="none", tokens=5, truncated=True)])
    assert pyarrow.parquet.read_table(tmp_path / "rows.parquet").to_pylist()[0]["correct"] is None


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    write_table(tmp_path, Score, [])
    assert list(Table.read(tmp_path, Score)) == []
    assert "method" in pyarrow.parquet.read_schema(tmp_path / "rows.parquet").names


@given(rows=st.lists(st.tuples(st.text(), st.floats(allow_nan=False) | st.none()), max_size=20))
def test_the_same_rows_give_the_same_bytes(tmp_path_factory, rows) -> None:  # type: ignore[no-untyped-def]
    records = [Nested(name=name, usage=Usage(), score=score) for name, score in rows]
    contents = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("table")
        write_table(folder, Nested, iter(records))
        contents.append((folder / "rows.parquet").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("how", ["records", "frames"])
def test_of_a_file_no_more_is_held_than_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr("o1exp.records.table.FRAME", 1024)
    luck = random.Random(0)
    write_table(tmp_path, Problem, (Problem(id=str(n), question=luck.randbytes(200).hex(), answer="") for n in range(20 * 1024)))
    assert (tmp_path / "rows.parquet").stat().st_size > 4_000_000
    table, before, most = Table.read(tmp_path, Problem), pyarrow.total_allocated_bytes(), 0
    for _ in table if how == "records" else table.frames(("question",)):
        most = max(most, pyarrow.total_allocated_bytes() - before)
    assert most < 3_000_000


def test_a_row_that_is_read_back_holds_none_of_its_neighbours(tmp_path: Path) -> None:
    write_table(tmp_path, Problem, (Problem(id=str(n), question=f"{n} " * 50, answer="") for n in range(5000)))
    found = Table.read(tmp_path, Problem).at([4000, 7], ("question",))["question"]
    assert found.to_list() == ["4000 " * 50, "7 " * 50]
    assert found.to_arrow(compat_level=polars.CompatLevel.newest()).get_total_buffer_size() < 2000
