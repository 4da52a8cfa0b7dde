"""Long thoughts by distillation: a teacher solves each problem, thinking aloud (Part 2, section 2.1)."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from o1exp.chat.request import MARKS, Answer, Request, likely_tokens
from o1exp.chat.spent import Spends, total, write
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Above, AtLeast, Between, Expect, Role, Stage, StageFailed, Work, how
from o1exp.records import Example, Problem, Table
from o1exp.thoughts.beyond import beyond

if TYPE_CHECKING:
    from o1exp.chat.client import Client

PROMPT = r"""Solve the following problem.

Write down your whole thinking as it happens, in the answer itself: how you read the problem, what you try, every step of the calculation,
where you doubt or check a result, and where you notice a mistake and go back. Do not shorten or tidy it afterwards. Then state the result
in a short conclusion and end with the final answer in \boxed{}.

Problem:
{question}"""
"""Our own words: the paper does not publish its prompt. o1 hides its inner thought, so the answer has to hold the thinking."""
LIKELY_QUESTION = 100
"""Tokens of a problem that nobody has counted."""


@dataclass(frozen=True, kw_only=True)
class Distil(Spends, Stage[Table[Example]]):
    """Asks the teacher for up to `draws` answers to each problem; every whole answer becomes an Example, right or wrong.

    `prompt` may show the teacher {solution} and {answer} beside the {question}: a weak teacher then explains what it could not find.
    With `until_right` a problem is asked again only while none of its answers agrees with the gold answer. Answers that were cut off,
    refused or empty are counted and left out, and so are requests that failed for good, each with its reason in the request cache.
    The fact `shown` counts the tries whose prompt showed the gold. However the teacher gives its thought, apart or between marks of its
    own, the response is `think_open`, the thought, `think_close`, the answer; where it gives none, the response is the answer as it is.
    The fact `thoughts` counts what was found.
    """

    role: ClassVar[Role] = "writing"
    does: ClassVar[str] = "distillation: a teacher solves the problems, thinking aloud"
    long_thoughts: ClassVar[bool] = True
    version: ClassVar[int] = 4

    problems: Stage[Table[Problem]]
    """What the teacher solves."""
    teacher: Teacher
    """Who writes the thoughts."""
    prompt: str = PROMPT
    """What the teacher is told: {question}, and if need be {solution} and {answer}, are filled in."""
    draws: Annotated[int, AtLeast(1)] = 4
    """The most answers to one problem."""
    think_open: str = MARKS[0]
    """What the student learns to write before a thought that the teacher gave apart."""
    think_close: str = MARKS[1]
    """What stands between such a thought and the answer; `sampling.think_end` of the benchmarks is the mark in it."""
    until_right: bool = True
    """Ask a problem again only while none of its answers is right; false: always draw all."""
    budget: Budget = how(Budget())
    """The stop on money."""
    expected_right: Annotated[float, Above(0), Between(0, 1)] = how(0.6)
    """The share of answers that the plan assumes to be right, from 0 to 1."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if "{question}" not in self.prompt:
            yield "prompt", "has no {question}: the problem would never be asked; put {question} where it belongs"
        if self.draws > 1 and self.teacher.temperature == 0:
            yield "draws", f"{self.draws} draws at teacher.temperature=0 are the same answer; use draws=1 or a temperature above 0"
        if self.think_open.strip() and not self.think_close.strip():
            yield "think_close", "is empty: a thought that think_open begins would never end; give both marks, or think_open='' too"
        if why := self.budget.unguarded(self.teacher):
            yield "budget", why

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows, teacher = inputs["problems"].rows, self.teacher
        if rows is None:
            remark = "as many requests as there will be problems, or more"
            return Expect(tokens_per_row=teacher.likely_completion_tokens, uncounted=True, remark=remark)
        wrong = 1 - self.expected_right
        tries = (1 - wrong**self.draws) / self.expected_right if self.until_right else self.draws
        prompt = likely_tokens(self.prompt) + LIKELY_QUESTION
        found = teacher.expect(rows * tries, prompt, rows * self.draws)
        most = f"; at most ${found.most_usd:,.2f}" if found.most_usd else ""
        return replace(found, remark=f"{tries:.1f} draws a problem if {self.expected_right:.0%} are right{most}")

    def preflight(self) -> Iterator[str]:
        yield from self.teacher.obstacles()
        yield from beyond(self.teacher, self.problems, lambda problem: self.request(problem, 0).messages[-1].content)

    @property
    def gpus(self) -> int:
        return self.teacher.gpus

    def make(self, work: Work) -> None:
        from o1exp.chat.client import Client

        problems = list(work.open(self.problems))
        if not problems:
            raise StageFailed(f"{self.problems.kind} {self.problems.key} has no problems to ask about")
        with Client(self.teacher, self.budget, work) as client:
            solving = Solving(self, problems, client)
            solving.ask()
            work.write(Example, solving.examples())
            write(work.folder, solving.calls)
        work.note(problems=len(problems), **solving.facts())

    def request(self, problem: Problem, draw: int, place: int = 0) -> Request:
        known = {"{question}": problem.question, "{solution}": problem.solution, "{answer}": problem.answer}
        return Request.user(re.sub(r"\{(?:question|solution|answer)\}", lambda found: known[found[0]], self.prompt), draw, place)


@dataclass(frozen=True)
class Try:
    """One answer to the problem at `place`. `correct` is None for an answer that is not usable or a gold answer that cannot be read."""

    place: int
    draw: int
    usable: bool
    correct: bool | None


class Solving:
    """All draws of each problem at once, or one draw after the other until one is right, each the moment the last one is judged.

    Each answer is graded once; of those on disk only the verdicts stay in memory, because all texts of a large run may not fit into it.
    """

    def __init__(self, stage: Distil, problems: Sequence[Problem], client: "Client") -> None:
        from o1exp.chat.client import Calls

        self._stage, self._problems, self._client = stage, problems, client
        self.calls = {problem.id: Calls() for problem in problems}
        self._tried: list[list[Try]] = [[] for _ in problems]

    def ask(self) -> None:
        """Have every problem answered, as often as it needs."""
        first = range(1 if self._stage.until_right else self._stage.draws)
        requests = [self._stage.request(problem, draw, place) for place, problem in enumerate(self._problems) for draw in first]
        self._client.pursue(requests, self._judged, "thoughts")

    def _judged(self, answer: Answer) -> list[Request]:
        """The next draw of a problem that needs one. What failed for good is not drawn again: it is recorded, and left out."""
        from o1exp.answers.grade import grade

        stage, place, draw = self._stage, answer.request.place, answer.request.draw
        problem = self._problems[place]
        correct = grade(problem.answer, self._response(answer)).correct if answer.usable else None
        self._tried[place].append(Try(place, draw, answer.usable, correct))
        # A gold answer that cannot be read will never be matched: asking again would be money for nothing.
        again = stage.until_right and draw + 1 < stage.draws and not answer.failure and (correct is False or not answer.usable)
        return [stage.request(problem, draw + 1, place)] if again else []

    def examples(self) -> Iterator[Example]:
        """The usable answers, problem by problem in the order of their draws."""
        for problem, tried in zip(self._problems, self._tried, strict=True):
            for one in sorted(tried, key=lambda one: one.draw):
                answer = self._client.answer(self._stage.request(problem, one.draw))
                self.calls[problem.id].add(answer)
                if one.usable:
                    text, origin = self._response(answer), self._stage.teacher.model
                    yield Example(problem=problem.id, prompt=problem.question, response=text, draw=one.draw, origin=origin)

    def _response(self, answer: Answer) -> str:
        return answer.marked(self._stage.think_open, self._stage.think_close)

    def facts(self) -> dict[str, Any]:
        """Counts over all tries, for the manifest."""
        tries = [one for tried in self._tried for one in tried]
        right, calls = [one.place for one in tries if one.correct], total(self.calls.values()).facts()
        by_draw = sorted(Counter(one.draw for one in tries).items())
        return {
            "tries": len(tries), "right": len(right), "problems_right": len(set(right)), "left_out": sum(not one.usable for one in tries),
            "unscored": sum(one.usable and one.correct is None for one in tries), "round_tries": [count for _, count in by_draw],
            **calls, "shown": len(tries) * bool(re.search(r"\{(?:solution|answer)\}", self._stage.prompt)),
            **({"usd_per_right": round(calls["usd"] / len(right), 6)} if right and calls["usd"] else {}),
        }  # fmt: skip
