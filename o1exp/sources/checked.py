"""Answers that people have checked, from a file: ChineseFactEval's, or rows of question, response and label."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from o1exp.flow import AtLeast, Expect, Role, Stage, Work, how
from o1exp.flow.content import differs, pinned
from o1exp.records import Problem, Table
from o1exp.records.checked import CheckedAnswer
from o1exp.records.fields import PROBLEM, Values, as_text, first_field
from o1exp.records.rows import json_rows
from o1exp.sources.facteval import ANSWERS, PROMPT, RIGHT, TEXT, shortest
from o1exp.sources.fields import content_id

RESPONSE, LABEL, GOLD = ("response", "output"), ("label", "verdict", "human", "factuality"), ("gold", "answer", "reference")


@dataclass(frozen=True, kw_only=True)
class Checked(Stage[Table[CheckedAnswer]]):
    """Every answer of the file that has a label.

    Of ChineseFactEval the shortest answer that people found right stands for the gold answer, and is not itself asked about: a judge that
    compares it with itself shows nothing. Facts: unlabelled (answers that people gave no verdict), gold (left out for that reason).
    An answer of rows is asked about also where it is the gold answer word for word.
    Errors: ValueError where no row has a question, a response and a label.
    """

    role: ClassVar[Role] = "source"
    does: ClassVar[str] = "answers that people have checked"
    version: ClassVar[int] = 2

    path: str = how("")
    """JSONL or JSON: GAIR's dataset_chinese.jsonl, or rows with question, response, label and, where there is one, gold."""
    sha256: str = ""
    """Of the file's content; "": that of `path`."""
    labels: dict[str, str] = field(default_factory=lambda: {"true": "correct", "false": "incorrect"})
    """What the file's labels are in the judge's words; one that is not named stays as it is, one that is "" counts as none."""
    limit: Annotated[int, AtLeast(1)] | None = None
    """Only the first so many answers."""
    problems: Stage[Table[Problem]] | None = None
    """Without a path: a right and a wrong answer to each of these, whose gold answers are whole numbers, so that no file is needed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", pinned(self.path, self.sha256))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.path and not Path(self.path).is_file():
            yield "path", f"{self.path} is no file (looked from {Path.cwd()}); give a file of answers that people have checked"

    def preflight(self) -> Iterator[str]:
        if not self.path and self.problems is None:
            yield "path is not given: set it to a file of answers that people have checked (question, response, label)"
        yield from differs(self.path, self.sha256)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        if self.path or self.problems is None:
            return Expect(rows=self.limit, remark="" if self.path else "no path given yet")
        rows = inputs["problems"].rows
        return Expect(rows=None if rows is None else 2 * rows)

    def make(self, work: Work) -> None:
        if not self.path and self.problems is not None:
            work.write(CheckedAnswer, (one for problem in work.open(self.problems) for one in _made(problem)))
            return
        found, unlabelled, gold = list[CheckedAnswer](), 0, 0
        for row in json_rows(Path(self.path)):
            of_set = ANSWERS in row.values
            try:
                answers = list(_of_set(row.values) if of_set else _of_row(row.values))
            except ValueError as wrong:
                raise ValueError(f"{self.path}: a field of {', '.join(map(str, row.values))} {wrong}; it has to be a text") from wrong
            for one in answers:
                label = self.labels.get(one.label, one.label)
                unlabelled += not label
                gold += bool(label) and of_set and one.response == one.gold
                if label and not (of_set and one.response == one.gold):
                    found.append(replace(one, label=label))
        if not found:
            raise ValueError(f"{self.path}: not one row has a question, a response and a label; name them so")
        work.write(CheckedAnswer, found[: self.limit])
        work.note(unlabelled=unlabelled, gold=gold)


def _of_set(row: Values) -> Iterator[CheckedAnswer]:
    """The seven answers of a question of ChineseFactEval."""
    answers: list[Any] = row[ANSWERS] or []
    question, gold = as_text(row.get(PROMPT, "")).strip(), shortest(answers, True)
    for one in answers:
        if isinstance(one, dict) and (text := as_text(one.get(TEXT, "")).strip()):
            said = one.get(RIGHT)
            yield _answer(question, text, str(said).lower() if isinstance(said, bool) else "", gold)


def _of_row(row: Values) -> Iterator[CheckedAnswer]:
    question, text, label, gold = (as_text(row.get(first_field(row, names), "")).strip() for names in (PROBLEM, RESPONSE, LABEL, GOLD))
    if question and text:
        yield _answer(question, text, label.lower(), gold)


def _answer(question: str, response: str, label: str, gold: str) -> CheckedAnswer:
    return CheckedAnswer(problem=content_id(question), question=question, response=response, label=label, gold=gold)


def _made(problem: Problem) -> Iterator[CheckedAnswer]:
    """A right answer to a sum, and one that is off by one."""
    for value in (int(problem.answer), int(problem.answer) + 1):
        label = "correct" if str(value) == problem.answer else "incorrect"
        yield CheckedAnswer(
            problem=problem.id, question=problem.question, response=f"It comes to {value}.", label=label, gold=problem.answer
        )
