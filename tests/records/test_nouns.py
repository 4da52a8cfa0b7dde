"""What a score is worth, whoever gave it."""

import pytest

from o1exp.records import Problem, Score


def test_verified_and_judged_scores_have_a_credit_alike() -> None:
    assert [Score(problem="p", draw=0, correct=correct).credit for correct in (True, False, None)] == [1.0, 0.0, None]
    rated = Score(problem="p", draw=0, value=73.0, scale=(0.0, 100.0), scorer="experts")
    assert rated.credit == 0.73
    assert Score(problem="p", draw=0, value=1.0, scale=(1.0, 10.0)).credit == 0.0
    assert Score(problem="p", draw=0, label="no rating", scale=(1.0, 10.0)).credit is None
    with pytest.raises(AssertionError, match=r"experts: 101\.0 is not on the scale from 0\.0 to 100\.0"):
        _ = Score(problem="p", draw=0, value=101.0, scale=(0.0, 100.0), scorer="experts").credit


def test_a_question_is_its_id_and_its_text() -> None:
    one, other = (Problem(id="p1", question=text, answer="1") for text in ("1 + 0?", "2 - 1?"))
    assert one.digest != other.digest
    questions = [Score(problem=problem.id, draw=0, problem_digest=problem.digest).question for problem in (one, other)]
    assert questions[0] != questions[1]
    assert Score(problem="p1", draw=0).question == "p1"
