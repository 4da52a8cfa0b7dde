"""Rewrite solutions into one long, standard form (Part 2, section 2.3; the idea of ReAlign, arXiv 2402.12219)."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from o1exp.chat.request import Request, likely_tokens
from o1exp.chat.spent import Spends, total, write
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Expect, Role, Stage, Work, how
from o1exp.records import Example, Problem, Table
from o1exp.records.question import same_question
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
_QUESTION = re.compile(
    r"(?:[#*]+\s*)?(?:restated\s+)?(?:problem|question)(?:\s+statement)?\s*[*]*:[*]*\s*(.+?)\s*(?:\n\s*\n|\n(?=(?:[#*]+\s*)?(?:solution|answer|step)\b))",
    re.IGNORECASE | re.DOTALL,
)
LIKELY_SOLVED = 400
"""Tokens of a problem with its solution that nobody has counted."""


@dataclass(frozen=True, kw_only=True)
class Reformat(Spends, Stage[Table[Example]]):
    r"""A teacher rewrites each solution; a rewrite counts only if its answer stands in a box and still agrees with the gold answer.

    The prompt of the example is the source's question, letter by letter; a rewrite that restates the question in other words than the
    source's (`question_changed`) does not count either, and one that repeats it loses the repetition. Facts: `disagreed` counts all that do
    not count, `unboxed` and `question_changed` those of them; `not_longer` and `one_line` the kept ones that missed the format.
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
            remark = "one request for each problem that will have a solution"
            return Expect(tokens_per_row=teacher.likely_completion_tokens, uncounted=True, remark=remark)
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
        from o1exp.chat.client import Calls

        calls, words_before, words_after = {problem.id: Calls() for problem in problems}, 0, 0
        counts = Counter(rewritten=0, disagreed=0, unboxed=0, question_changed=0, not_longer=0, one_line=0)
        for problem, answer in zip(problems, client.ask([self._request(problem) for problem in problems], "rewrites"), strict=True):
            calls[problem.id].add(answer)
            text, why = checked(problem, answer.text) if answer.usable else ("", "disagreed")
            if not why:
                before, after = len(problem.solution.split()), len(text.split())
                words_before, words_after = words_before + before, words_after + after
                counts.update(rewritten=1, not_longer=int(after <= before), one_line=int("\n" not in text))
                yield Example(problem=problem.id, prompt=problem.question, response=text, origin=self.teacher.model)
                continue
            counts.update({"disagreed": 1, **({why: 1} if why != "disagreed" else {})})
            if self.fallback == "original":
                yield original(problem)
        write(work.folder, calls)
        work.note(**total(calls.values()).facts(), **counts, longer=round(words_after / max(words_before, 1), 2))

    def _request(self, problem: Problem) -> Request:
        # One pass over the template: a solution that happens to contain "{question}" must stay as it is.
        before, after = self.prompt.split("{solution}", 1)
        return Request.user(
            before.replace("{question}", problem.question) + problem.solution.strip() + after.replace("{question}", problem.question)
        )


def checked(problem: Problem, reply: str) -> tuple[str, str]:
    """The rewrite without a repetition of the question, and why it does not count: disagreed, unboxed, question_changed; "" if it does."""
    from o1exp.answers.grade import grade

    text = reply.strip()
    if restated := _QUESTION.match(text):
        if same_question(restated[1]) != same_question(problem.question):
            return text, "question_changed"
        text = text[restated.end() :].strip()
    verdict = grade(problem.answer, text)
    if not verdict.correct:
        return text, "disagreed"
    return text, "" if verdict.method == "boxed" else "unboxed"
