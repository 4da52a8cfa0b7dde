"""Arrays that grow on disk, and problems told apart without their texts."""

from pathlib import Path

import numpy as np

from o1exp.records.question import question_number
from o1exp.train.data.growing import Growing, growing, grown
from o1exp.train.data.problems import SameProblems


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


def test_examples_that_share_a_question_or_an_id_are_one_problem() -> None:
    problems = SameProblems()
    rows = [("a", "one"), ("b", "two"), ("a", "drei"), ("", "two"), ("c", "three"), ("", "drei"), ("c", "four"), ("d", "four")]
    for name, question in rows:
        problems.add(name, question)
    one = min(map(question_number, ("one", "drei")))
    last = min(map(question_number, ("three", "four")))
    two = question_number("two")
    assert problems.numbers().tolist() == [one, two, one, two, last, one, last, last]


def test_ids_of_one_question_each_join_nothing() -> None:
    problems = SameProblems()
    for name, question in (("a", "one"), ("b", "one"), ("", "two"), ("c", "two"), ("", "three"), ("", "two")):
        problems.add(name, question)
    assert problems.numbers().tolist() == [question_number(text) for text in ("one", "one", "two", "two", "three", "two")]
