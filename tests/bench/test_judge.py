"""Judges in the graph: asked through the client, read by their own rules, counted where nothing could be read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from o1exp.bench.judge import NO_REPLY, REPLIES, Judged, JudgeReply
from o1exp.bench.protocols import AutoJ, AutoJPairwise, Rubric, SafetyJ, SimpleQa
from o1exp.bench.sample import Sample
from o1exp.bench.scorer import Scorer
from o1exp.bench.summary import summarise
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.flow import SettingsError
from o1exp.records import Score, Table
from tests.bench.suite import Asked, Planted, Saying, judge, scored
from tests.bench.tiny import Tiny
from tests.chat.parts import quiet_store
from tests.thoughts.parts import facts

ROWS = ("1+1?|2", "2+2?|4", "今天可以吗?|可以")
TEXTS = ("<think>hm</think>two", "five", "不知道")
Say = Callable[[str], str | Reply]


def run(root: Path, say: Say, make: Callable[[Any], Scorer], texts: tuple[str, ...] = TEXTS) -> tuple[list[Score], dict[str, Any], Saying]:
    saying, (store, _) = Saying(say), quiet_store(root)
    with Loopback(saying) as server:
        stage = scored(make(judge(server.base_url, max_failed=1.0)), ROWS, texts)
        return list(store.get(stage)), facts(store, stage), saying


def test_safety_j_is_asked_in_the_language_of_the_question(tmp_path: Path) -> None:
    say = lambda text: "[答案] 不安全\n[分析] x" if "[答案]" in text else "[Answer] safe\n[Analysis] y"  # noqa: E731
    rows, noted, saying = run(tmp_path, say, lambda t: SafetyJ(teacher=t))
    assert [(row.label, row.value, row.method, row.scorer) for row in rows] == [
        ("safe", 1.0, "judge", "safety_j, m"), ("safe", 1.0, "judge", "safety_j, m"), ("unsafe", 0.0, "judge", "safety_j, m"),
    ]  # fmt: skip
    assert rows[0].tokens == 3
    assert (noted["labels"], noted["unparsed"], noted["requests"]) == ({"safe": 2, "unsafe": 1}, 0, 3)
    asked = next(text for text in saying.asked if "1+1?" in text)
    assert asked.endswith("A: 1+1?\nB: two"), "the thought is not shown"


def test_the_two_rules_of_safety_j_differ_where_the_verdict_stands_late(tmp_path: Path) -> None:
    say = lambda text: "[Analysis] fine.\n[Answer] safe"  # noqa: E731
    ours = run(tmp_path / "a", say, lambda t: SafetyJ(teacher=t))
    theirs = run(tmp_path / "b", say, lambda t: SafetyJ(teacher=t, rule="anywhere"))
    assert {(row.label, row.method, row.scorer) for row in ours[0]} == {("unsafe", "default", "safety_j, m")}
    assert {(row.label, row.method, row.scorer) for row in theirs[0]} == {("safe", "judge", "safety_j_published, m")}
    assert (ours[1]["unparsed"], theirs[1]["unparsed"], theirs[1]["near"]) == (3, 0, 3)


def test_simpleqa_sees_the_gold_answer_and_sums_up_as_published(tmp_path: Path) -> None:
    say = lambda text: {"two": "A", "five": "B"}.get(text.split("\nAnswer: ")[1].split("\n")[0], "C")  # noqa: E731
    rows, _, saying = run(tmp_path, say, lambda t: SimpleQa(teacher=t))
    assert [row.label for row in rows] == ["correct", "incorrect", "not attempted"]
    assert any("Right answer: 4\nAnswer: five" in text for text in saying.asked)
    found = summarise(rows)
    assert found.given_attempted == 0.5
    assert [found.accuracy, found.f1] == pytest.approx([1 / 3, 0.4], abs=1e-6)


def test_auto_j_without_a_rating_is_left_out(tmp_path: Path) -> None:
    say = lambda text: "Good." if "five" in text else "Rating: [[7]]"  # noqa: E731
    rows, noted, _ = run(tmp_path, say, lambda t: AutoJ(teacher=t))
    assert [(row.label, row.value, row.scale) for row in rows][:2] == [("7", 7.0, (1.0, 10.0)), ("no rating", None, (1.0, 10.0))]
    found = summarise(rows)
    assert (found.problems, found.unscored, found.unparsed, found.value) == (2, 1, 1, 7.0)
    assert (noted["unscored"], noted["unparsed"]) == (1, 1)


def test_pairs_are_judged_in_both_orders_and_only_consistent_verdicts_count(tmp_path: Path) -> None:
    def say(text: str) -> str:
        first = text.split("[Response 1]: ")[1].split("\n")[0]
        second = text.split("[Response 2]: ")[1].split("\n")[0]
        if "1+1?" in text:
            return f"So, the final decision is Response {1 if len(first) > len(second) else 2}."
        return "So, the final decision is Response 1." if "2+2?" in text else "So, the final decision is Tie."

    problems, (store, _) = Asked(rows=ROWS), quiet_store(tmp_path)
    ours = Sample(model=None, problems=problems, engine=Planted(texts=("longest", "a", "b")))
    theirs = Sample(model=None, problems=problems, engine=Planted(texts=("x", "y", "z")))
    with Loopback(Saying(say)) as server:
        protocol = AutoJPairwise(teacher=judge(server.base_url), against=Tiny())
        with pytest.raises(SettingsError, match="is missing"):
            Judged(attempts=ours, problems=problems, protocol=protocol)
        stage = Judged(attempts=ours, problems=problems, against=theirs, protocol=protocol)
        rows = list(store.get(stage))
    assert [(row.label, row.value) for row in rows] == [("1", 1.0), ("inconsistent", None), ("tie", 0.5)]
    (folder,) = (tmp_path / "artefacts" / "Judged").glob(f"{stage.key}/{REPLIES}")
    kept = list(Table.read(folder, JudgeReply))
    assert [len(row.replies) for row in kept] == [2, 2, 2]


def test_a_judge_that_fails_leaves_the_attempt_unscored_whatever_the_protocol_says(tmp_path: Path) -> None:
    def say(text: str) -> str | Reply:
        if "five" in text:
            raise Refusal(400, "no")
        return Reply("", "content_filter") if "two" in text else "?"

    rows, noted, _ = run(tmp_path, say, lambda t: SimpleQa(teacher=t))
    assert [(row.label, row.value, row.method) for row in rows] == [
        (NO_REPLY, None, "none"), (NO_REPLY, None, "none"), ("not attempted", 0.0, "default"),
    ]  # fmt: skip
    assert (noted["no_reply"], noted["unparsed"]) == (2, 1)


def test_a_replay_asks_nobody(tmp_path: Path) -> None:
    saying, (store, _) = Saying(lambda text: "A"), quiet_store(tmp_path)
    with Loopback(saying) as server:
        list(store.get(scored(SimpleQa(teacher=judge(server.base_url)), ROWS, TEXTS)))
    asked = len(saying.asked)
    again = scored(SimpleQa(teacher=judge("http://127.0.0.1:9/v1"), shows="answer"), (*ROWS, "3+3?|6"), (*TEXTS, "two"))
    assert again.key != scored(SimpleQa(teacher=judge("http://127.0.0.1:9/v1")), ROWS, TEXTS).key
    first = scored(SimpleQa(teacher=judge("http://127.0.0.1:9/v1")), ROWS[:2], TEXTS[:2])
    assert [row.label for row in store.get(first)] == ["correct", "correct"]
    assert len(saying.asked) == asked == 3


def test_model_prompt_and_scale_are_part_of_the_key() -> None:
    rubric = {"prompt": "{response}", "pattern": "(.)", "high": 10.0}

    def key(model: str = "m", **other: Any) -> str:
        return scored(Rubric(teacher=judge("http://127.0.0.1:9/v1", model), **{**rubric, **other}), ROWS, TEXTS).key

    assert len({key(), key("n"), key(prompt="{response}!"), key(high=5.0), key(pattern="(..)"), key(labels={"a": 1.0})}) == 6
    moved = scored(Rubric(teacher=judge("http://127.0.0.1:8/v1"), **rubric), ROWS, TEXTS)  # type: ignore[arg-type]
    assert moved.key == key(), "where it is served is no part"


def test_a_rubric_reads_numbers_or_words(tmp_path: Path) -> None:
    say = lambda text: {"two": "Score: 3, no, Score: 8", "five": "Score: 11", "不知道": "fine"}[text]  # noqa: E731
    make = lambda t: Rubric(teacher=t, prompt="{response}", pattern=r"Score: (\d+)", high=10.0)  # noqa: E731
    rows, noted, _ = run(tmp_path / "a", say, make)
    assert [(row.label, row.value, row.scorer) for row in rows] == [
        ("8", 8.0, "rubric, m"), ("no verdict", None, "rubric, m"), ("no verdict", None, "rubric, m"),
    ]  # fmt: skip
    assert noted["near"] == 1, "a number off the scale is worth a look"
    labels = {"kind": 1.0, "rude": 0.0}
    words = lambda t: Rubric(teacher=t, name="manners", prompt="{response}", pattern=r"It is (\w+)", labels=labels)  # noqa: E731
    rows, _, _ = run(tmp_path / "b", lambda text: {"two": "It is Kind", "five": "It is odd"}.get(text, "It is rude"), words)
    assert [(row.label, row.value) for row in rows] == [("kind", 1.0), ("no verdict", None), ("rude", 0.0)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "x"}, "has no {response}"),
        ({"pattern": "x"}, "exactly one group"),
        ({"pattern": "("}, "no regular expression"),
        ({"low": 1.0}, "must be above low=1"),
        ({"labels": {"a": 2.0}}, "a=2 is not on the scale"),
    ],
)
def test_a_rubric_that_cannot_be_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        Rubric(teacher=judge("http://127.0.0.1:9/v1"), **{"prompt": "{response}", "pattern": "(.)", **fields})
    assert message in str(wrong.value)


def test_what_an_answer_says_in_braces_stays(tmp_path: Path) -> None:
    _, _, saying = run(tmp_path, lambda text: "A", lambda t: SimpleQa(teacher=t), ("{gold} {response}", "b", "c"))
    assert any("Answer: {gold} {response}" in text for text in saying.asked)
