"""Single solutions with labelled steps: Math-Shepherd, MR-GSM8K, ProcessBench."""

import re
from dataclasses import replace
from typing import Any

from o1exp.records.fields import Values, as_text, first_field
from o1exp.records.labelled.steps import Labelled, Reading, Step, texts

SHEPHERD_MARK = "ки"
"""Where Math-Shepherd asks for a label; + and - stand there in the labelled text."""
_SHEPHERD_STEP = re.compile(r"(?:^|(?<=\s))Step\s*1\s*:")
_LABEL = re.compile(r"\s*([+-])\s*(?:\n|$)")
_NUMBERED = re.compile(r"^\s*Step\s*\d+\s*:\s*", re.IGNORECASE)
_JUDGED = re.compile(r"final\s+judge?ment\s*:\s*(\w+)", re.IGNORECASE)
_FIRST_ERROR = re.compile(r"first\s+error\s+step\s*:\s*(?:step\s*)?(\d+|n/?a|none)", re.IGNORECASE)
_ANALYSIS = re.compile(r"error\s+(?:analysis|reason)\s*:\s*(.+)", re.IGNORECASE | re.DOTALL)


def is_shepherd(row: Values) -> bool:
    return isinstance(row.get("input"), str) and isinstance(row.get("label"), str) and bool(_SHEPHERD_STEP.search(row["label"]))


def read_shepherd(row: Values, place: int) -> Labelled:
    """Question and steps stand in one text; each step ends with + or -: whether any continuation of it came to the right answer."""
    text, missing = row["label"], list[str]()
    at = list(_SHEPHERD_STEP.finditer(text))[-1].start()
    question, draft = text[:at].strip(), Reading(missing=missing)
    steps: list[Step] = []
    for found in _LABEL.finditer(text, at):
        step = _NUMBERED.sub("", text[at : found.start()].strip())
        verdict: Any = "right" if found[1] == "+" else "wrong"
        steps.append(Step(text=step, verdict=verdict, writer="Math-Shepherd generator", judge="rollouts"))
        at = found.end()
    if rest := text[at:].strip():
        missing.append(f"the text after step {len(steps)} has no label: {rest[:60]!r}")
    if steps:
        steps[-1] = replace(steps[-1], ends=steps[-1].verdict == "right")
    marks = row["input"].count(SHEPHERD_MARK)
    if marks and marks != len(steps):
        missing.append(f"input marks {marks} steps, label has labels for {len(steps)}")
    draft.chain(steps)
    return Labelled(place=place, form="math_shepherd", question=question, steps=tuple(draft.steps), missing=tuple(missing))


def is_mr_gsm8k(row: Values) -> bool:
    return bool(first_field(row, ("output_steps", "model_output_steps")))


def read_mr_gsm8k(row: Values, place: int) -> Labelled:
    """Steps up to the first error are right, that one is wrong for a reason that a person wrote; nobody has judged those behind it."""
    steps = [_NUMBERED.sub("", text).strip() for text in texts(row[first_field(row, ("output_steps", "model_output_steps"))])]
    evaluation, missing = as_text(row.get("evaluation")), list[str]()
    wrong, first, reason = _mr_labels(row, evaluation)
    if wrong is None:
        missing.append("does not say whether the solution is right (evaluation, or model_output_solution_correctness)")
    elif wrong and not 1 <= first <= len(steps):
        missing.append(f"is wrong and names no first error step among its {len(steps)} steps")
        wrong = None
    elif wrong and not reason:
        missing.append(f"gives no reason for the error in step {first}")
    found = _first_error(steps, None if wrong is None else first - 1 if wrong else -1, reason, "MR-GSM8K solver")
    question = as_text(row.get("question"))
    answer = as_text(row.get("ground_truth_answer", row.get("answer")))
    solution = as_text(row.get("gt_cot", row.get("ground_truth_solution")))
    return Labelled(
        place=place, form="mr_gsm8k", question=question, answer=answer, solution=solution, steps=found, missing=tuple(missing)
    )  # fmt: skip


def _mr_labels(row: Values, evaluation: str) -> tuple[bool | None, int, str]:
    """Is the solution wrong (None: not said), its first wrong step from 1 (0: none), and why."""
    if "model_output_solution_correctness" in row:
        said, step = as_text(row["model_output_solution_correctness"]), as_text(row.get("model_output_solution_first_error_step"))
        reason = as_text(row.get("model_output_solution_first_error_reason"))
    else:
        judged, named, analysis = _JUDGED.search(evaluation), _FIRST_ERROR.search(evaluation), _ANALYSIS.search(evaluation)
        said, step = judged[1] if judged else "", named[1] if named else ""
        reason = analysis[1].strip() if analysis else ""
    number = re.search(r"\d+", step)
    first = int(number[0]) if number else 0
    word = said.lower()
    wrong = None if not word else word in ("wrong", "incorrect", "false", "no")
    return wrong, first, "" if reason.lower().rstrip(".") in ("n/a", "na", "none") else " ".join(reason.split())


def is_process_bench(row: Values) -> bool:
    return isinstance(row.get("steps"), list) and isinstance(row.get("label"), int) and not isinstance(row.get("label"), bool)


def read_process_bench(row: Values, place: int) -> Labelled:
    """`label` is the place of the first wrong step from 0, -1 for none."""
    steps, label, missing = texts(row["steps"]), row["label"], list[str]()
    if not -1 <= label < len(steps):
        missing.append(f"label {label} is none of its {len(steps)} steps (from 0; -1: no error)")
    generator = as_text(row.get("generator")) or "ProcessBench generator"
    found = list(_first_error(steps, label if -1 <= label < len(steps) else None, "", generator))
    correct = row.get("final_answer_correct")
    if found and isinstance(correct, bool):
        found[-1] = replace(found[-1], ends=correct)
    question = as_text(row.get("problem", row.get("question")))
    answer = as_text(row.get("answer"))
    return Labelled(place=place, form="process_bench", question=question, answer=answer, steps=tuple(found), missing=tuple(missing))


def _first_error(steps: list[str], error: int | None, reason: str, writer: str) -> tuple[Step, ...]:
    """A chain; `error` is the place of the first wrong step, -1 for none, None where nobody has judged."""
    draft = Reading()
    found = []
    for place, text in enumerate(steps):
        judged = error is not None and (error == -1 or place <= error)
        verdict: Any = "" if not judged else "wrong" if place == error else "right"
        why = reason if place == error else ""
        found.append(Step(text=text, verdict=verdict, reason=why, writer=writer, judge="annotator" if judged else ""))
    draft.chain(found)
    return tuple(draft.steps)
