"""Duplicates are found in whatever layout and with small edits; other numbers make another problem. No text is held."""

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from o1exp.curate import signatures
from o1exp.curate.duplicates import Twins, duplicates, repeated
from o1exp.curate.signatures import Signatures, may_agree
from o1exp.curate.words import Hashes, Words
from tests.curate.held import Held

LONG = (
    r"A biologist wants to know the number of fish in a lake. On May 1 she catches a random sample of 60 fish, tags them, and releases "
    r"them. On September 1 she catches a random sample of 70 fish and finds that 3 of them are tagged. How many fish are there?"
)


def _groups(folder: Path, *questions: str, height: int = 1000) -> list[int]:
    table = Held.of(questions, height)
    return [int(group) for group in duplicates(Signatures.of(table, folder), Twins(table, 0.8), np.arange(len(questions)))]


def test_layout_and_small_edits_make_no_other_problem(tmp_path: Path) -> None:
    tidy = LONG.replace("60", "$60$").replace("fish", "\\text{fish}").upper()
    edited = "Answer the following. " + LONG.replace("a random sample", "a sample")
    assert _groups(tmp_path, LONG, "What is a fish?", tidy, edited) == [0, 1, 0, 0]


@pytest.mark.parametrize("other", [
    LONG.replace("60", "65"), LONG.replace("60", "70").replace("of 70", "of 60", 2), LONG.replace(" 3 ", " 30 ")
])  # fmt: skip
def test_other_numbers_or_another_order_of_them_make_another_problem(tmp_path: Path, other: str) -> None:
    assert _groups(tmp_path, LONG, other) == [0, 1]


def test_short_problems_must_be_the_same_in_every_sign(tmp_path: Path) -> None:
    questions = "Compute (2+3)*4.", "Compute 2+3*4.", r"compute $(2 + 3)*4$", "Compute x^2.", "Compute x_2."
    assert _groups(tmp_path, *questions) == [0, 1, 0, 3, 4]


@pytest.mark.parametrize("height", [1, 2, 3, 1000])
def test_texts_without_words_are_no_duplicates_wherever_they_stand(tmp_path: Path, height: int) -> None:
    assert _groups(tmp_path / "none") == []
    assert _groups(tmp_path / "some", "", "?", "Find x.", "", "", "?", "find x", height=height) == [0, 1, 2, 3, 4, 5, 2]


def test_parts_of_any_size_give_the_same_groups(tmp_path: Path) -> None:
    luck = random.Random(0)
    words = LONG.split()
    questions = [" ".join(luck.sample(words, 20) if luck.random() < 0.5 else words[: luck.randrange(30, 40)]) for _ in range(300)]
    whole = _groups(tmp_path / "whole", *questions)
    assert 30 < len(set(whole)) < 290
    for height in (7, 100):
        assert _groups(tmp_path / str(height), *questions, height=height) == whole


def test_few_pairs_at_a_time_give_the_same_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [LONG.replace("lake", f"lake {place}") for place in (1, 2, 1, 1, 2, 3)] * 4
    whole = _groups(tmp_path / "whole", *questions)
    assert whole == [0, 1, 0, 0, 1, 5] * 4
    monkeypatch.setattr("o1exp.curate.duplicates._WAITING", 2)
    monkeypatch.setattr("o1exp.curate.duplicates._COMPARED", 3)
    monkeypatch.setattr("o1exp.curate.duplicates._AT_ONCE", 2)
    assert _groups(tmp_path / "few", *questions) == whole


def test_a_part_that_was_read_before_a_kill_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [LONG, "Find x.", LONG.upper(), "Find y.", LONG + " Say it."]
    whole = _groups(tmp_path / "whole", *questions, height=2)
    computed: list[int] = []
    plainly = signatures._signed

    def signed(words: Words) -> Hashes:
        computed.append(len(words))
        if len(computed) == 2:
            raise KeyboardInterrupt
        return plainly(words)

    monkeypatch.setattr(signatures, "_signed", signed)
    with pytest.raises(KeyboardInterrupt):
        _groups(tmp_path / "killed", *questions, height=2)
    assert _groups(tmp_path / "killed", *questions, height=2) == whole == [0, 1, 0, 3, 0]
    assert computed == [2, 2, 2, 1]


def test_only_what_may_be_alike_is_read_back(tmp_path: Path) -> None:
    luck = random.Random(1)
    letters = [" ".join("".join(luck.choices("abcdefgh", k=4)) for _ in range(20)) for _ in range(50)]
    table = Held.of([*letters, LONG, LONG.replace("60", "61"), letters[3]])
    found = repeated(table, tmp_path, 0.8)(np.arange(53))
    assert found.places.tolist() == [52]
    assert table.asked == [("question",)]
    assert sorted(table.read) == [3, 52], "two of the same words and other numbers are told apart without their texts"
    assert found.words(found.places) == [f"as p3: {letters[3]}"]


def test_numbers_that_agree_are_never_taken_for_others() -> None:
    luck = random.Random(2)
    for _ in range(200):
        ours = [str(luck.randrange(30)) for _ in range(luck.randrange(12))]
        theirs = ours[luck.randrange(3) :] + [str(luck.randrange(30)) for _ in range(luck.randrange(3))]
        words = Words.of([" ".join(ours), " ".join(theirs)])
        sets = [{tuple(pair) for pair in pairwise(one)} or {tuple(one)} - {()} for one in (ours, theirs)]
        marks = signatures._marks(words.figures)
        if len(sets[0] & sets[1]) >= 0.9 * min(map(len, sets)):
            assert may_agree(marks[:1], marks[1:])[0]
    marks = signatures._marks(Words.of(["1 2 3", "7 8 9"]).figures)
    assert not may_agree(marks[:1], marks[1:])[0]


def test_the_first_or_the_one_with_the_longest_solution_stays(tmp_path: Path) -> None:
    table = Held.of([LONG, LONG + " ", "Find x."])
    everything = np.arange(3)

    def dropped(*lengths: int) -> dict[int, str]:
        found = repeated(table, tmp_path, 0.8, np.array(lengths) if lengths else None)(everything)
        return dict(zip(found.places.tolist(), found.words(found.places), strict=True))

    assert dropped() == {1: f"as p0: {LONG[:200]}"}
    assert list(dropped(3, 8, 1)) == [0]
    assert list(dropped(8, 8, 1)) == [1], "of equals the first"


def test_among_some_the_first_of_those_stays(tmp_path: Path) -> None:
    table = Held.of([LONG, "Find x.", LONG, LONG])
    among = repeated(table, tmp_path, 0.8)
    assert among(np.arange(4)).places.tolist() == [2, 3]
    read = len(table.read)
    found = among(np.array([0, 1, 2]))
    assert (found.places.tolist(), len(table.read)) == ([2], read), "what is known of a pair is not looked at again"
    found = among(np.array([1, 2, 3]))
    assert found.places.tolist() == [3]
    assert found.words(found.places) == [f"as p2: {LONG[:200]}"]
