"""The quick look by columns misses nothing that the exact rules find, and quick answers about numbers are the exact ones."""

import re
from pathlib import Path
from random import Random

import polars
import pytest

from o1exp.answers.read import read
from o1exp.curate import marks, numbers
from o1exp.curate.criteria import Criteria
from o1exp.curate.superset import superset
from o1exp.curate.verdicts import ROWS
from o1exp.records import Problem
from tests.curate.sets import problems
from tests.curate.test_marks import ASKED, PICTURED, PLAIN, PROVED

QUESTIONS = [*PICTURED, *PLAIN, *PROVED, *ASKED, "(A) 1 (B) 2 (C) 3", "选 A. 1 B. 2 C. 3", "A、1 B、2 C、3"]
ANSWERS = [
    "5", "", "B", "(C)", r"\textbf{(B)}\ 37", "option c", "2, 3", "notfound", "证明略", "Q. E. D.", "x=5", r"6\sqrt{2}", "1,234", "-",
    "\uff12", "N / A", r"\text{Answer not found}", r"\blacksquare", "$ $", "See solution", "略",
]  # fmt: skip


def missed(rule: str, rows: list[Problem]) -> list[str]:
    """Questions and answers that the rule drops and the look by columns would not have asked about."""
    maybe = ROWS[rule].maybe
    assert maybe is not None
    frame = polars.DataFrame({"question": [row.question for row in rows], "answer": [row.answer for row in rows]})
    shown = frame.select(maybe(Criteria())).to_series().to_list()
    return [f"{row.question} / {row.answer}" for row, seen in zip(rows, shown, strict=True) if not seen and ROWS[rule].ask(row, Criteria())]


@pytest.mark.parametrize("rule", [name for name, rule in ROWS.items() if rule.maybe])
def test_nothing_is_missed(rule: str, shared_data: Path) -> None:
    rows = [Problem(id="", question=question, answer="5") for question in QUESTIONS]
    rows += [Problem(id="", question="What is it?", answer=answer) for answer in ANSWERS]
    rows += [row for named in problems(shared_data).values() for row in named.values()]
    assert missed(rule, rows) == []


def test_numbers_at_first_sight_are_numbers() -> None:
    luck = Random(0)
    parts = ["1", "23", "4.5", r"\sqrt{2}", r"\pi", "+", "-", " ", r"\frac{", "}", "{", "3", "0", ",", "$", "n", "x", "^", "(", ")"]
    made = {"".join(luck.choices(parts, k=luck.randint(1, 7))) for _ in range(20_000)}
    sure = re.compile(f"(?:{numbers.INTEGER}|{numbers.CONSTANT})", re.ASCII)
    some = [text for text in made if sure.fullmatch(text)]
    assert len(some) > 200
    assert [text for text in some if numbers.number_kind(text) is None or not read(text)] == []


def test_a_superset_has_no_lookaround_and_finds_as_much() -> None:
    found = superset(r"(?<!\\)(?<=[(\]])a++(?!b(?:c|[)]))d")
    assert found == "(?i)(?:)(?:)a+(?:)d"
    for pattern in (marks.SAID, marks.BESIDE, marks.EMBEDDED, marks.PROVE):
        looser = re.compile(superset(pattern.pattern))
        assert all(looser.search(text) for text in QUESTIONS if pattern.search(text))
