"""Rewrite solutions into one long, standard form (Part 2, section 2.3; the idea of ReAlign, arXiv 2402.12219)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from o1exp.chat.request import Request, likely_tokens
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Expect, Role, Stage, Work, how
from o1exp.records import Example, Problem, Table
from o1exp.thoughts.solutions import original, with_solution

if TYPE_CHECKING:
    from o1exp.chat.client import Client

PROMPT = r"""Below are a problem and a correct solution. Rewrite the solution for a learner.

Go step by step and give each step a line of its own. Be highly detailed: say what is done and why, write out every calculation that the
solution skips, and make the text longer than the original. Change neither the method nor the result. Reply with the rewritten solution only
and end it with the final answer in \boxed{}.

Problem:
{question}

Solution:
{solution}"""
"""Our own words: the paper only says step by step, highly detailed, longer, with the final answer in a box."""
LIKELY_SOLVED = 400
"""Tokens of a problem with its solution that nobody has counted."""


@dataclass(frozen=True, kw_only=True)
class Reformat(Stage[Table[Example]]):
    r"""A teacher rewrites each solution; a rewrite counts only if its answer still agrees with the gold answer.

    Problems without a solution are counted.

    Errors: StageFailed if no problem has a solution.
    """

    role: ClassVar[Role] = "writing"
    does: ClassVar[str] = "a model rewrites the solutions step by step"
    version: ClassVar[int] = 4

    problems: Stage[Table[Problem]]
    """Whose solutions are rewritten."""
    teacher: Teacher
    """Who rewrites."""
    prompt: str = PROMPT
    """What the teacher is told: {question} and {solution} are filled in."""
    fallback: Literal["original", "drop"] = "original"
    """What stands in for a rewrite that does not agree with the gold answer: the original solution, or nothing."""
    budget: Budget = how(Budget())
    """The stop on money."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        for part in ("{question}", "{solution}"):
            if part not in self.prompt:
                yield "prompt", f"has no {part}; put it where the problem's {part.strip('{}')} belongs"
        if why := self.budget.unguarded(self.teacher):
            yield "budget", why

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows, teacher = inputs["problems"].rows, self.teacher
        if rows is None:
            return Expect(tokens_per_row=teacher.likely_completion_tokens, remark="one request for each problem that will have a solution")
        return teacher.expect(rows, likely_tokens(self.prompt) + LIKELY_SOLVED)

    def preflight(self) -> Iterator[str]:
        yield from self.teacher.obstacles()

    @property
    def gpus(self) -> int:
        return self.teacher.gpus

    def make(self, work: Work) -> None:
        from o1exp.chat.client import Client

        table = work.open(self.problems)
        problems = list(table)
        solved = with_solution(problems)
        work.note(problems=len(problems), without_solution=len(problems) - len(solved))
        with Client(self.teacher, self.budget, work) as client:
            work.write(Example, self._rows(solved, client, work))

    def _rows(self, problems: list[Problem], client: "Client", work: Work) -> Iterator[Example]:
        from o1exp.answers.grade import grade
        from o1exp.chat.client import Calls

        calls, rewritten, words_before, words_after = Calls(), 0, 0, 0
        for problem, answer in zip(problems, client.ask([self._request(problem) for problem in problems], "rewrites"), strict=True):
            calls.add(answer)
            if answer.usable and grade(problem.answer, answer.text).correct:
                rewritten += 1
                words_before += len(problem.solution.split())
                words_after += len(answer.text.split())
                yield Example(problem=problem.id, prompt=problem.question, response=answer.text.strip(), origin=self.teacher.model)
            elif self.fallback == "original":
                yield original(problem)
        work.note(
            **calls.facts(), rewritten=rewritten, disagreed=len(problems) - rewritten, longer=round(words_after / max(words_before, 1), 2)
        )

    def _request(self, problem: Problem) -> Request:
        # One pass over the template: a solution that happens to contain "{question}" must stay as it is.
        before, after = self.prompt.split("{solution}", 1)
        return Request.user(
            before.replace("{question}", problem.question) + problem.solution.strip() + after.replace("{question}", problem.question)
        )
