from pathlib import Path

import pytest

from o1exp.flow import Expect, StageFailed
from o1exp.thoughts.verify import Rejection
from tests.thoughts.parts import Given, Thoughts, facts, store

TEXTS = (
    "p0:so \\boxed{1}", "p0:then \\boxed{0}", "p0:also \\boxed{0}",
    "p1:no idea", "p1:it is \\boxed{2}", "p1:it is \\boxed{2}", "p1:sure, \\boxed{2}",
    "p2:perhaps \\boxed{5}", "p3:\\boxed{6}",
)  # fmt: skip


def test_the_first_right_answers_of_each_problem_are_kept(tmp_path: Path) -> None:
    here = store(tmp_path)
    given = Given(unreadable=(3,))
    once = Rejection(thoughts=Thoughts(texts=TEXTS), problems=given)
    assert [row.id for row in here.get(once)] == ["p0#1", "p1#1"]
    noted = facts(here, once)
    assert [noted[word] for word in ("thoughts", "right", "wrong", "no_answer", "unscored")] == [9, 5, 2, 1, 1]
    assert [noted[word] for word in ("rows", "problems", "problems_covered", "surplus", "duplicates")] == [2, 4, 2, 2, 1]
    twice = Rejection(thoughts=Thoughts(texts=TEXTS), problems=given, keep=2)
    assert [row.id for row in here.get(twice)] == ["p0#1", "p0#2", "p1#1", "p1#3"]
    assert (facts(here, twice)["surplus"], facts(here, twice)["duplicates"]) == (0, 1)


def test_nothing_right_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        StageFailed, match=r"no thought is right \(1 wrong, 0 without an answer, 0 with a gold answer that cannot be read\)"
    ):
        store(tmp_path).get(Rejection(thoughts=Thoughts(texts=("p0:\\boxed{7}",)), problems=Given()))


def test_no_thought_at_all_points_at_the_answers_that_were_left_out(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"all answers behind Thoughts \w+ were cut off, refused or failed .* raise teacher.max_tokens"):
        store(tmp_path).get(Rejection(thoughts=Thoughts(texts=()), problems=Given()))


def test_a_thought_without_its_problem_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"p9#0 belongs to no problem of Given"):
        store(tmp_path).get(Rejection(thoughts=Thoughts(texts=("p9:\\boxed{7}",)), problems=Given()))


def test_the_plan_keeps_at_most_what_is_asked() -> None:
    stage = Rejection(thoughts=Thoughts(), problems=Given(), keep=1, expected_right=0.5)
    assert stage.expect({"thoughts": Expect(rows=100, tokens_per_row=7), "problems": Expect(rows=40)}).rows == 40
    assert stage.expect({"thoughts": Expect(rows=60, tokens_per_row=7), "problems": Expect(rows=40)}).rows == 30
    assert stage.expect({"thoughts": Expect(), "problems": Expect(rows=40)}).rows is None
