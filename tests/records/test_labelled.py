import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from o1exp.records.labelled import Labelled, labelled
from o1exp.records.labelled.steps import ROOT

ALOUD = """
problem: What is 3 x 17,
  in tens?
answer: 51
by: Anna

Three times seventeen. I split 17 into 10 and 7.

[trial] 3 x 10 is 30 and 3 x 7 is 24.

So it is 54.

[reflection] 54 is divisible by 17? No, 3 x 17 must be. I took 3 x 8.

[correction] 3 x 7 is 21, so it is 51. The answer is 51.
---
# Question: 2 + 2
Answer: 4

It is 5.

[correction] No, it is \\boxed{4}.
---
no head here
"""


def verdicts(row: Labelled) -> dict[str, int]:
    return dict(Counter(step.verdict for step in row.steps))


def written(folder: Path, *rows: Any, name: str = "rows.jsonl") -> list[Labelled]:
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return list(labelled(path))


def prm(*stages: dict[str, Any], **question: Any) -> dict[str, Any]:
    return {"question": {"problem": "q", "ground_truth_answer": "1", **question}, "label": {"steps": list(stages)}}


def stage(*rated: tuple[str, Any], chosen: int | None = None, human: str = "") -> dict[str, Any]:
    completions = [{"text": text, "rating": rating} for text, rating in rated]
    return {"completions": completions, "chosen_completion": chosen, "human_completion": {"text": human} if human else None}


def test_the_shared_files_of_labelled_steps(shared_data: Path) -> None:
    """Rows, steps and ends of each file as counted by hand in its JSON."""
    found = {path.name: list(labelled(path)) for path in sorted((shared_data / "steps").iterdir())}
    assert {name: [len(row.steps) for row in rows] for name, rows in found.items()} == {
        "math_aps_tree.jsonl": [142, 89, 23], "math_shepherd.jsonl": [5, 3, 2, 5, 5, 2, 3], "mr_gsm8k_demos.json": [3, 8, 5, 4, 8],
        "prm800k.jsonl": [15, 16, 11, 13, 14, 12], "prm800k_phase1_train.json": [15, 124, 29], "prm800k_phase2_test.json": [16],
    }  # fmt: skip
    assert [row.place for row in found["prm800k_phase1_train.json"]] == [1, 129, 946], "several pretty-printed objects in a row: lines"
    first = found["prm800k.jsonl"][0]
    assert (first.answer, verdicts(first)) == ("29", {"right": 9, "wrong": 5, "neutral": 1})
    own = next(step for step in first.steps if step.writer == "labeller")
    assert (own.text, own.chosen, own.verdict) == ("We have $3p+e=1.24$ and $5p+e=1.82$.", True, "right")
    chosen = [first.steps[place].text for place in first.path(first.leaves[-1])]
    assert len(chosen) == 6
    assert chosen[1] == own.text
    phase2 = found["prm800k_phase2_test.json"][0]
    assert verdicts(phase2) == {"right": 8, "neutral": 1, "wrong": 1, "": 6}, "nobody judged what the model wrote behind its error"
    longest = max((phase2.path(leaf) for leaf in phase2.leaves), key=len)
    assert (len(longest), phase2.steps[longest[-1]].text) == (13, "# Answer\n\n7200")
    assert [phase2.steps[place].verdict for place in longest[5:8]] == ["right", "wrong", ""]
    gave_up, unlabelled = found["prm800k.jsonl"][4], found["prm800k_phase1_train.json"][1]
    assert gave_up.missing == ("step 9 has no completion",)
    assert unlabelled.missing[0] == "step 30, completion 0 has no rating"
    assert found["prm800k.jsonl"][5].missing == ("has no gold answer",)
    tree = found["math_aps_tree.jsonl"][0]
    assert (tree.answer, tree.steps[0].value, verdicts(tree)) == ("3", 1.0, {"right": 140, "wrong": 2})
    lessons = found["math_shepherd.jsonl"][0]
    assert lessons.question.endswith("than clarinet lessons in a year?")
    assert [step.verdict for step in lessons.steps] == ["right"] * 4 + ["wrong"]
    assert lessons.steps[-1].text.endswith("The answer is: 13520")
    assert lessons.steps[-1].ends is False
    farmer = found["mr_gsm8k_demos.json"][1]
    assert (farmer.answer, [step.verdict for step in farmer.steps[:2]]) == ("5", ["wrong", ""])
    assert farmer.steps[0].reason.startswith("The student fails to understand the question")
    assert farmer.steps[7].text == "#### 10"


def test_what_a_labelled_solution_lacks_is_said(tmp_path: Path) -> None:
    rows = written(
        tmp_path,
        prm(stage(("a", 1), ("b", 7), ("", 1)), stage(("c", 1), chosen=3)),
        prm(problem=""),
        {"anything": 1},
        prm(stage(("a", 1), chosen=0), pre_generated_steps=["other"]),
    )
    assert rows[0].missing == (
        "step 1, completion 1 has the rating 7, which is none of -1, 0 and 1", "step 1, completion 2 has no text",
        "step 1 has no chosen completion, so the next one goes on from the best rated", "step 2 chooses completion 3 of 1",
    )  # fmt: skip
    assert [(step.text, step.parent) for step in rows[0].steps] == [("a", ROOT), ("b", ROOT), ("c", 0)]
    assert rows[1].missing == ("has no steps", "has no question")
    assert rows[2].missing[0].startswith("has the fields anything, which is none of the forms prm800k, math_aps")
    assert rows[3].missing == ("the labelled steps are not those of pre_generated_steps",)
    assert [row.place for row in rows] == [1, 2, 3, 4]


def test_first_errors_of_mr_gsm8k_and_process_bench(tmp_path: Path) -> None:
    solution = {"question": "q", "ground_truth_answer": "3", "model_output_steps": ["Step 1: a", "Step 2: b", "Step 3: c"]}
    wrong = {"model_output_solution_correctness": "wrong", "model_output_solution_first_error_step": 2}
    bench = {"problem": "q", "generator": "g", "steps": ["a", "b"], "final_answer_correct": False}
    rows = written(
        tmp_path,
        {**solution, **wrong, "model_output_solution_first_error_reason": "b is no c"},
        {**solution, "model_output_solution_correctness": "correct", "model_output_solution_first_error_step": "N/A"},
        {**solution, **wrong, "model_output_solution_first_error_step": 9},
        {**bench, "label": 1}, {**bench, "label": -1, "final_answer_correct": True}, {**bench, "label": 2},
    )  # fmt: skip
    assert [[(step.text, step.verdict) for step in row.steps] for row in rows[:2]] == [
        [("a", "right"), ("b", "wrong"), ("c", "")], [("a", "right"), ("b", "right"), ("c", "right")]
    ]  # fmt: skip
    assert rows[0].steps[1].reason == "b is no c"
    assert rows[2].missing == ("is wrong and names no first error step among its 3 steps",)
    assert [[step.verdict for step in row.steps] for row in rows[3:]] == [["right", "wrong"], ["right", "right"], ["", ""]]
    assert [row.steps[-1].ends for row in rows[3:5]] == [False, True]
    assert rows[5].missing == ("label 2 is none of its 2 steps (from 0; -1: no error)",)


def test_a_thought_written_down_becomes_a_tree_with_its_trial_as_a_branch(tmp_path: Path) -> None:
    path = tmp_path / "thoughts.txt"
    path.write_text(ALOUD)
    first, second, third = labelled(path)
    assert (first.place, first.question, first.answer) == (2, "What is 3 x 17,\nin tens?", "51")
    assert [(step.verdict, step.parent, step.action, step.chosen) for step in first.steps] == [
        ("right", ROOT, "continue", True), ("wrong", 0, "continue", False), ("wrong", 1, "continue", False),
        ("wrong", 2, "backtrack", False), ("right", 0, "continue", True),
    ]  # fmt: skip
    assert first.steps[2].reason == first.steps[3].text
    assert {step.writer for step in first.steps} == {"Anna"}
    assert (second.question, second.answer, second.missing) == ("2 + 2", "4", ())
    assert [(step.text, step.verdict, step.parent) for step in second.steps] == [
        ("It is 5.", "wrong", ROOT), ("No, it is \\boxed{4}.", "right", ROOT)
    ]  # fmt: skip
    assert third.missing == ("has no line 'problem: ...' at its beginning",)


@pytest.mark.parametrize(("thought", "lacks"), [
    ("A.\n\n[trial] B.\n\nC.", ("the trial in paragraph 2 is never corrected",)),
    ("[reflection] A.", ("the reflection in paragraph 1 has nothing before it",)),
    ("[correction] A.", ("the correction in paragraph 1 has nothing before it",)),
    ("", ("has no thought",)),
    ([{"kind": "guess", "text": "A"}, {"kind": "step", "text": ""}],
     ("paragraph 1 has the mark 'guess', which is none of step, trial, reflection, correction; it is taken as a step",
      "paragraph 2 has no text")),
    ("[1] is a citation.\n\n[trial]B", ("the trial in paragraph 2 is never corrected",)),
])  # fmt: skip
def test_what_a_thought_lacks_is_said(tmp_path: Path, thought: Any, lacks: tuple[str, ...]) -> None:
    (row,) = written(tmp_path, {"problem": "q", "answer": "1", "thought": thought})
    assert row.missing == lacks
    if isinstance(thought, str) and thought.startswith("[1]"):
        assert row.steps[0].text == "[1] is a citation."
