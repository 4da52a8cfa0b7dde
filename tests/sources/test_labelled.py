import json
from pathlib import Path

import pytest

from o1exp.records import Problem
from o1exp.sources.local import Local
from tests.thoughts.parts import store


def read(root: Path, path: Path, **fields: str) -> list[Problem]:
    return list(store(root).get(Local(path=str(path), fields={"problem": "", "answer": "", "solution": "", "id": "", **fields})))


@pytest.mark.parametrize(("name", "answers", "solved"), [
    ("prm800k.jsonl", ["29", "28800", "468", "9", "1+2\\sqrt{3}", ""], 1),
    ("prm800k_phase1_train.json", ["29", "440", "40_9"], 0),
    ("math_aps_tree.jsonl", ["3", "64", "\\frac{11}{36}"], 0),
    ("mr_gsm8k_demos.json", ["14", "5", "230", "2", "8"], 5),
    ("math_shepherd.jsonl", [""] * 7, 0),
])  # fmt: skip
def test_problems_of_files_with_labelled_steps(tmp_path: Path, shared_data: Path, name: str, answers: list[str], solved: int) -> None:
    problems = read(tmp_path, shared_data / "steps" / name)
    assert [problem.answer for problem in problems] == answers
    assert sum(bool(problem.solution) for problem in problems) == solved
    assert all(len(problem.question) > 20 for problem in problems)


def test_the_answer_of_a_solution_that_is_labelled_right_is_the_gold_answer(tmp_path: Path) -> None:
    path = tmp_path / "shepherd.jsonl"
    text = "What is 1 + 2? Step 1: 1 + 2 = 3. {0}\nStep 2: The answer is: 3 {0}"
    path.write_text("".join(json.dumps({"input": text.format("ки"), "label": text.format(mark)}) + "\n" for mark in "+-"))
    assert [(problem.question, problem.answer) for problem in read(tmp_path, path)] == [("What is 1 + 2?", "3"), ("What is 1 + 2?", "")]


def test_rows_with_a_thought_or_labels_of_another_kind_are_read_by_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"id": "a", "input": "Which?", "label": "7", "thought": "hm"}) + "\n")
    (problem,) = read(tmp_path, path, answer="label")
    assert (problem.id, problem.question, problem.answer) == ("a", "Which?", "7")
    path.write_text(json.dumps({"id": "a", "question": "Which?", "answer": "7", "solution": "So 7.", "thought": "hm"}) + "\n")
    (problem,) = read(tmp_path, path)
    assert (problem.id, problem.answer, problem.solution) == ("a", "7", "So 7.")


def test_problems_of_a_text_file_of_thoughts(tmp_path: Path) -> None:
    path = tmp_path / "thoughts.txt"
    path.write_text("problem: 1 + 1?\nanswer: 2\n\nIt is 2.\n---\nno head\n")
    (problem,) = read(tmp_path, path)
    assert (problem.question, problem.answer, problem.row) == ("1 + 1?", "2", 1)
