"""Right solutions out of steps that people labelled: the data of Part 1's first stage (PRM800K's single right solutions)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from o1exp.answers.grade import grade
from o1exp.flow import AtLeast, Expect, Role, Stage, StageFailed, Work, how
from o1exp.flow.content import differs, pinned
from o1exp.records import Example, Table
from o1exp.records.labelled import Labelled, labelled
from o1exp.records.question import same_question


@dataclass(frozen=True, kw_only=True)
class RightSolutions(Stage[Table[Example]]):
    """One Example for each question of the file that has a way of steps to the right answer, none of them labelled as wrong.

    Of several ways the first one is taken. Facts: rows_read, without_way (rows whose steps reach no right answer without a wrong step),
    again (rows whose question was there before). Errors: StageFailed if no row has such a way.
    """

    role: ClassVar[Role] = "copying"
    does: ClassVar[str] = "right solutions out of steps that people labelled"

    path: str = how("")
    """PRM800K's rows, or another form of labelled steps with a gold answer (docs/human.md)."""
    sha256: str = ""
    """Of the file's content; "": that of `path`."""
    limit: Annotated[int, AtLeast(1)] | None = None
    """The most examples."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", pinned(self.path, self.sha256))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.path and not Path(self.path).is_file():
            yield "path", f"{self.path} is no file (looked from {Path.cwd()}); give a file of labelled steps, e.g. PRM800K's"

    def preflight(self) -> Iterator[str]:
        if not self.path:
            yield "path is not given: set it to a file of labelled steps, e.g. reformat.path=prm800k/phase2_train.jsonl"
        yield from differs(self.path, self.sha256)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=self.limit, remark="" if self.path else "no path given yet")

    def make(self, work: Work) -> None:
        found, read, without, again = dict[str, Example](), 0, 0, 0
        for row in labelled(Path(self.path)):
            if self.limit is not None and len(found) == self.limit:
                break
            read, text, question = read + 1, right_way(row), same_question(row.question)
            without += not text
            again += bool(text) and question in found
            if text and question not in found:
                found[question] = Example(problem=str(row.place), prompt=row.question, response=text, origin=row.form)
        if not found:
            raise StageFailed(f"no row of {self.path} has a way of right steps to its answer; give PRM800K's rows, which have labels")
        work.write(Example, found.values())
        work.note(rows_read=read, without_way=without, again=again)


def right_way(row: Labelled) -> str:
    """The first way from the question to the right answer on which no step is labelled as wrong; "" where there is none."""
    for leaf in row.leaves:
        steps = [row.steps[at] for at in row.path(leaf)]
        text = "\n".join(step.text for step in steps)
        if all(step.verdict in ("right", "neutral") for step in steps) and grade(row.answer, text).correct:
            return text
    return ""
