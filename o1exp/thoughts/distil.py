"""Long thoughts by distillation: a teacher solves each problem, thinking aloud (Part 2, section 2.1)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from o1exp.chat.request import Request, likely_tokens
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Above, AtLeast, Between, Expect, Stage, StageFailed, Work, how
from o1exp.records import Example, Problem, Table

if TYPE_CHECKING:
    from o1exp.chat.client import Client

PROMPT = r"""Solve the following problem.

Write down your whole thinking as it happens, in the answer itself: how you read the problem, what you try, every step of the calculation,
where you doubt or check a result, and where you notice a mistake and go back. Do not shorten or tidy it afterwards. Then state the result
in a short conclusion and end with the final answer in \boxed{}.

Problem:
{question}"""
"""Our own words: the paper does not publish its prompt. o1 hides its inner thought, so the answer has to hold the thinking."""


@dataclass(frozen=True, kw_only=True)
class Distil(Stage[Table[Example]]):
    """Asks the teacher for up to `draws` answers to each problem; every whole answer becomes an Example, right or wrong.

    `prompt` may show the teacher {solution} and {answer} beside the {question}: a weak teacher then explains what it could not find.
    With `until_right` a problem is asked again only while none of its answers agrees with the gold answer. Answers that were cut off,
    refused or empty are counted and left out. Where a server gives the reasoning apart, the response is `<think>`, the reasoning,
    `</think>`, the answer.
    """

    version: ClassVar[int] = 2

    problems: Stage[Table[Problem]]
    teacher: Teacher
    prompt: str = PROMPT
    draws: Annotated[int, AtLeast(1)] = 4
    until_right: bool = True
    budget: Budget = how(Budget())
    expected_right: Annotated[float, Above(0), Between(0, 1)] = how(0.6)
    """The share of answers that the plan assumes to be right."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if "{question}" not in self.prompt:
            yield "prompt", "has no {question}: the problem would never be asked; put {question} where it belongs"
        if self.draws > 1 and self.teacher.temperature == 0:
            yield "draws", f"{self.draws} draws at teacher.temperature=0 are the same answer; use draws=1 or a temperature above 0"
        if why := self.budget.unguarded(self.teacher):
            yield "budget", why

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows, teacher = inputs["problems"].rows, self.teacher
        if rows is None:
            return Expect(tokens_per_row=teacher.likely_completion_tokens, remark="as many requests as there will be problems, or more")
        wrong = 1 - self.expected_right
        tries = (1 - wrong**self.draws) / self.expected_right if self.until_right else self.draws
        requests, prompt = rows * tries, teacher.expected_prompt_tokens or likely_tokens(self.prompt) + 100
        completion = teacher.likely_completion_tokens
        most = teacher.usd(rows * self.draws * prompt, rows * self.draws * teacher.max_tokens)
        return Expect(
            rows=requests, tokens_per_row=completion, requests=requests, tokens=requests * (prompt + completion),
            usd=teacher.usd(requests * prompt, requests * completion), hours=requests / (teacher.requests_per_minute * 60 or float("inf")),
            remark=f"{tries:.1f} draws a problem if {self.expected_right:.0%} are right" + (f"; at most ${most:.2f}" if most else ""),
        )  # fmt: skip

    def preflight(self) -> Iterator[str]:
        yield from self.teacher.obstacles()

    def make(self, work: Work) -> None:
        from o1exp.chat.client import Calls, Client

        table = work.open(self.problems)
        problems = list(table)
        if not problems:
            raise StageFailed(f"{self.problems.kind} {self.problems.key} has no problems to ask about")
        with Client(self.teacher, self.budget, work) as client:
            rounds = self._rounds(problems, client)
            tries = sorted((one for tried in rounds for one in tried), key=lambda one: (one.place, one.draw))
            calls = Calls()
            for one in tries:
                calls.add(client.read(self._request(problems[one.place], one.draw)))
            work.write(Example, self._rows(problems, tries, client))
        self._note(work, tries, rounds)
        work.note(problems=len(problems), **calls.facts())

    def _note(self, work: Work, tries: "list[Try]", rounds: "list[list[Try]]") -> None:
        right = [one.place for one in tries if one.correct]
        work.note(
            tries=len(tries), right=len(right), problems_right=len(set(right)), left_out=sum(not one.usable for one in tries),
            unscored=sum(one.usable and one.correct is None for one in tries), round_tries=[len(tried) for tried in rounds],
        )  # fmt: skip

    def _rounds(self, problems: Sequence[Problem], client: "Client") -> "list[list[Try]]":
        """All tries, round by round: one draw of each problem that still lacks a right answer, or all draws at once."""
        if not self.until_right:
            return [self._round(problems, [(place, draw) for place in range(len(problems)) for draw in range(self.draws)], client)]
        places, rounds = list(range(len(problems))), []
        for draw in range(self.draws):
            tried = self._round(problems, [(place, draw) for place in places], client)
            rounds.append(tried)
            # A gold answer that cannot be read will never be matched: asking again would be money for nothing.
            places = [one.place for one in tried if one.correct is False or not one.usable]
            if not places:
                break
        return rounds

    def _round(self, problems: Sequence[Problem], asked: list[tuple[int, int]], client: "Client") -> "list[Try]":
        from o1exp.answers import grade

        answers = client.ask([self._request(problems[place], draw) for place, draw in asked], f"draw {asked[0][1] + 1} of {self.draws}")
        tried = []
        for (place, draw), answer in zip(asked, answers, strict=True):
            correct = grade(problems[place].answer, answer.thinking).correct if answer.usable else None
            tried.append(Try(place, draw, answer.usable, correct))
        return tried

    def _rows(self, problems: Sequence[Problem], tries: "list[Try]", client: "Client") -> Iterator[Example]:
        for one in tries:
            if one.usable:
                problem = problems[one.place]
                text = client.read(self._request(problem, one.draw)).thinking
                yield Example(problem=problem.id, prompt=problem.question, response=text, draw=one.draw, origin=self.teacher.model)

    def _request(self, problem: Problem, draw: int) -> Request:
        known = {"{question}": problem.question, "{solution}": problem.solution, "{answer}": problem.answer}
        return Request.user(re.sub(r"\{(?:question|solution|answer)\}", lambda found: known[found[0]], self.prompt), draw)


@dataclass(frozen=True)
class Try:
    """One answer to the problem at `place`. `correct` is None for an answer that is not usable or a gold answer that cannot be read."""

    place: int
    draw: int
    usable: bool
    correct: bool | None
