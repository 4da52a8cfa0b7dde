"""What all searches for long thoughts have in common: problems in, one tree of steps for each of them out (Part 1, section 3)."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from o1exp.chat.request import likely_tokens
from o1exp.chat.spent import Spends
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Expect, Role, Stage, StageFailed, Work, how
from o1exp.records import Node, Problem, Table
from o1exp.thoughts.asking import Asking, Exploring
from o1exp.thoughts.beyond import beyond
from o1exp.thoughts.prompts import Show

LIKELY_PATH = 400
"""Tokens of a problem with the steps so far that nobody has counted."""


@dataclass(frozen=True, kw_only=True)
class Search(Spends, Stage[Table[Node]]):
    """Grows one tree of steps for each problem. A way of searching is a subclass that says how one tree grows.

    Requests are named in the cache by what they show, which is the path of steps, and by their draw: a wider or deeper search pays only
    for the steps that are new. What failed for good, or is empty or cut off, gives no step.
    Facts: `problems`, `right` and `problems_right` (those with a right end, each once), `ends`, `nodes`, what was asked, and `shown`,
    how often the gold answer stood in a request.
    """

    role: ClassVar[Role] = "search"
    long_thoughts: ClassVar[bool] = True

    problems: Stage[Table[Problem]]
    """What is searched for."""
    teacher: Teacher
    """Who writes the steps."""
    show: Show = "nothing"
    """What the writer of the steps sees of the gold: nothing, the answer, or the source's solution; each such request is counted."""
    budget: Budget = how(Budget())
    """The stop on money."""

    @property
    def teachers(self) -> Sequence[Teacher]:
        """All models that are asked."""
        return (self.teacher,)

    @abstractmethod
    def explore(self, problem: Problem) -> Exploring[Sequence[Node]]:
        """Grows the tree of one problem: gives what it asks, takes the answers, returns the steps, each parent before its children."""

    @contextmanager
    def ready(self, work: Work) -> Iterator["Search"]:
        """The search as it is asked, with what it needs beside models that are asked."""
        yield self

    def likely_requests(self) -> float:
        """Requests for one problem, for the plan."""
        return 1.0

    def mistakes(self) -> Iterator[tuple[str, str]]:
        for teacher in self.teachers:
            if why := self.budget.unguarded(teacher):
                yield "budget", why
                return

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["problems"].rows
        if rows is None:
            return Expect(uncounted=True, remark="as many trees as there will be problems")
        found = self.teacher.expect(rows * self.likely_requests(), LIKELY_PATH + likely_tokens("x" * 600))
        return replace(found, rows=rows * self.likely_requests(), remark=f"about {self.likely_requests():,.0f} requests a problem")

    def preflight(self) -> Iterator[str]:
        yield from dict.fromkeys(why for teacher in self.teachers for why in teacher.obstacles())
        teachers = {teacher.model: teacher for teacher in self.teachers}
        yield from dict.fromkeys(why for one in teachers.values() for why in beyond(one, self.problems, lambda problem: problem.question))

    @property
    def gpus(self) -> int:
        return max(teacher.gpus for teacher in self.teachers)

    def make(self, work: Work) -> None:
        problems = list(work.open(self.problems))
        if not problems:
            raise StageFailed(f"{self.problems.kind} {self.problems.key} has no problems to ask about")
        with self.ready(work) as search, Asking[Sequence[Node]](self.teachers, self.budget, work, "steps") as asking:
            grown = asking.run([search.explore(problem) for problem in problems])
            called = asking.facts([problem.id for problem in problems])
        work.write(Node, (node for nodes in grown for node in nodes))
        ends = [node for nodes in grown for node in nodes if node.correct is not None]
        right = len({node.problem for node in ends if node.correct})
        each = {"usd_per_right": round(called["usd"] / right, 6)} if right and called["usd"] else {}
        work.note(
            problems=len(problems), right=right, problems_right=right, ends=len(ends), nodes=sum(map(len, grown)),
            wrong_steps=sum(node.verdict == "wrong" for nodes in grown for node in nodes), **called, **each,
        )  # fmt: skip
        if not any(grown):
            raise StageFailed(
                f"no step was written for any of {len(problems)} problems; look at the teacher's answers in the request cache"
            )
