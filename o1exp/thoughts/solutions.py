"""The source's own solutions as training text: shortcut thoughts (Part 1's comparison), or the first phase's data without a rewrite."""

from dataclasses import dataclass
from typing import ClassVar

from o1exp.flow import Role, Stage, StageFailed, Work
from o1exp.records import Example, Problem, Table


@dataclass(frozen=True, kw_only=True)
class Solutions(Stage[Table[Example]]):
    """One Example for each problem that has a solution; the others are counted. Errors: StageFailed if none has one."""

    role: ClassVar[Role] = "copying"
    does: ClassVar[str] = "the source's own solutions as they are"

    problems: Stage[Table[Problem]]
    """Whose solutions are taken."""

    def make(self, work: Work) -> None:
        table = work.open(self.problems)
        rows = work.write(Example, (original(problem) for problem in table if problem.solution.strip()))
        work.note(problems=len(table), without_solution=len(table) - rows)
        if not rows:
            raise _none_solved(len(table))


def with_solution(problems: list[Problem]) -> list[Problem]:
    """The problems that have a solution. Errors: StageFailed if none has one."""
    solved = [problem for problem in problems if problem.solution.strip()]
    if not solved:
        raise _none_solved(len(problems))
    return solved


def _none_solved(problems: int) -> StageFailed:
    return StageFailed(
        f"none of the {problems} problems has a solution to learn from; choose a source with solutions "
        "(source.fields.solution=NAME names the field of a local file), or let a teacher write them (thought=distil)"
    )


def original(problem: Problem) -> Example:
    """The source's own solution as it stands."""
    return Example(problem=problem.id, prompt=problem.question, response=problem.solution.strip(), origin=problem.source or "source")
