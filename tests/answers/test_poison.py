"""Answers made to hurt: each costs little and runs nothing."""

import time
from pathlib import Path

import pytest

from o1exp.answers.compare import compared
from o1exp.answers.grade import grade, grade_answer
from o1exp.answers.symbolic import CPU_SECONDS, SYMBOLIC

_CPU_SECONDS = 2.0
POISON = {
    "braces": "{" * 1_000_000,
    "brackets": "(" * 1_000_000,
    "tower": "9^{9^{9^{9^{9}}}}",
    "plain tower": "9**9**9**9",
    "factorial": "(10^{9})!",
    "factorials": "((((9!)!)!)!)!",
    "power": "10^{10^{10}}",
    "scientific": "1e999999999",
    "nothing below": r"\frac{1}{0}",
    "fractions": r"\frac{" * 2000 + "1" + "}{2}" * 2000,
    "roots": r"\sqrt{" * 500 + "2" + "}" * 500,
    "binomial": r"\binom{1000000000}{500000000}",
    "open boxes": r"\boxed{" * 100_000,
    "boxes": r"\boxed{1}, " * 50_000,
    "signs": "-" * 100_000 + "1",
    "digits": "9" * 900_000,
    "products": "*".join(["10^{50000}"] * 100),
    "plus-minus": r"\pm 1 " * 200,
    "bars": "|" * 1000 + "x",
    "lists": "1," * 900,
    "cues": "the answer is " * 50_000,
    "dollars": "$1$ and " * 50_000,
    "equalities": "=".join(["x"] * 900),
    "attributes": "(lambda: 0).__class__.__bases__",
}


@pytest.mark.parametrize("name", POISON)
def test_a_poisoned_answer_costs_little_and_is_not_right(name: str) -> None:
    started = time.process_time()
    assert grade_answer("7", POISON[name]).correct is False
    assert grade(r"\frac{1}{2}", POISON[name]).correct is False
    assert grade_answer(POISON[name], "7").correct is not True
    assert time.process_time() - started < _CPU_SECONDS


def test_code_in_an_answer_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "hit"
    codes = [f"__import__('os').system('touch {mark}')", f"open('{mark}', 'w')", rf"\boxed{{__import__('os').system('touch {mark}')}}"]
    for code in codes:
        for gold in ("7", "x^2", r"\sum_{k=1}^n k", "yes"):
            assert grade_answer(gold, code).correct is False
            assert grade(gold, code).correct is False
    assert not mark.exists()


def test_mathematics_beyond_the_grammar_goes_to_a_child_with_a_limit_on_its_cpu_time() -> None:
    assert compared(r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}") == "equal"
    started = time.process_time()
    sums = r"\sum_{k=1}^{10^{9}} \frac{1}{k!+k}", r"\prod_{k=1}^{10^{9}} \frac{k^k}{k!+1}"
    assert SYMBOLIC.compared(*sums) in ("timeout", "different")
    assert SYMBOLIC.compared("\\sum \ud800", "\\int \x00\n") == "different"
    assert SYMBOLIC.compared("x+1", "1+x") == "equal"
    assert time.process_time() - started < 1
    assert CPU_SECONDS <= 10


def test_a_tower_equals_itself_and_no_other() -> None:
    assert grade_answer("9^{9^{9^{9}}}", "9^{9^{9^{9}}}").correct
    assert not grade_answer("9^{9^{9^{9}}}", "9^{9^{9^{8}}}").correct
