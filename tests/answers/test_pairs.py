"""Pairs of answers, right and wrong, in both directions; hand-written and made from the golds of real benchmarks."""

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o1exp.answers.compare import same
from o1exp.answers.conventions import DEFAULT, STRICT
from o1exp.answers.grade import grade, grade_answer
from tests.answers.responses import RESPONSES

TABLE = Path(__file__).with_name("pairs.txt")


def pairs() -> Iterator[tuple[str, str, bool]]:
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        for mark, equal in (("  ==  ", True), ("  !=  ", False)):
            if mark in line and not line.startswith("# "):
                gold, answer = line.split(mark)
                yield gold, answer, equal


def test_the_table_of_pairs_holds_in_both_directions() -> None:
    wrong = [
        (gold, answer, equal)
        for left, right, equal in pairs()
        for gold, answer in ((left, right), (right, left))
        if grade_answer(gold, answer).correct is not equal
    ]
    assert wrong == []


def test_every_answer_of_the_table_equals_itself() -> None:
    assert [answer for pair in pairs() for answer in pair[:2] if not same(answer, answer, STRICT)] == []


def test_responses() -> None:
    wrong = [(text, answer, grade(answer, text)) for text, answer in RESPONSES if answer and not grade(answer, text).correct]
    wrong += [(text, "", grade("1", text)) for text, answer in RESPONSES if not answer and grade("1", text).extracted]
    assert wrong == []


def test_hand_written_pairs_of_the_shared_data(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "grading" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    verdicts = [(grade_answer if row["form"] == "answer" else grade)(row["gold"], row["prediction"]).correct for row in rows]
    wrong = [row["id"] for verdict, row in zip(verdicts, rows, strict=True) if verdict != row["equal"]]
    assert set(wrong) <= {"d016"}  # 9 cm^2 and 9 cm^3, which differ since both units are written


def test_pairs_after_public_reports(shared_data: Path) -> None:
    wrong = 0
    rows = [json.loads(line) for line in (shared_data / "grading" / "pairs2.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        verdicts = [(grade_answer if row["form"] == "answer" else grade)(row["gold"], row["prediction"]).correct]
        if row["form"] == "answer":
            verdicts.append(grade_answer(row["prediction"], row["gold"]).correct)
        wrong += any(verdict is not None and verdict != row["equal"] for verdict in verdicts)
    assert 1 - wrong / len(rows) >= 0.985


@pytest.mark.parametrize(
    ("gold", "answer", "by_default", "strictly"),
    [
        (r"45\%", "45", True, False),
        (r"45\%", "0.45", True, True),
        (r"9\text{ cm}^2", r"9\text{ cm}^3", False, False),
        ("9 apples", "9 pears", True, False),
        ("2 hours", "2 minutes", False, False),
        ("2 hours", "120 minutes", True, True),
        (r"\sqrt{2}", "1.4142135624", True, False),
        (r"\sqrt{2}", "1.41421", False, False),
        (r"9\text{ cm}", "9", True, True),
        ("1, 3", "3, 1", True, False),
        (r"\{1,3\}", r"\{3,1\}", True, True),
        ("(1,3)", "(3,1)", False, False),
        ("2,5", "2.5", True, False),
    ],
)
def test_conventions(gold: str, answer: str, by_default: bool, strictly: bool) -> None:
    assert [same(gold, answer, rules) for rules in (DEFAULT, STRICT)] == [by_default, strictly]
    assert [same(answer, gold, rules) for rules in (DEFAULT, STRICT)] == [by_default, strictly]


def golds(folder: Path) -> set[str]:
    math500 = json.loads((folder / "math500" / "orz_math500.json").read_text(encoding="utf-8"))
    found = {row["final_answer"] for row in math500}
    for line in (folder / "olympiadbench" / "test.jsonl").read_text(encoding="utf-8").splitlines():
        found.update(json.loads(line)["final_answer"])
    for line in (folder / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines():
        found.add(json.loads(line)["answer"].split("####")[1].strip())
    return found


def renderings(gold: str) -> Iterator[str]:
    body = gold.strip().strip("$") if gold.count("$") == 2 else gold
    yield from (gold, f"  {gold} ", f"{gold}.", gold.replace(r"\frac", r"\dfrac"), re.sub(r"\\frac\{(\d)\}\{(\d)\}", r"\\frac\1\2", gold))
    if r"\left" not in gold:
        yield gold.replace("(", r"\left(").replace(")", r"\right)")
    if "$" not in body:
        yield from (f"${body}$", rf"\({body}\)", rf"\boxed{{{body}}}", rf"\displaystyle {body}")
    if re.fullmatch(r"[\w ]+", gold):
        yield rf"\text{{{gold}}}"


def test_every_gold_equals_itself_and_its_renderings(shared_data: Path) -> None:
    wrong = [
        (gold, form) for gold in sorted(golds(shared_data)) for form in renderings(gold) if not (same(gold, form) and same(form, gold))
    ]
    assert wrong == []


def test_every_gold_differs_from_its_one_digit_mutations(shared_data: Path) -> None:
    # the digit of a unit (cm^2) and those of a condition behind "where" are no part of the answer under the default conventions
    compared = [gold for gold in golds(shared_data) if "where" not in gold and "box" not in gold]
    wrong = []
    for gold in sorted(compared):
        for match in list(re.finditer(r"\d", gold))[:6]:
            mutated = gold[: match.start()] + str((int(match[0]) + 1) % 10) + gold[match.end() :]
            if same(gold, mutated) or same(mutated, gold):
                wrong.append((gold, mutated))
    assert wrong == []


@given(st.fractions(max_denominator=999))
@settings(max_examples=60)
def test_every_fraction_equals_its_renderings_and_no_neighbour(value: Fraction) -> None:
    top, bottom = value.numerator, value.denominator
    forms = [f"{top}/{bottom}", rf"\frac{{{top}}}{{{bottom}}}", rf"\dfrac{{{2 * top}}}{{{2 * bottom}}}", rf"-\frac{{{-top}}}{{{bottom}}}"]
    assert all(same(forms[0], form) and same(form, forms[0]) for form in forms)
    assert not any(same(rf"\frac{{{top + 1}}}{{{bottom}}}", form) for form in forms)


@given(st.integers(2, 400), st.integers(1, 30))
@settings(max_examples=40)
def test_a_surd_equals_its_other_form(inside: int, factor: int) -> None:
    assert same(rf"{factor}\sqrt{{{inside}}}", rf"\sqrt{{{factor * factor * inside}}}")
    assert not same(rf"{factor}\sqrt{{{inside}}}", rf"\sqrt{{{factor * factor * inside + 1}}}")
