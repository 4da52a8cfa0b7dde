"""The numbers of one arm."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.bench.outcome import Outcome
from o1exp.bench.summary import summarise
from o1exp.bench.verdicts import with_votes
from o1exp.flow import Store
from o1exp.records import Score
from tests.report.conftest import Made
from tests.report.world import arm


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


def test_the_artefact_is_read_back_and_does_not_depend_on_row_order(made: Made) -> None:
    stage = made.goal.arms["long"]
    folder = Store(made.root).folder(stage)
    stored = json.loads((folder / "results.json").read_text())["benchmarks"]["held-out sums"]
    assert Outcome.read(folder).benchmarks["held-out sums"].accuracy == stored["accuracy"]
    grade = Store(made.root).get(stage.inputs["scores.held-out sums"])
    assert summarise(list(grade)) == summarise(list(grade)[::-1])


def test_two_outputs_folders_get_the_same_digests(made: Made, tmp_path: Path) -> None:
    """No timing, date or order of making shows in results.json, results.csv or results.tex."""
    other = Store(tmp_path)
    other.make([made.goal])
    first, second = Store(made.root).manifest(made.goal), other.manifest(made.goal)
    assert first is not None
    assert second is not None
    assert first.digest == second.digest
    assert set(first.files) == {"index.html", "results.csv", "results.json", "results.tex"}


def test_the_room_is_light_to_import() -> None:
    heavy = "{'mlflow', 'numpy', 'scipy', 'matplotlib', 'jinja2', 'pyarrow', 'pandas', 'omegaconf'}"
    names = "o1exp.report, o1exp.track.tracking, o1exp.report.table, o1exp.report.runs, o1exp.report.render, o1exp.report.compare"
    code = f"import {names}, sys; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_results_of_other_keys_differ() -> None:
    assert arm(0.9, "long").key != arm(0.9, "long", seed=1).key
