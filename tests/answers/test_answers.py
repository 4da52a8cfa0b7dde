import pytest
from hypothesis import given
from hypothesis import strategies as st

from o1exp.answers.compare import majority, same
from o1exp.answers.extract import extract
from o1exp.answers.grade import grade


@pytest.mark.parametrize(
    ("text", "answer", "method"),
    [
        (r"so \boxed{10}. Wait, no: \boxed{\frac{1}{2}}", r"\frac{1}{2}", "boxed"),
        (r"\boxed 7 is it", "7", "boxed"),
        ("16 - 3 = 13 <<16-3=13>>\n#### 13", "13", "hashes"),
        ("The answer is 42.", "42", "cue"),
        ("\u6545\u7b54\u6848\u4e3a\uff1a8\u3002", "8", "cue"),
        ("we get 3, then 4 pears", "4", "number"),
        ("<think>perhaps \\boxed{1}</think> It is \\boxed{2}", "2", "boxed"),
        ("I do not know.", "", "none"),
    ],
)
def test_extraction(text: str, answer: str, method: str) -> None:
    found = extract(text)
    assert (found.text, found.method) == (answer, method)


def test_truncated_output_counts_only_with_a_complete_box() -> None:
    assert extract(r"so it is 5 and \boxed{12", truncated=True).text == ""
    assert extract(r"\boxed{12} and", truncated=True).text == "12"


@pytest.mark.parametrize(
    ("gold", "answer"),
    [("x=5", "5"), ("\uff11\uff12", "12"), ("1/2", r"\frac{1}{2}"), ("0.5", r"\dfrac12"), ("1,000", "1000"), ("25", "025"),
     ("50%", "50"), (r"\sqrt{8}", r"2\sqrt{2}"),
     (r"\text{Evelyn}", "Evelyn"), (r"(3, \frac{\pi}{2})", r"\left( 3, \frac{\pi}{2} \right)")],
)  # fmt: skip
def test_equal_answers(gold: str, answer: str) -> None:
    assert same(gold, answer)
    assert same(answer, gold)


@pytest.mark.parametrize(("gold", "answer"), [("1/3", "0.333333"), ("2", "-2"), ("", ""), ("12", "120"), (r"\sqrt{2}", "1.41"), ("A", "B")])
def test_different_answers(gold: str, answer: str) -> None:
    assert not same(gold, answer)


@given(st.integers(-(10**12), 10**12))
def test_every_integer_equals_its_renderings_and_no_neighbour(n: int) -> None:
    assert all(same(str(n), form) for form in (f"{n}", f"{n}.0", f"${n}$", f"{n:,}", rf"\frac{{{n}}}{{1}}"))
    assert not same(str(n), str(n + 1))


def test_an_empty_gold_is_unscored_and_no_answer_is_wrong() -> None:
    assert grade("", "the answer is 3").correct is None
    assert grade("3", "no idea").correct is False


def test_majority_counts_equal_answers_together() -> None:
    assert majority(["1/2", "0.5", "3", "", ""]) == ["1/2"]
    assert sorted(majority(["1", "2"])) == ["1", "2"]
    assert majority([""]) == []
