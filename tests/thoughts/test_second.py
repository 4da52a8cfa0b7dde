"""A second opinion on verdicts that rest on a fallback, by math-verify and by a model on loopback."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from o1exp.answers.grade import grade
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.flow import SettingsError
from o1exp.thoughts.second import Doubt, fell_back, read_disagreements
from o1exp.thoughts.verify import Rejection
from tests.thoughts.parts import Given, Thoughts, facts, store, teacher

TEXTS = (
    "p1:so \\boxed{2}",  # announced: no doubt
    "p1:we are left with 2 pears",  # a last number, and right
    "p2:then we have $4$ and that makes 5 pears",  # a last number: wrong by us, right by math-verify, which sees formulas alone
    "p3:no idea",
)


class Judge:
    """Says yes where the response names four, and no elsewhere."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Reply:
        text = body["messages"][-1]["content"]
        self.asked.append(text)
        return Reply("Yes." if re.search(r"End of the response:\n.*4", text) else "No", prompt_tokens=5, completion_tokens=1)


@pytest.mark.parametrize(
    ("gold", "text", "doubtful"),
    [
        ("2", "so \\boxed{2}", False),
        ("2", "the answer is 3", False),
        ("2", "we are left with 2", True),
        ("2", "therefore $x = 2$", True),
        ("2", "no idea", True),
        ("", "no idea", False),
        (r"\sum_{k=1}^n k", r"\boxed{n^2}", True),
    ],
)
def test_a_verdict_is_in_doubt_where_nothing_was_announced_or_cannot_be_read(gold: str, text: str, doubtful: bool) -> None:
    assert fell_back(gold, grade(gold, text)) is doubtful


def test_math_verify_lists_where_it_disagrees_and_changes_nothing(tmp_path: Path) -> None:
    here = store(tmp_path)
    alone, both = (Rejection(thoughts=Thoughts(texts=TEXTS), problems=Given(), keep=9, second=second) for second in ("none", "math_verify"))
    assert [row.id for row in here.get(both)] == [row.id for row in here.get(alone)] == ["p1#0", "p1#1"]
    assert read_disagreements(here.folder(both)) == [Doubt("p2#0", "p2", "4", "5", "number", right=False, second=True)]
    noted = facts(here, both)
    assert (noted["second_asked"], noted["second_silent"], noted["second_disagreed"]) == (3, 2, 1)
    assert read_disagreements(here.folder(alone)) == []


def test_a_run_says_beforehand_that_math_verify_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = [Rejection(thoughts=Thoughts(texts=TEXTS), problems=Given(), second=second) for second in ("none", "math_verify")]
    assert [list(stage.preflight()) for stage in stages] == [[], []]
    monkeypatch.setitem(sys.modules, "math_verify", None)  # as if it were not installed
    assert [list(stage.preflight()) for stage in stages] == [
        [],
        ["second=math_verify needs the package math-verify, which is not installed; pip install math-verify, or second=none"],
    ]


@pytest.mark.parametrize(("disagreement", "kept"), [("list", ["p1#0", "p1#1"]), ("drop", ["p1#0"])])
def test_a_model_is_asked_about_doubtful_verdicts_alone_and_what_follows_is_a_setting(
    tmp_path: Path, disagreement: str, kept: list[str]
) -> None:
    judge = Judge()
    with Loopback(judge) as server:
        settings: dict[str, Any] = {"second": "model", "judge": teacher(server.base_url, temperature=0), "disagreement": disagreement}
        here = store(tmp_path)
        stage = Rejection(thoughts=Thoughts(texts=TEXTS), problems=Given(), keep=9, **settings)
        assert [row.id for row in here.get(stage)] == kept
    assert len(judge.asked) == 3
    assert {"What is p1?" in text or "What is p2?" in text or "What is p3?" in text for text in judge.asked} == {True}
    assert [(doubt.id, doubt.right, doubt.second) for doubt in read_disagreements(here.folder(stage))] == [
        ("p1#1", True, False),
        ("p2#0", False, True),
    ]
    assert facts(here, stage).get("second_dropped", 0) == (disagreement == "drop")
    assert here.manifest(stage) is not None


def test_a_model_is_named_where_one_is_asked() -> None:
    with pytest.raises(SettingsError, match=r"judge.*second=model"):
        Rejection(thoughts=Thoughts(), problems=Given(), second="model")
    with pytest.raises(SettingsError, match=r"judge.*second=model"):
        Rejection(thoughts=Thoughts(), problems=Given(), judge=teacher("http://localhost:1/v1"))


def test_the_key_is_what_it_was_where_nobody_is_asked() -> None:
    plain = Rejection(thoughts=Thoughts(), problems=Given())
    assert plain.key == Rejection(thoughts=Thoughts(), problems=Given(), second="none", disagreement="list").key
    assert plain.key != Rejection(thoughts=Thoughts(), problems=Given(), second="math_verify").key
