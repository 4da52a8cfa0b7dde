"""The numbers of one benchmark, and what a result keeps of every question."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from o1exp.bench.compare import compare
from o1exp.bench.outcome import Outcome, QuestionScore
from o1exp.bench.result import Result
from o1exp.bench.scaling import Curve
from o1exp.bench.summary import by_question, summarise, summarised
from o1exp.bench.verdicts import with_votes
from o1exp.flow import Stage, Store, Work
from o1exp.records import Score, Table


def score(problem: str, draw: int, correct: bool | None, extracted: str = "7", tokens: int = 10) -> Score:
    return Score(problem=problem, draw=draw, correct=correct, extracted=extracted, method="boxed", tokens=tokens, truncated=tokens > 99)


def test_numbers_of_a_small_benchmark() -> None:
    rows = [score("a", 0, True), score("a", 1, True), score("a", 2, False, "8", 100)]
    rows += [score("b", 0, False, "", 20), score("b", 1, False, "1"), score("b", 2, True)]
    found = summarise(with_votes(rows))
    assert (found.problems, found.samples, found.attempts) == (2, 3, 6)
    assert found.accuracy == 0.5
    assert found.low < 0.5 < found.high
    assert found.pass_at == {"1": 0.5, "2": pytest.approx((1 + 2 / 3) / 2), "3": 1.0}
    assert found.majority_at["1"] == 0.5
    assert found.majority_at["3"] == 0.75, "two of three are right on a; on b 1 and 7 tie"
    assert found.tokens == pytest.approx(26.67)
    assert (found.tokens_median, found.truncated, found.no_answer) == (10, 1, 1)


def test_an_unscored_attempt_is_not_a_wrong_one() -> None:
    found = summarise([score("a", 0, True), score("b", 0, None)])
    assert (found.accuracy, found.problems, found.unscored) == (1.0, 1, 1)
    with pytest.raises(ValueError, match="none of 1 attempts could be scored"):
        summarise([score("b", 0, None)])


@dataclass(frozen=True, kw_only=True)
class Scored(Stage[Table[Score]]):
    """Forty questions of two samples each, right in `right` of them; or rated from 0 to 100 by experts, `right` points higher each."""

    right: int
    rated: bool = False
    asked: str = "sums"

    def make(self, work: Work) -> None:
        answers = [self._score(number, draw) for number in range(40) for draw in range(2)]
        work.write(Score, self._rated() if self.rated else with_votes(answers))

    def _score(self, number: int, draw: int) -> Score:
        correct = number < self.right
        extracted = "7" if correct else f"{number + draw}.5"
        return Score(problem=f"p{number}", draw=draw, correct=correct, extracted=extracted, tokens=20, problem_digest=self.asked)

    def _rated(self) -> list[Score]:
        marks = [(number, draw, float(20 + number + 3 * draw + self.right)) for number in range(40) for draw in range(2)]
        return [
            Score(problem=f"p{number}", draw=draw, value=mark, scale=(0.0, 100.0), scorer="experts", tokens=20, problem_digest=self.asked)
            for number, draw, mark in marks
        ]  # fmt: skip


def outcome(root: Path, scored: Scored) -> Outcome:
    return Store(root).get(Result(scores={"exam": scored}))


def test_a_result_keeps_every_question_and_its_curve(tmp_path: Path) -> None:
    found = outcome(tmp_path, Scored(right=10))
    rows = sorted(Store(tmp_path).get(Scored(right=10)), key=lambda row: row.problem)
    assert found.questions == {"exam": summarised("exam", rows)[1]}
    assert found.questions["exam"][0] == QuestionScore(
        benchmark="exam", question="p0 sums", total=2.0, squares=2.0, samples=2, tokens=(20.0, 40.0), rates=(1.0, 1.0)
    )  # fmt: skip
    kept, curve = Curve.kept(found.questions["exam"], found.benchmarks["exam"].curve), Curve.of(by_question(rows))
    assert (kept.questions, kept.columns) == (curve.questions, curve.columns) == (kept.questions, (("single", 1), ("majority", 2)))
    assert (kept.tokens == curve.tokens).all()
    assert (kept.right == curve.right).all()
    assert kept.points() == found.benchmarks["exam"].curve


def test_results_are_compared_without_their_attempts(tmp_path: Path) -> None:
    stages = (Scored(right=30), Scored(right=12), Scored(right=12, asked="more sums"))
    ours, theirs, others = (outcome(tmp_path, scored) for scored in stages)
    found = compare(ours, theirs, "exam")
    assert found is not None
    assert found.comparison is not None
    assert found.comparison.paired
    assert (found.comparison.difference, found.comparison.questions) == (18 / 40, 40)
    assert found.comparison.low < 18 / 40 < found.comparison.high
    assert found.equal is not None
    assert found.equal.difference == pytest.approx(18 / 40)
    apart = compare(ours, others, "exam", across=True)
    assert apart is not None
    assert apart.comparison is not None
    assert not apart.comparison.paired, "the same ids of other problems"
    unasked = compare(ours, others, "exam")
    assert unasked is not None
    assert unasked.comparison is None
    assert unasked.shared == 0
    assert compare(ours, theirs, "another") is None


def test_ratings_are_compared_like_right_and_wrong(tmp_path: Path) -> None:
    ours, theirs = (outcome(tmp_path, Scored(right=points, rated=True)) for points in (10, 0))
    assert (ours.benchmarks["exam"].value, ours.benchmarks["exam"].scale, ours.benchmarks["exam"].scorer) == (51.0, (0.0, 100.0), "experts")
    assert ours.benchmarks["exam"].accuracy == 0.51
    found = compare(ours, theirs, "exam")
    assert found is not None
    assert found.comparison is not None
    assert found.comparison.difference == pytest.approx(0.1)
    assert 0.08 < found.comparison.low < 0.1 < found.comparison.high < 0.12
    assert (found.comparison.test, found.comparison.p < 0.001) == ("sign-flip permutation", True)


def test_a_result_of_before_questions_were_kept_compares_with_none(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"benchmarks": {}}')
    assert Outcome.read(tmp_path).questions == {}
