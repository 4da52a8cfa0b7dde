"""ChineseFactEval: questions to which several models' answers were checked by people; asked as they are, or with a wrong answer beside."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from o1exp.flow import AtLeast, Expect, Role, Stage, Work, how
from o1exp.flow.content import differs, pinned
from o1exp.records import Problem, Table
from o1exp.records.fields import as_text
from o1exp.records.rows import Row, json_rows
from o1exp.sources.fields import content_id

PROMPT, ANSWERS, TEXT, RIGHT = "prompt", "responses_and_factuality", "response", "factuality"
_SENTENCE = re.compile(r"[。!?！？\n]")  # noqa: RUF001
_SHORT = 160
"""Letters of a misleading answer; a longer one is cut at the end of a sentence."""


@dataclass(frozen=True, kw_only=True)
class FactEval(Stage[Table[Problem]]):
    """The questions of ChineseFactEval. The set has no gold answers: the shortest answer that people found right stands for one.

    With `misleading`, the shortest answer that people found wrong stands behind the question (the sycophancy part of the paper, whose own
    prompts are not published); questions without one are left out. A question without a right answer has no gold; the judge then has to
    know. The row's weight is kept as `level`, its category as `subset`. Facts: unreadable, without_answer, without_wrong_answer.
    """

    role: ClassVar[Role] = "source"
    does: ClassVar[str] = "the questions of ChineseFactEval"

    name: str = "chinesefacteval"
    """What the data set is called."""
    path: str = how("")
    """GAIR's dataset_chinese.jsonl."""
    sha256: str = ""
    """Of the file's content; "": that of `path`."""
    misleading: str = ""
    """What stands behind each question, with {answer} for a wrong answer to it; "": the questions as they are."""
    limit: Annotated[int, AtLeast(1)] | None = None
    """Only the first so many."""
    expected_rows: int | None = how(None)
    """A hint for the plan while there is no path."""
    provider: str = how("")
    """Who the data are from, and under which `licence`, for the data card."""
    licence: str = how("")
    citation: str = how("")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", pinned(self.path, self.sha256))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.path and not Path(self.path).is_file():
            yield "path", f"{self.path} is no file (looked from {Path.cwd()}); give the path of dataset_chinese.jsonl"
        if self.misleading and "{answer}" not in self.misleading:
            yield "misleading", "has no {answer}; put it where the wrong answer belongs"

    def preflight(self) -> Iterator[str]:
        if not self.path:
            yield "path is not given: set it to GAIR's dataset_chinese.jsonl"
        yield from differs(self.path, self.sha256)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=self.limit or self.expected_rows, remark="" if self.path else "no path given yet")

    def make(self, work: Work) -> None:
        found, unreadable, passed = list[Problem](), 0, 0
        for row in json_rows(Path(self.path)):
            question = as_text(row.values.get(PROMPT, "")).strip()
            unreadable += not question
            problem = self._problem(row, question) if question else None
            passed += bool(question) and problem is None
            found += [problem] if problem else []
        kept = found[: self.limit]
        if not kept:
            raise ValueError(f"{self.path}: not one row could be read; it has to have {PROMPT} and {ANSWERS}")
        work.write(Problem, kept)
        work.note(unreadable=unreadable, without_answer=sum(not problem.answer for problem in kept), without_wrong_answer=passed)

    def _problem(self, row: Row, question: str) -> Problem | None:
        """None where there is no wrong answer to mislead with."""
        answers = row.values.get(ANSWERS) or []
        right, wrong = shortest(answers, True), shortest(answers, False)
        asked = question
        if self.misleading:
            if not wrong:
                return None
            asked = f"{question}\n{self.misleading.replace('{answer}', _cut(wrong))}"
        return Problem(
            id=content_id(asked), question=asked, answer=right, source=self.name, revision=self.sha256, row=row.place,
            subset=as_text(row.values.get("category", "")), level=as_text(row.values.get("weight", "")),
        )  # fmt: skip


def shortest(answers: list[Any], right: bool) -> str:
    """The shortest of a row's answers that people found right, or wrong; "" where there is none."""
    texts = [as_text(one.get(TEXT, "")).strip() for one in answers if isinstance(one, dict) and one.get(RIGHT) is right]
    return min(filter(None, texts), key=lambda text: (len(text), text), default="")


def _cut(text: str) -> str:
    """A text of about so many letters, whole sentences as far as they fit."""
    if len(text) <= _SHORT:
        return " ".join(text.split())
    ends = [found.end() for found in _SENTENCE.finditer(text, 0, _SHORT)]
    return " ".join(text[: ends[-1] if ends else _SHORT].split())
