"""Arrays that grow on disk, and problems told apart without their texts."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from o1exp.records.question import question_number
from o1exp.train.data.encode import number_problems
from o1exp.train.data.found import KINDS, Noticed, found_in
from o1exp.train.data.growing import Growing, growing, grown, pieces
from o1exp.train.data.problems import distinct, name_of, number_of, same_problems


def test_the_file_is_the_one_that_numpy_would_save(tmp_path: Path) -> None:
    whole = np.arange(100_000, dtype=np.int32)
    with growing(tmp_path / "grown.npy", np.int32) as grown:
        for first in range(0, len(whole), 777):
            grown.extend(whole[first : first + 777].tolist())
    np.save(tmp_path / "saved.npy", whole)
    assert (tmp_path / "grown.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()
    with growing(tmp_path / "none.npy", np.int32):
        pass
    assert np.load(tmp_path / "none.npy").tolist() == []


def test_it_goes_on_behind_what_a_kill_left(tmp_path: Path) -> None:
    whole, path = np.arange(1000, dtype=np.int32), tmp_path / "grown.npy"
    assert grown(path, np.int32) == 0
    with path.open("wb") as file:  # as a process leaves it that is killed
        started = Growing(file, np.int32, 0)
        started.extend(whole[:700])
        started.flush()
        assert grown(path, np.int32) == 700
    with growing(path, np.int32, 600) as grows:
        grows.extend(whole[600:])
    np.save(tmp_path / "saved.npy", whole)
    assert path.read_bytes() == (tmp_path / "saved.npy").read_bytes()
    assert grown(path, np.int32) == 1000


def test_the_parts_of_an_array_are_those_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o1exp.train.data.growing.BLOCK", 7)
    whole = np.arange(30, dtype=np.int16)
    np.save(tmp_path / "saved.npy", whole)
    for array in (whole, np.load(tmp_path / "saved.npy", mmap_mode="r")):
        found = list(pieces(array))
        assert [len(some) for some in found] == [7, 7, 7, 7, 2]
        assert np.concatenate(found).tolist() == whole.tolist()
    assert not any(isinstance(some, np.memmap) for some in pieces(np.load(tmp_path / "saved.npy", mmap_mode="r")))


def problems(rows: list[tuple[str, str]]) -> list[int]:
    """The numbers of problems with these ids and questions."""
    names, questions = (np.array(some) for some in zip(*((name_of(name), number_of(text)) for name, text in rows), strict=True))
    found: list[int] = np.concatenate(list(same_problems(questions, names))).tolist()
    return found


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_examples_that_share_a_question_or_an_id_are_one_problem(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    for module in ("growing", "problems"):
        monkeypatch.setattr(f"o1exp.train.data.{module}.BLOCK", block)
    rows = [("a", "one"), ("b", "two"), ("a", "drei"), ("", "two"), ("c", "three"), ("", "drei"), ("c", "four"), ("d", "four")]
    one = min(map(question_number, ("one", "drei")))
    last = min(map(question_number, ("three", "four")))
    two = question_number("two")
    assert problems(rows) == [one, two, one, two, last, one, last, last]
    assert distinct(np.array(problems(rows))) == 3


def test_ids_of_one_question_each_join_nothing() -> None:
    rows = [("a", "one"), ("b", "one"), ("", "two"), ("c", "two"), ("", "three"), ("", "two")]
    assert problems(rows) == [question_number(text) for text in ("one", "one", "two", "two", "three", "two")]


def test_of_what_was_found_nothing_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("growing", "problems"):
        monkeypatch.setattr(f"o1exp.train.data.{module}.BLOCK", 2048)
    some = list(range(2048))

    def peak(parts: int) -> int:
        folder = tmp_path / str(parts)
        folder.mkdir()
        tracemalloc.start()
        with found_in(folder) as found:
            for _ in range(parts):
                found.ids.extend(some)
                numbers = {name: some for name in ("lengths", *KINDS) if name not in ("ids", "starts")}
                found.add(Noticed(read=2048), {**numbers, "roles": [0] * 2048, "kept": [1] * 2048})
        number_problems(folder)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(np.load(folder / "problems.npy", mmap_mode="r")) == 2048 * parts
        return peak

    assert peak(40) < peak(10) + 2048 * 30  # a byte a row
