"""Duplicates are found in whatever layout and with small edits; other numbers make another problem."""

import polars
import pytest

from o1exp.curate.criteria import Criteria
from o1exp.curate.duplicates import duplicates, repeated

LONG = (
    r"A biologist wants to know the number of fish in a lake. On May 1 she catches a random sample of 60 fish, tags them, and releases "
    r"them. On September 1 she catches a random sample of 70 fish and finds that 3 of them are tagged. How many fish are there?"
)


def _groups(*questions: str) -> list[int]:
    return [int(group) for group in duplicates(polars.Series(questions, dtype=polars.String), 0.8)]


def test_layout_and_small_edits_make_no_other_problem() -> None:
    tidy = LONG.replace("60", "$60$").replace("fish", "\\text{fish}").upper()
    edited = "Answer the following. " + LONG.replace("a random sample", "a sample")
    assert _groups(LONG, "What is a fish?", tidy, edited) == [0, 1, 0, 0]


@pytest.mark.parametrize("other", [
    LONG.replace("60", "65"), LONG.replace("60", "70").replace("of 70", "of 60", 2), LONG.replace(" 3 ", " 30 ")
])  # fmt: skip
def test_other_numbers_or_another_order_of_them_make_another_problem(other: str) -> None:
    assert _groups(LONG, other) == [0, 1]


def test_short_problems_must_be_the_same_in_every_sign() -> None:
    assert _groups("Compute (2+3)*4.", "Compute 2+3*4.", r"compute $(2 + 3)*4$", "Compute x^2.", "Compute x_2.") == [0, 1, 0, 3, 4]


def test_texts_without_words_and_empty_tables() -> None:
    assert _groups() == []
    assert _groups("", "?", "Find x.", "") == [0, 1, 2, 3]


def test_the_first_or_the_one_with_the_longest_solution_stays() -> None:
    table = polars.DataFrame({"id": ["a", "b", "c"], "question": [LONG, LONG + " ", "Find x."]})
    assert repeated(Criteria(), table, ()) == {1: f"as a: {LONG}"}
    assert list(repeated(Criteria(stays="longest"), table, [3, 8, 1])) == [0]
    assert list(repeated(Criteria(stays="longest"), table, [8, 8, 1])) == [1], "of equals the first"
