import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.headings import STEP, STEPS, sections
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import SettingsError
from o1exp.records.labelled import labelled
from o1exp.records.tree import Verdict
from o1exp.thoughts.__main__ import main
from o1exp.thoughts.judge import Prompted
from o1exp.thoughts.judge_score import PUBLISHED, JudgedStep, JudgedSteps, score, steps_of
from o1exp.train.bases.small import Untrained
from tests.thoughts.parts import store


def step(place: int, label: Verdict, verdict: Verdict, row: int = 1, ends: bool = False) -> JudgedStep:
    return JudgedStep(row=row, step=place, parent=place - 1, form="process_bench", text="", label=label, verdict=verdict, ends=ends)


def test_the_scores_by_hand() -> None:
    """Three wrong steps of which two are found, five right ones of which four are passed; one reply says nothing."""
    found = score([
        step(0, "right", "right", 1), step(1, "wrong", "wrong", 1, ends=True),
        step(0, "right", "wrong", 2), step(1, "wrong", "wrong", 2, ends=True),
        step(0, "right", "neutral", 3), step(1, "neutral", "right", 3, ends=True),
        step(0, "wrong", "", 4, ends=True), step(0, "right", "right", 5, ends=True),
    ])  # fmt: skip
    assert (found.steps, found.wrong_steps, found.unread) == (8, 3, 1)
    assert found.step_accuracy == 6 / 8
    assert found.f1_wrong == pytest.approx(2 * 2 / (3 + 3))
    assert found.f1_right == pytest.approx(2 * 4 / (5 + 4))
    assert found.step_f1 == pytest.approx((2 / 3 + 8 / 9) / 2)
    assert (found.erroneous, found.correct) == (3, 2)
    assert found.error_accuracy == pytest.approx(1 / 3)
    assert found.correct_accuracy == 1.0
    assert found.first_error_f1 == pytest.approx(2 * (1 / 3) / (4 / 3))


def test_scores_without_one_kind_of_step_are_not_known() -> None:
    found = score([step(0, "right", "right", ends=True)])
    assert (found.f1_wrong, found.step_f1, found.error_accuracy, found.first_error_f1) == (None, None, None, None)
    assert (found.f1_right, found.correct_accuracy) == (1.0, 1.0)


def test_steps_that_nobody_labelled_are_not_asked_about(shared_data: Path) -> None:
    rows = [row for row in labelled(shared_data / "steps/prm800k.jsonl") if row.steps]
    found = [one for row in rows for one in steps_of(row)]
    assert len(found) == 81
    assert sum(one.judged for one in found) == 81 - 6 - 2, "6 behind an error, 2 that the labeller wrote"
    oracle = score([JudgedStep(**{**vars(one), "verdict": one.label}) for one in found])
    assert (oracle.step_f1, oracle.first_error_f1, oracle.step_accuracy) == (1.0, 1.0, 1.0)


class Oracle:
    """A judge that knows the labels of a file."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels, self._lock, self.asked = labels, threading.Lock(), 0

    def __call__(self, body: dict[str, Any]) -> Reply:
        with self._lock:
            self.asked += 1
        label = self._labels[sections(body["messages"][-1]["content"])[STEP]]
        return Reply(f"Verdict: {label}\nReason: because.", prompt_tokens=9, completion_tokens=4)


def test_a_judge_is_scored_from_the_command_line_beside_published_numbers(
    tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared_data / "steps/mr_gsm8k_demos.json"
    labels = {one.text: one.label for row in labelled(path) for one in steps_of(row) if one.judged}
    judge = Oracle(labels)
    with Loopback(judge) as server:
        said = ["judge_score", str(path), "--model", "m", "--base-url", server.base_url, "--outputs", str(tmp_path / "outputs")]
        assert main([*said, "--out", str(tmp_path / "new" / "steps.jsonl")]) == 0
        table = capsys.readouterr().out
        asked = judge.asked
        assert main([*said, "--json"]) == 0
        assert judge.asked == asked, "the second time nothing is asked"
        found = json.loads(capsys.readouterr().out)["scores"]["mr_gsm8k"]
    assert asked == 13
    assert "mr_gsm8k: 13 labelled steps, 3 of them wrong; 0 replies without a verdict" in table
    assert re.search(r"m +1\.000 +1\.000 +1\.000 +1\.000 +1\.000 +1\.000", table)
    assert all(re.search(rf"{re.escape(name)} +{value:.3f}   \(Part 1", table) for name, value in PUBLISHED["mr_gsm8k"].items())
    assert (found["step_f1"], found["erroneous"], found["correct"]) == (1.0, 3, 2)
    assert found["published"]["o1-mini"] == 0.855
    rows = [json.loads(line) for line in (tmp_path / "new" / "steps.jsonl").read_text().splitlines()]
    assert len(rows) == 13
    assert {row["reason"] for row in rows} == {"because."}


class Continues:
    """Reaches the gold answer from steps that are right, and another one from a wrong step."""

    def __init__(self, path: Path) -> None:
        rows = [row for row in labelled(path) if row.steps]
        self._ends = {one.text: row.answer if one.label == "right" else "-1" for row in rows for one in steps_of(row) if one.judged}
        self.asked = 0

    def __call__(self, body: dict[str, Any]) -> Reply:
        self.asked += 1
        last = next(text for text in self._ends if sections(body["messages"][-1]["content"])[STEPS].endswith(text))
        return Reply(f"So \\boxed{{{self._ends[last]}}}", prompt_tokens=9, completion_tokens=4)


def test_rollouts_judge_by_where_steps_lead(tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shared_data / "steps/mr_gsm8k_demos.json"
    said = ["--judge", "rollouts", "--draws", "2", "--model", "m", "--outputs", str(tmp_path / "outputs")]
    with Loopback(Continues(path)) as server:
        assert main(["judge_score", str(path), *said, "--base-url", server.base_url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["scores"]["mr_gsm8k"]
    assert (found["steps"], found["step_f1"], found["first_error_f1"]) == (13, 1.0, 1.0)


def test_rollouts_ask_nobody_where_no_answer_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ProcessBench has none: every step would be called wrong."""
    path = tmp_path / "bench.jsonl"
    path.write_text(json.dumps({"id": "a", "problem": "1+1?", "steps": ["1+1 is 2.", "So 2."], "label": -1}) + "\n")
    said = ["--judge", "rollouts", "--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--outputs", str(tmp_path / "outputs")]
    assert main(["judge_score", str(path), *said]) == 2
    assert "has no gold answer that can be read, and this judge compares answers with it" in capsys.readouterr().err


def test_what_is_no_file_of_labelled_steps_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_text('{"question": "q", "answer": "1"}\n')
    assert main(["judge_score", str(path), "--model", "m", "--outputs", str(tmp_path / "o")]) == 2
    assert "labels no step; give rows of PRM800K" in capsys.readouterr().err
    assert main(["judge_score", str(path), "--model", "m", "--out", str(path)]) == 2
    assert "is the file" in capsys.readouterr().err
    assert path.read_text() == '{"question": "q", "answer": "1"}\n'
    assert main(["judge_score", str(tmp_path / "gone.jsonl"), "--model", "m"]) == 2
    assert "gone.jsonl is no file" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reward_model_in_a_folder_is_measured_too(tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = store(tmp_path / "made")
    model = here.get(Untrained(layers=1, hidden=16, heads=2, kv_heads=2, intermediate=32)).source
    path, outputs = shared_data / "steps/mr_gsm8k_demos.json", tmp_path / "outputs"
    said = ["judge_score", str(path), "--judge", "reward", "--model", model, "--outputs", str(outputs), "--limit", "2"]
    assert main([*said, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["scores"]["mr_gsm8k"]
    assert (found["steps"], found["wrong_steps"], found["unread"]) == (4, 1, 0)
    assert main([*said[:4], "--model", str(tmp_path), "--outputs", str(outputs)]) == 2
    assert "is no folder with a config.json" in capsys.readouterr().err


def test_a_judge_without_its_key_and_money_without_a_price_are_said_before_a_run(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    judge = Prompted(teacher=Teacher(model="m", api_key_env="NO_SUCH_KEY"))
    path = str(shared_data / "steps/mr_gsm8k_demos.json")
    (why,) = JudgedSteps(judge=judge, path=path).preflight()
    assert "NO_SUCH_KEY" in why
    assert JudgedSteps(judge=judge, path=path).expect({}).remark
    with pytest.raises(SettingsError, match="price"):
        JudgedSteps(judge=judge, path=path, budget=Budget(usd=1.0))
