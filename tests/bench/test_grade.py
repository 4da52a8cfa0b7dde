"""The Grade stage over written attempts."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from o1exp.answers.conventions import Mode
from o1exp.bench.grade import Grade, scores
from o1exp.flow import Stage, StageFailed, Store, Work
from o1exp.records import Attempt, Problem, Table

TEXTS = {
    "right": (r"2 + 3 = 5, so \boxed{5}", "stop"),
    "hashes": ("2 + 3 = 5\n#### 5", "stop"),
    "wrong": (r"\boxed{6}", "stop"),
    "cut": ("2 + 3 = 5 and then 5", "length"),
    "cut-boxed": (r"\boxed{5} and furthermore", "length"),
    "empty": ("", "length"),
    "goldless": (r"\boxed{5}", "stop"),
}


@dataclass(frozen=True, kw_only=True)
class Written(Stage[Table[Attempt]]):
    """Attempts with known verdicts."""

    def make(self, work: Work) -> None:
        work.write(Attempt, [Attempt(problem=name, draw=0, text=text, tokens=9, finish_reason=end) for name, (text, end) in TEXTS.items()])


@dataclass(frozen=True, kw_only=True)
class Golds(Stage[Table[Problem]]):
    """Their problems, without the one named `without`."""

    without: str = ""

    def make(self, work: Work) -> None:
        rows = [Problem(id=name, question="2+3", answer="" if name == "goldless" else "5") for name in TEXTS if name != self.without]
        work.write(Problem, rows)


def test_verdicts_truncation_and_counts(tmp_path: Path) -> None:
    stage, store = Grade(attempts=Written(), problems=Golds()), Store(tmp_path)
    scores = {score.problem: score for score in store.get(stage)}
    assert {name: score.correct for name, score in scores.items()} == {
        "right": True, "hashes": True, "wrong": False, "cut": False, "cut-boxed": True, "empty": False, "goldless": None,
    }  # fmt: skip
    assert {name for name, score in scores.items() if score.truncated} == {"cut", "cut-boxed", "empty"}
    assert (scores["wrong"].extracted, scores["hashes"].method, scores["right"].tokens) == ("6", "hashes", 9)
    manifest = store.manifest(stage)
    assert manifest is not None
    assert manifest.facts == {"rows": 7, "right": 3, "unscored": 1, "truncated": 3, "no_answer": 2, "timed_out": 0}


@dataclass(frozen=True, kw_only=True)
class Drawn(Stage[Table[Attempt]]):
    """Five draws at each of two problems."""

    def make(self, work: Work) -> None:
        answers = {"share": (r"\boxed{45\%}", r"\boxed{45}", r"\boxed{45.0}", r"\boxed{7}", "I do not know"), "sum": (r"\boxed{5}",) * 5}
        rows = [(name, draw, text) for name, texts in answers.items() for draw, text in enumerate(texts)]
        work.write(Attempt, [Attempt(problem=name, draw=draw, text=text, tokens=9, finish_reason="stop") for name, draw, text in rows])


@dataclass(frozen=True, kw_only=True)
class Asked(Stage[Table[Problem]]):
    """Their problems."""

    def make(self, work: Work) -> None:
        work.write(
            Problem, [Problem(id="share", question="How many per cent?", answer="45"), Problem(id="sum", question="2+3", answer="5")]
        )


@pytest.mark.parametrize(
    ("mode", "right", "votes"),
    [("default", [True, True, True, False, False], [0, 0, 0, 1, -1]), ("strict", [False, True, True, False, False], [0, 1, 1, 2, -1])],
)
def test_verdicts_and_votes_are_of_one_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, right: list[bool], votes: list[int]
) -> None:
    monkeypatch.setattr("o1exp.bench.grade.BATCH", 2)  # a problem's answers vote together, wherever a batch ends
    found = list(Store(tmp_path).get(Grade(attempts=Drawn(), problems=Asked(), mode=mode)))
    share = [score for score in found if score.problem == "share"]
    assert [score.correct for score in share] == right
    assert [score.vote for score in share] == votes
    assert [score.vote for score in found if score.problem == "sum"] == [0] * 5
    assert {score.scorer for score in found} == {f"comparison of answers ({mode})"}
    assert {score.question for score in found} == {f"{p.id} {p.digest}" for p in Store(tmp_path).get(Asked())}


def test_an_attempt_without_a_problem_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="attempt wrong#0 belongs to no problem"):
        Store(tmp_path).make([Grade(attempts=Written(), problems=Golds(without="wrong"))])


def test_a_cut_text_counts_by_the_complete_boxes_it_holds() -> None:
    text = r"think \boxed{4}, wait, \boxed{5}"
    marks = (5, text.index("4") + 1, text.index("4") + 2, text.index("5") + 1)
    attempt = Attempt(problem="p", draw=0, text=text, tokens=300, finish_reason="timeout", thinking=7, marks=marks)
    right, first, unread = scores([attempt] * 3, [Problem(id="p", question="?", answer=gold) for gold in ("5", "4", "")])
    assert (right.correct, right.cuts) == (True, (False, False, False, False))
    assert (first.correct, first.cuts) == (False, (False, False, True, True))
    assert (unread.correct, unread.cuts) == (None, ())
    assert (right.timed_out, right.truncated, right.thinking) == (True, False, 7)
