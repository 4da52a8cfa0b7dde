"""Options beside a question belong behind it."""

import json
from pathlib import Path
from typing import Any

import pytest

from o1exp.sources.local import Local

LISTED = "Which is even?\n(A) three\n(B) four\n(C) five"

ARC = [{"label": label, "text": text} for label, text in zip("ABC", ("three", "four", "five"), strict=True)]


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"choices": ["three", "four", "five"], "answer": 1}, LISTED, "B"),
        ({"options": ["three", "four", "five"], "answer": "B"}, LISTED, "B"),
        ({"choices": {"text": ["three", "four", "five"], "label": ["A", "B", "C"]}, "answerKey": "B"}, LISTED, "B"),
        ({"choices": [{"label": x, "text": t} for x, t in zip("ABC", ("three", "four", "five"), strict=True)], "answer": "B"}, LISTED, "B"),
        ({"options": {"A": "three", "B": "four", "C": "five"}, "answer": "four"}, LISTED, "four"),
        ({"A": "three", "B": "four", "C": "five", "answer": "B"}, LISTED, "B"),
        ({"options": ["A)3", "B)4", "C)5"], "correct": "B"}, "Which is even?\nA)3\nB)4\nC)5", "B"),
        ({"options": "a ) 3 , b ) 4 , c ) 5", "correct": "b"}, "Which is even?\n(a) 3\n(b) 4\n(c) 5", "b"),
        ({"choices": [3, 4, 5], "answer": 4}, "Which is even?\n(A) 3\n(B) 4\n(C) 5", "4"),
        ({"choices": [1, 2, 3], "answer": 2}, "Which is even?\n(A) 1\n(B) 2\n(C) 3", "2"),
        ({"choices": [{"message": {"role": "assistant", "content": r"\boxed{4}"}, "finish_reason": "stop"}]}, "Which is even?", "4"),
        ({"choices": None, "answer": "4"}, "Which is even?", "4"),
        ({"choices": "['three', 'four', 'five']", "answer": "B"}, LISTED, "B"),
        ({"choices": "['three' 'four'\n 'five']", "answer": "B"}, LISTED, "B"),
        ({"choices": '["three", "four", "five"]', "answer": "B"}, LISTED, "B"),
        ({"choices": "{'text': ['three', 'four', 'five'], 'label': ['A', 'B', 'C']}", "answer": "B"}, LISTED, "B"),
        (
            {
                "choices": "{'text': array(['three', 'four',\n 'five'], dtype=object), 'label': array(['A', 'B', 'C'], dtype=object)}",
                "answer": "B",
            },
            LISTED,
            "B",
        ),
        ({"question": {"stem": "Which is even?", "choices": ARC}, "answerKey": "B"}, LISTED, "B"),
        ({"question": json.dumps({"stem": "Which is even?", "choices": ARC}), "answerKey": "B"}, LISTED, "B"),
    ],
)
def test_a_question_is_read_with_its_options(tmp_path: Path, row: dict[str, Any], question: str, answer: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"question": "Which is even?", **row}]))
    problem = Local(path=str(tmp_path / "a.json")).peek(1)[0]
    assert (problem.question, problem.answer) == (question, answer)


def test_options_that_the_question_lists_stand_there_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"question": LISTED, "choices": ["three", "four", "five"], "answer": 1}]))
    assert Local(path=str(tmp_path / "a.json")).peek(1)[0].question == LISTED
