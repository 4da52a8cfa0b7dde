"""Words are the same whatever the layout, and other where the problem is."""

import numpy as np
import pytest

from o1exp.curate.shared import RunSets, in_common
from o1exp.curate.words import Words


@pytest.mark.parametrize(("one", "other"), [
    (r"What is $\dfrac{1}{2}$?", r"what is \frac12"),
    (r"Find $x \leq 1,000$.", r"Find $x\le 1000$"),
    (r"Let \(\mathbf{a}\,=\left(3, 4\right)\).", r"let $a = (3,4)$"),
    ("求 x 的值。", "求x的值"),
    (r"$\text{Find } AB$", "Find ab."),
])  # fmt: skip
def test_layout_makes_no_other_words(one: str, other: str) -> None:
    words = Words.of([one, other])
    assert words.whole()[0] == words.whole()[1]


@pytest.mark.parametrize(
    ("one", "other"), [("What is 1 + 2?", "What is 1 - 2?"), ("What is 12?", "What is 1 2?"), ("a b", "b a"), ("a", "a a")]
)
def test_other_problems_have_other_words(one: str, other: str) -> None:
    words = Words.of([one, other])
    assert words.whole()[0] != words.whole()[1]


def test_masked_words_differ_in_no_number() -> None:
    words = Words.of(["From 7 to 19", "From 30 to 1", "From x to 1"])
    whole = words.masked.whole()
    assert whole[0] == whole[1] != whole[2]
    assert words.figures.starts.tolist() == [0, 2, 4, 5]


def test_runs_stay_within_a_text_and_are_counted_once() -> None:
    words = Words.of(["a b c a b c", "", "b c a x", "a b"])
    assert words.runs(3)[1].tolist() == [0, 0, 0, 0, 2, 2]
    sets = RunSets.of(words, 3)
    assert sets.sizes.tolist() == [3, 0, 2, 1], "a text that is shorter than a run is one, an empty one none"
    pairs = np.array([0, 0, 2]), np.array([2, 1, 0])
    assert in_common(sets, sets, pairs).tolist() == [1, 0, 1]
