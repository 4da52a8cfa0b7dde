"""The rules that are off unless they are asked for."""

from dataclasses import replace

import pytest

from o1exp.curate.criteria import Criteria
from o1exp.curate.numbers import are_several, is_number, number_kind
from o1exp.curate.rules import Rules
from o1exp.curate.verdicts import ROWS
from o1exp.records import Problem
from o1exp.records.language import language_of
from o1exp.sources.arithmetic import Arithmetic

ONE, ANY = Problem(id="a", question="What is 1+1?", answer="2"), Criteria()


def asked(rule: str, problem: Problem, criteria: Criteria = ANY) -> str:
    return ROWS[rule].ask(problem, criteria)


def test_kinds_of_numbers_widen() -> None:
    kinds = {
        "12": "integer", r"\frac{12}{4}": "integer", "x=5": "integer", "1,250": "integer", r"7 \text{ days}": "integer", 
        "4210_{5}": "integer",
        r"\frac{3}{7}": "fraction", r"2\frac{1}{3}": "fraction", "2.5": "decimal", r"12.5\%": "decimal", "50%": "decimal",
        r"6\sqrt{2}": "closed_form", r"\frac{\pi}{8}": "closed_form", "2n^2": None, "2n": None, "(1, 2)": None, "x > 3": None,
    }  # fmt: skip
    assert {answer: number_kind(answer) for answer in kinds} == kinds
    assert not is_number("2.5", "fraction")
    assert asked("not_numerical", replace(ONE, answer=r"\frac{3}{7}"), Criteria(number="integer")) == r"fraction: \frac{3}{7}"


def test_several_values_are_several_answers() -> None:
    some = ["2, 3", r"\{1,2\}", r"2 \pm \sqrt{3}", "x=1 or x=2", r"x \in \{1,2\}", "(1,2), (3,4)"]
    assert [answer for answer in some if not are_several(answer)] == []
    assert [answer for answer in ("5", "(2,3)", "1,250", "[1, 2]", "Yes", r"\frac{1}{2}", "x > 3") if are_several(answer)] == []


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("Find all $x$ such that the sum is even.", "en"),
        ("求所有满足条件的 $x$ 的值。", "zh"),
        ("Trouver tous les nombres $n$ pour lesquels la somme est paire.", "fr"),
        ("Найдите все числа $n$, для которых сумма чётна.", "ru"),
        ("Hallar el número de los pares que son primos.", "es"),
        ("Zeige, dass für jede Zahl die Summe gerade ist.", "de"),
        ("次の数を求めよ。", "ja"),
        ("$x^2=4$", ""),
    ],
)
def test_a_language_is_known_by_script_and_small_words(question: str, code: str) -> None:
    assert language_of(question) == code


def test_each_says_why() -> None:
    assert asked("several", replace(ONE, answer="2, 3")) == "2, 3"
    assert asked("length", replace(ONE, question="Hm?")) == "question of 3 letters"
    assert asked("length", replace(ONE, solution="a" * 51), Criteria(longest=50)) == "solution of 51 letters"
    assert asked("language", replace(ONE, question="求所有满足条件的值。"), Criteria(languages=("en",))) == "zh"
    assert asked("difficulty", replace(ONE, level="Level 2"), Criteria(easiest=3)) == "Level 2"
    assert asked("difficulty", replace(ONE, level="Level 5"), Criteria(easiest=3)) == ""
    assert asked("difficulty", ONE, Criteria(easiest=3)) == "(no level)"
    assert asked("origin", replace(ONE, source="numina", subset="olympiads"), Criteria(origins=("olympiads",))) == ""
    assert asked("origin", replace(ONE, source="numina", subset="cn_k12"), Criteria(origins=("olympiads",))) == "numina/cn_k12"
    assert asked("own_answer", replace(ONE, solution=r"So it is \boxed{3}.")) == "2 against 3"
    assert asked("own_answer", replace(ONE, solution=r"So it is \boxed{\frac{4}{2}}.")) == ""
    assert asked("own_answer", replace(ONE, solution="Two ones together, so we have 2")) == ""
    assert asked("own_answer", replace(ONE, solution="")) == ""


def test_a_rule_that_is_off_is_not_in_the_key() -> None:
    plain = Rules(problems=Arithmetic())
    assert set(plain.what()) == {"image", "proof", "no_answer", "choice", "not_numerical"}
    assert plain.replace(length=True).key != plain.key
