"""What a response says last as final: hand-written responses, and generated ones of all kinds."""

from pathlib import Path

import pytest

from o1exp.answers.compare import same
from o1exp.answers.extract import extract
from o1exp.answers.grade import grade
from o1exp.answers.thought import Parts, parted
from tests.answers.generated import said

TABLE = Path(__file__).with_name("said.txt")


def test_the_table_of_responses_holds() -> None:
    wrong = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        for mark, equal in (("  <=  ", True), ("  </=  ", False)):
            if mark in line and not line.startswith("# "):
                gold, text = line.split(mark)
                if grade(gold, text.replace("\u23ce", "\n")).correct is not equal:
                    wrong.append(line)
    assert wrong == []


@pytest.mark.parametrize("count", [120, pytest.param(2000, marks=pytest.mark.slow)])
def test_the_answer_said_last_is_found(count: int) -> None:
    wrong = []
    for text, answer, other in said(count, ways=12):
        found = extract(text).text
        if found != answer and (not same(answer, found) or (same(other, found) and not same(other, answer))):
            wrong.append((text, found))
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("no thought at all", Parts("", "no thought at all")),
        ("<think>a</think>b", Parts("a", "b")),
        ("a</think>b", Parts("a", "b")),
        ("<think>a", Parts("a", "", True)),
        ("b<think>a", Parts("a", "b", True)),
        ("<reasoning>a</reasoning> b", Parts("a", "b")),
        ("[THINK]a[/THINK]b", Parts("a", "b")),
        ("\u25c1think\u25b7a\u25c1/think\u25b7b", Parts("a", "b")),
        ("<seed:think>a</seed:think>b", Parts("a", "b")),
        ("<|begin_of_thought|>a<|end_of_thought|><|begin_of_solution|>b<|end_of_solution|>", Parts("a", "b")),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", Parts("a", "b")),
        ("<|channel|>final<|message|>b<|return|>", Parts("", "b")),
        ("analysisWe add.assistantfinalb", Parts("We add.", "b")),
        ("analysis of the problem: b", Parts("", "analysis of the problem: b")),
        ("a <think>c</think>", Parts("c", "a")),
        ("<think>a</think>b<think>c</think>d", Parts("a\nb\nc", "d")),
    ],
)
def test_a_text_is_parted_at_its_marks(text: str, parts: Parts) -> None:
    found = parted(text)
    assert (" ".join(found.thought.split()), found.answer, found.unclosed) == (
        " ".join(parts.thought.split()),
        parts.answer,
        parts.unclosed,
    )
