"""From a row with anybody's column names to a Problem."""

import hashlib
import re
from dataclasses import dataclass

from o1exp.answers.extract import last_box
from o1exp.records import Problem
from o1exp.records.fields import PROBLEM, as_text, user_text
from o1exp.records.rows import Row

USUAL = {
    "problem": PROBLEM,
    "answer": ("answer", "final_answer", "expected_answer", "gold_answer", "gt", "gold", "ground_truth", "target", "gtruth_answer"),
    "solution": ("solution", "gt_cot", "cot", "rationale", "response", "output"),
    "id": ("id", "unique_id", "idx", "problem_id", "uuid"),
}


@dataclass(frozen=True)
class ProblemFields:
    """Which column holds what; "" where the file has no such column."""

    problem: str
    answer: str
    solution: str
    id: str


def find_fields(columns: set[str], given: dict[str, str]) -> ProblemFields:
    """The columns as given, else the usual names. Errors: ValueError with the columns there are."""
    for role, column in given.items():
        if column and column not in columns:
            raise ValueError(f"fields.{role}={column}: there is no such column; the file has {', '.join(sorted(columns))}")
    found = {role: given.get(role) or next((name for name in names if name in columns), "") for role, names in USUAL.items()}
    if not found["problem"]:
        raise ValueError(f"no column with the problem found among {', '.join(sorted(columns))}; set fields.problem=COLUMN")
    if not found["answer"] and not found["solution"]:
        raise ValueError(f"no column with the answer found among {', '.join(sorted(columns))}; set fields.answer=COLUMN")
    return ProblemFields(found["problem"], found["answer"], found["solution"], found["id"])


def to_problem(row: Row, fields: ProblemFields, source: str) -> Problem:
    """The row as a Problem. Errors: ValueError with the reason it cannot be one."""
    if row.reason:
        raise ValueError(row.reason)
    question = user_text(row.values.get(fields.problem))
    if not question:
        raise ValueError(f"column {fields.problem} is empty")
    solution = as_text(row.values.get(fields.solution)) if fields.solution else ""
    answer = as_text(row.values.get(fields.answer)) if fields.answer else ""
    if "####" in answer:  # GSM8K keeps the worked solution and the answer in one column
        solution = solution or answer
        answer = answer.rsplit("####", 1)[1].strip()
    answer = last_box(answer) or answer or last_box(solution)
    name = as_text(row.values.get(fields.id)) if fields.id else ""
    return Problem(id=name or content_id(question), question=question, answer=answer, solution=solution, source=source)


def content_id(question: str) -> str:
    """An id made of the text, so that the same problem has the same id wherever it stands."""
    return hashlib.sha256(re.sub(r"\s+", " ", question).strip().encode()).hexdigest()[:16]
