"""Multiple choice becomes an open question where the question stands without its options."""

import json
from pathlib import Path

import pytest

from o1exp.curate.rules import Rules
from o1exp.curate.strip import stripped
from o1exp.flow import Store
from o1exp.records import Problem
from o1exp.sources.local import Local
from tests.chat.parts import quiet_store

OPTIONS = "$\\textbf{(A)}\\ 1\\qquad\\textbf{(B)}\\ \\frac{5}{2}\\qquad\\textbf{(C)}\\ 10$"
OPEN = [
    (f"What is it? {OPTIONS}", "B", "What is it?", r"\frac{5}{2}"),
    (f"Then $x$ equals: {OPTIONS}", r"\textbf{(C)}\ 10", "Then $x$ equals:", "10"),
    ("Convert $110101_2$.\nA) 45\nB) 53\nC) 48", "B", "Convert $110101_2$.", "53"),
    ("Find the area.\n- **(A)** 2 - \n- **(B)** 4 - \n- **(C)** 6", "4", "Find the area.", "4"),
]
CLOSED = [
    ("Which of the following is odd? (A) 2 (B) 3 (C) 4", "B"),
    ("What is it? (A) 2 (B) 3 (C) none of these", "C"),
    ("What is 1+1?", "2"),
    ("What is it? (A) 2 (B) 3 (C) 4", "E"),
]


@pytest.mark.parametrize(("question", "answer", "stem", "value"), OPEN)
def test_the_options_go_and_the_letter_becomes_its_value(question: str, answer: str, stem: str, value: str) -> None:
    found = stripped(Problem(id="a", question=question, answer=answer, solution=f"So it is \\boxed{{{answer}}}."))
    assert found is not None
    assert (found.id, found.question, found.answer, found.solution) == ("a", stem, value, f"So it is \\boxed{{{value}}}.")


@pytest.mark.parametrize(("question", "answer"), CLOSED)
def test_a_question_that_leans_on_its_options_stays(question: str, answer: str) -> None:
    assert stripped(Problem(id="a", question=question, answer=answer)) is None


def test_the_filter_strips_before_it_asks_its_rules(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"problem": row[0], "answer": row[1]} for row in (*OPEN, *CLOSED)]))
    store, said = quiet_store(tmp_path)
    rules = Rules(problems=Local(path=str(path)), choice="strip")
    kept = list(store.get(rules))
    assert [problem.question for problem in kept] == [*(row[2] for row in OPEN), "What is 1+1?"]
    assert [problem.answer for problem in rules.peek(8)] == [problem.answer for problem in kept]
    assert "options were stripped off 4 problems" in said.getvalue()
    whole = Rules(problems=Local(path=str(path)), choice="keep", not_numerical=False)
    assert [problem.question for problem in Store(tmp_path).get(whole)] == [row[0] for row in (*OPEN, *CLOSED)]
