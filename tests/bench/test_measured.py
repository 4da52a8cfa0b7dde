"""A judge measured on answers that people have checked, and how the page tells it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score

from o1exp.bench.judges import AUTO_J, SIMPLEQA
from o1exp.bench.measured import Measured, MeasuredVerdict, in_words_of
from o1exp.bench.panel import Panel
from o1exp.bench.protocols import AutoJPairwise, SimpleQa
from o1exp.bench.result import Result
from o1exp.chat.servers.loopback import Loopback
from o1exp.chat.teacher import Teacher
from o1exp.flow import SettingsError, StageFailed
from o1exp.history.arms import gather
from o1exp.records import Table
from o1exp.records.checked import CheckedAnswer
from o1exp.report.judges import agreeing
from o1exp.report.page import Report
from o1exp.sources.checked import Checked
from tests.bench.suite import Asked, Saying, judge, lines, scored
from tests.bench.tiny import Tiny
from tests.chat.parts import quiet_store
from tests.planted import results
from tests.thoughts.parts import facts

ROWS: list[dict[str, Any]] = [
    {"question": "a?", "response": "yes", "label": True, "gold": "yes, it is"}, {"question": "b?", "response": "no", "label": False},
    {"question": "c?", "response": "maybe", "label": "incorrect"}, {"question": "d?", "response": "yes", "label": True},
    {"question": "e?", "response": "", "label": True}, {"question": "f?", "response": "no label"},
]  # fmt: skip


def say(text: str) -> str:
    """Right about a and b, of c it says nothing readable, wrong about d."""
    question = text.split("Question: ")[1][0]
    assert ("Right answer: yes, it is" in text) is (question == "a")
    return {"a": "A", "b": "B", "c": "?", "d": "B"}[question]


def test_a_judge_is_held_against_people_s_labels_and_stands_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(lines(ROWS))
    store, _ = quiet_store(tmp_path / "o")
    with Loopback(Saying(say)) as server:
        protocol = SimpleQa(teacher=judge(server.base_url))
        stage = Measured(answers=Checked(path=str(tmp_path / "x.jsonl")), protocol=protocol)
        found = store.get(stage)
        assert (found.answers, found.agreeing, found.unparsed, found.no_reply) == (4, 2, 1, 0)
        assert found.table == {"correct": {"correct": 1, "incorrect": 1}, "incorrect": {"incorrect": 1, "not attempted": 1}}
        expected = cohen_kappa_score([1, 0, 0, 1], [1, 0, 2, 0])
        assert found.kappa.value == pytest.approx(expected, abs=1e-4)
        verdicts = list(Table.read(store.folder(stage) / "verdicts", MeasuredVerdict))
        assert [(one.label, one.verdict, one.parsed) for one in verdicts][2:] == [
            ("incorrect", "not attempted", False), ("correct", "incorrect", True),
        ]  # fmt: skip
        members = {name: SimpleQa(teacher=judge(server.base_url, name)) for name in ("m", "n")}
        panel = scored(Panel(members=members), ("a?|yes, it is", "b?|2", "d?|3"), ("one", "two", "three"))  # type: ignore[arg-type]
        report = Report(arms={"run": Result(scores={"facts": panel})}, measures={"facts": stage})
        store.make([report])
        html = (store.folder(report) / "index.html").read_text()
    part = html.partition('id="how-far-the-judges-can-be-trusted"')[2].partition("<h2")[0]
    assert "<b>50.0</b> %" in part
    assert "incorrect: 1 incorrect, 1 not attempted" in part
    assert "m / n" in part
    (alike,) = agreeing(gather(tmp_path / "o", results(report.arms)))
    assert (alike.raters, alike.units, alike.alpha.value) == (2, 3, 1.0)


def test_a_protocol_of_pairs_is_refused(tmp_path: Path) -> None:
    protocol = AutoJPairwise(teacher=judge("http://127.0.0.1:9/v1"), against=Tiny())
    with pytest.raises(SettingsError, match="judges pairs"):
        Measured(answers=Checked(), protocol=protocol)


def test_chinesefacteval_s_answers_are_checked_ones(shared_data: Path, tmp_path: Path) -> None:
    store, _ = quiet_store(tmp_path)
    stage = Checked(path=str(shared_data / "chinesefacteval" / "dataset_chinese.jsonl"))
    rows = list(store.get(stage))
    assert {row.label for row in rows} == {"correct", "incorrect"}
    assert all(row.response and row.response != row.gold for row in rows)
    noted = facts(store, stage)
    assert len(rows) + noted["gold"] + noted["unlabelled"] == 125 * 7
    assert noted["unlabelled"] > 50


def test_without_a_file_right_and_wrong_answers_are_made(tmp_path: Path) -> None:
    store, _ = quiet_store(tmp_path)
    rows = list(store.get(Checked(problems=Asked(rows=("1+1?|2",)))))
    assert [(row.response, row.label) for row in rows] == [("It comes to 2.", "correct"), ("It comes to 3.", "incorrect")]
    assert {row.gold for row in rows} == {"2"}


def test_an_answer_that_is_the_gold_answer_is_asked_about_and_labels_are_told_apart(tmp_path: Path) -> None:
    rows = [{"question": "a?", "response": "Paris", "label": "RIGHT", "gold": "Paris"}, {"question": "b?", "response": "no", "label": "?"}]
    (tmp_path / "x.jsonl").write_text(lines(rows))
    store, _ = quiet_store(tmp_path / "o")
    found = list(store.get(Checked(path=str(tmp_path / "x.jsonl"), labels={"right": "correct", "?": ""})))
    assert [(one.response, one.label) for one in found] == [("Paris", "correct")]


def test_labels_that_the_judge_never_gives_are_refused_before_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(lines([{"question": "a?", "response": "yes", "label": "good"}]))
    store, _ = quiet_store(tmp_path / "o")
    stage = Measured(answers=Checked(path=str(tmp_path / "x.jsonl")), protocol=SimpleQa(teacher=judge("http://127.0.0.1:9/v1")))
    with pytest.raises(StageFailed, match="label 'good' is none that simpleqa gives"):
        store.get(stage)
    answer = CheckedAnswer(problem="a", question="a?", response="yes", label="Correct")
    assert in_words_of(SIMPLEQA, [answer]) == [dataclasses.replace(answer, label="correct")]
    assert in_words_of(AUTO_J, [answer]) == [answer]


def test_a_row_whose_field_is_no_text_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(lines([{"question": "a?", "response": {"x": 1}, "label": True}]))
    store, _ = quiet_store(tmp_path / "o")
    with pytest.raises(StageFailed, match=r"x\.jsonl: a field of question, response, label holds an object"):
        store.get(Checked(path=str(tmp_path / "x.jsonl")))


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnGpus(Teacher):
    @property
    def gpus(self) -> int:
        return 2


def test_a_judge_is_asked_as_about_any_other_answer_and_has_its_gpus(tmp_path: Path) -> None:
    """It sees the answer behind the thought, as where it scores a suite."""
    (tmp_path / "x.jsonl").write_text(lines([{"question": "a?", "response": "<think>\nNo, yes?\n</think>\n\nSure.", "label": True}]))
    store, _ = quiet_store(tmp_path / "o")
    saying = Saying(lambda text: "A")
    with Loopback(saying) as server:
        answers = Checked(path=str(tmp_path / "x.jsonl"))
        assert store.get(Measured(answers=answers, protocol=SimpleQa(teacher=judge(server.base_url)))).agreeing == 1
    assert "Sure." in saying.asked[0]
    assert "No, yes?" not in saying.asked[0]
    assert Measured(answers=answers, protocol=SimpleQa(teacher=OnGpus(model="m", free=True))).gpus == 2


def test_ratings_of_people_are_numbers_however_they_are_spelled() -> None:
    answer = CheckedAnswer(problem="a", question="a?", response="yes", label="7.0")
    assert [one.label for one in in_words_of(AUTO_J, [answer])] == ["7"]
