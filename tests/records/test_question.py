"""Texts of one question have one spelling; other questions have others."""

import pytest

from o1exp.records.question import question_number, same_question

SAME = [
    ("What is 2+3?", "what is  2 + 3", "What is 2 + 3 ?\n", "WHAT IS 2+3?", "**What** is $2 + 3$?"),
    (r"Find \(x\) if $\dfrac{1}{2} \cdot x \leq 5$.", r"Find $x$ if \[\frac12\cdot x\le 5\]", "find x if \\tfrac{1}{2}\\,\\cdot\\;x ≤ 5"),
    ("caf\u00e9", "cafe\u0301", "CAF\u00c9", "caf\u00e9\u200b"),
    ("It costs 1,200 dollars, or 3.5 euros; right?", "It costs 1200 dollars or 3.5 euros. Right?"),
    ("a \u2212 b \u2013 c", "a - b - c"),
    (r"$\left( \text{area} \right)$", "(area)"),
    ("Jo's 5\u00a0apples", "Jo\u2019s 5 apples"),
    ("\uff12\uff0b\uff13", "2+3"),
]
OTHERS = [
    ("What is 2+3?", "What is 2+4?"), ("5! + 1", "5 + 1"), ("1.5", "15"), (r"\frac{1}{23}", r"\frac{12}{3}"), ("x^2", "x_2"),
    ("2 - 3", "2 + 3"), ("a < b", "a > b"), (r"\sin x", r"\cos x"), ("3:4", "34"), (r"\leftarrow", r"\rightarrow"),
]  # fmt: skip


@pytest.mark.parametrize("texts", SAME)
def test_spellings_of_one_question(texts: tuple[str, ...]) -> None:
    assert {same_question(text) for text in texts} == {same_question(texts[0])}
    assert len({question_number(text) for text in texts}) == 1


@pytest.mark.parametrize("texts", OTHERS)
def test_other_questions_stay_apart(texts: tuple[str, str]) -> None:
    assert same_question(texts[0]) != same_question(texts[1])


def test_a_text_of_marks_alone_is_itself() -> None:
    assert same_question("?") == "?"
    assert same_question("") == ""
    assert question_number("\ud800") != question_number("\ud801")
    assert 0 <= question_number("a") < 2**63
