"""From a row with anybody's column names to a Problem."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from o1exp.records import Problem
from o1exp.records.fields import MISSING, PROBLEM, Values, as_text, assistant_text, field, first_field, is_chat, user_text
from o1exp.records.rows import Row
from o1exp.sources.gold import gold_answer, solved_answer, written_answer
from o1exp.sources.options import options

USUAL = {
    "problem": PROBLEM,
    "answer": (
        "answer", "final_answer", "expected_answer", "gold_answer", "gt", "gold", "ground_truth", "target", "gtruth_answer",
        "correct_answer", "reference_answer", "answerKey", "correct", "reward_model.ground_truth",
    ),
    "solution": ("solution", "gt_cot", "cot", "rationale", "response", "output", "completion", "choices.0.message.content"),
    "id": ("id", "unique_id", "idx", "problem_id", "uuid"),
    "subset": (), "level": (),
}  # fmt: skip


@dataclass(frozen=True)
class ProblemFields:
    """Which column holds what, or which path into one; "" where the file has no such column."""

    problem: str
    answer: str
    solution: str
    id: str
    subset: str = ""
    level: str = ""

    def of(self, values: Values, given: Mapping[str, str]) -> "ProblemFields":
        """The same for a row that has other columns than the rows before it; a column that was given stays."""
        return ProblemFields(**{
            role: name if given.get(role) or (name and field(values, name) is not MISSING) else first_field(values, USUAL[role]) or name
            for role, name in asdict(self).items()
        })  # fmt: skip


def find_fields(rows: Sequence[Values], given: Mapping[str, str], gold: bool = True) -> ProblemFields:
    """The columns as given, else the usual names; without `gold` none of answers. Errors: ValueError with the columns there are."""
    columns = {name: value for row in reversed(rows) for name, value in row.items()}
    names = ", ".join(sorted(map(str, columns))) or "none"
    for role, column in given.items():
        if column and all(field(row, column) is MISSING for row in rows):
            raise ValueError(f"fields.{role}={column}: there is no such column; the file has {names}")
    found = {role: given.get(role) or first_field(columns, usual) for role, usual in USUAL.items()}
    if not found["problem"]:
        raise ValueError(f"no column with the problem found among {names}; set fields.problem=COLUMN")
    if not gold:
        return ProblemFields(**{**found, "answer": "", "solution": ""})
    if not found["answer"] and not found["solution"] and any(is_chat(field(row, found["problem"])) for row in rows):
        found["solution"] = found["problem"]  # the chat goes on with the model's answer
    if not found["answer"] and not found["solution"]:
        raise ValueError(f"no column with the answer found among {names}; set fields.answer=COLUMN")
    return ProblemFields(**found)


@dataclass(frozen=True)
class Origin:
    """Where rows come from: the set's name, its sha256 or commit, and the `file` that errors name. Without `gold` it has no answers."""

    name: str
    revision: str
    file: str
    gold: bool = True


def to_problem(row: Row, fields: ProblemFields, origin: Origin) -> Problem:
    """The row as a Problem. Errors: ValueError with the reason it cannot be one."""
    if row.reason:
        raise ValueError(row.reason)
    question = _read("problem", fields.problem, row.values)
    if not question:
        raise ValueError(f"column {fields.problem} is empty")
    answer, solution = _read("answer", fields.answer, row.values), _read("solution", fields.solution, row.values)
    if listed := options(row.values):
        question, answer = listed.behind(question), listed.label(field(row.values, fields.answer)) or answer
    if answer:
        whole = answer
        try:
            answer = gold_answer(whole)
        except ValueError as wrong:
            raise ValueError(f"column {fields.answer} {wrong}") from None
        if len(whole) > len(answer) + _AROUND:
            solution = solution or whole
    return Problem(
        id=_plain(row.values, fields.id) or content_id(question), question=question, answer=answer or solved_answer(solution),
        solution=solution, source=origin.name, revision=origin.revision, row=row.place, subset=_plain(row.values, fields.subset),
        level=_plain(row.values, fields.level),
    )  # fmt: skip


_AROUND = 16
"""Letters of a box and dollar signs around an answer; with more a solution stands there."""


def _read(role: str, column: str, values: Values) -> str:
    value = field(values, column) if column else None
    try:
        if role == "problem":
            return user_text(value)
        if role == "answer":
            return assistant_text(value) if is_chat(value) else written_answer(value)
        if isinstance(value, list) and not is_chat(value):
            return "\n\n".join(filter(None, map(as_text, value)))  # several solutions
        return assistant_text(value)
    except ValueError as wrong:
        inside = f"; name one of its fields, e.g. fields.{role}={column}.{next(iter(value))}" if isinstance(value, dict) and value else ""
        raise ValueError(f"column {column} {wrong}{inside}") from None


def _plain(values: Values, column: str) -> str:
    try:
        return as_text(field(values, column)) if column else ""
    except ValueError:
        return ""


def content_id(question: str) -> str:
    """An id made of the text, so that the same problem has the same id wherever it stands."""
    return hashlib.sha256(re.sub(r"\s+", " ", question).strip().encode()).hexdigest()[:16]
