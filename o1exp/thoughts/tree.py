"""Long thoughts by tree search: a policy proposes steps, a judge marks them, a beam keeps the best (Part 1, section 3)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from o1exp.chat.request import Answer
from o1exp.chat.teacher import Teacher
from o1exp.flow import AtLeast, Work
from o1exp.records import Node, Problem
from o1exp.thoughts.asking import Ask, Exploring
from o1exp.thoughts.growing import Growing
from o1exp.thoughts.judge import Judge
from o1exp.thoughts.prompts import filled, listed, shown, without
from o1exp.thoughts.search import Search
from o1exp.thoughts.steps import MARK, PROMPT, cut, distinct, ends, verdict


@dataclass(frozen=True, kw_only=True)
class TreeSearch(Search):
    """Up to `depth` levels, `width` tries at the next step of each path of the beam, of which the `beam` best ones go on.

    A path whose last step is judged wrong, or that ends with an answer, goes on no further. What is not said in the paper is ours: paths
    are ordered by the judge's value of their last step and then as they were drawn, equal tries count once, and a step that the judge
    says nothing readable of goes on as one of middle value.
    """

    does: ClassVar[str] = "tree search: a policy proposes steps, a judge marks each one, a beam keeps the best"
    version: ClassVar[int] = 2

    judge: Judge
    """Who marks the steps."""
    prompt: str = PROMPT
    """What the policy is told: {question} and {steps} are filled in."""
    width: Annotated[int, AtLeast(1)] = 3
    """Tries at the next step of each path."""
    depth: Annotated[int, AtLeast(1)] = 10
    """The most steps of a path."""
    beam: Annotated[int, AtLeast(1)] = 3
    """The most paths that go on from one level to the next."""
    steps: Literal["request", "segment"] = "request"
    """One step for each request, or a longer continuation that is cut into steps, each judged alone."""
    mark: str = MARK
    """What stands between two steps of one answer."""
    stop: bool = True
    """Send the mark as a stop string, so that nothing behind the first step is paid for; false for models that think first."""
    until_right: bool = True
    """End a problem's search with the level that brings the first right answer; false: go on while the beam does."""

    @property
    def teachers(self) -> Sequence[Teacher]:
        return (self._policy, *self.judge.teachers)

    @property
    def gpus(self) -> int:
        return max(super().gpus, self.judge.devices)

    @property
    def _policy(self) -> Teacher:
        one = self.steps == "request" and self.stop and self.mark not in self.teacher.stop
        return replace(self.teacher, stop=(*self.teacher.stop, self.mark)) if one else self.teacher

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        yield from without(self.prompt, "prompt", ("question", "steps"))
        if not self.mark:
            yield "mark", "is empty; name what stands between two steps, e.g. a blank line"
        if self.width > 1 and self.teacher.temperature == 0:
            yield "width", f"{self.width} tries at teacher.temperature=0 are the same step; use width=1 or a temperature above 0"

    def likely_requests(self) -> float:
        tries = self.width * (1 + self.beam * (self.depth - 1) / 2)  # half of the depth: most problems end before
        return tries * (1 + len(self.judge.teachers))

    @contextmanager
    def ready(self, work: Work) -> Iterator[Search]:
        with self.judge.ready(work) as judge:
            yield replace(self, judge=judge)

    def explore(self, problem: Problem) -> Exploring[Sequence[Node]]:
        tree, beam = Growing(problem), [""]
        while beam:
            answers = yield [self._ask(tree, path, draw) for path in beam for draw in range(self.width)]
            new, tips = list[Node](), list[Node]()
            for number, path in enumerate(beam):
                for chain in self._grown(tree, path, answers[number * self.width : (number + 1) * self.width]):
                    new += chain
                    tips += chain[-1:]
            judged = yield from self.judge.judge(problem, [tree.texts(node.id) for node in new])
            for node, said in zip(new, judged, strict=True):
                tree.say(
                    node.id, verdict=said.verdict, value=said.value, reason=said.reason, judge=said.judge, tokens=said.tokens,
                    shown=node.shown or said.shown,
                )  # fmt: skip
            if self.until_right and any(node.correct for node in new):
                break
            beam = self._kept(tree, {node.id for node in new}, tips)
        return tree.rows()

    def _ask(self, tree: Growing, path: str, draw: int) -> Ask:
        known = {"question": tree.problem.question, "steps": listed(tree.texts(path))}
        return Ask(self._policy, filled(self.prompt, known) + shown(tree.problem, self.show), draw, self.show != "nothing")

    def _grown(self, tree: Growing, path: str, answers: Sequence[Answer]) -> Iterator[list[Node]]:
        """A chain of new steps below the path for each answer that says something of its own."""
        room = self.depth - len(tree.path(path))
        chains = distinct([cut(answer, self.mark, self.steps == "request")[:room] for answer in answers])
        for draw, (chain, answer) in enumerate(zip(chains, answers, strict=True)):
            below, nodes = path, list[Node]()
            for place, text in enumerate(chain):
                tokens = answer.completion.usage.completion_tokens if place == 0 else 0
                over = ends(text)
                nodes.append(
                    tree.put(
                        below, 0 if place else draw, text, action="terminate" if over else "continue", tokens=tokens,
                        correct=verdict(tree.problem, text) if over else None, writer=answer.completion.model, shown=self.show != "nothing",
                    )
                )  # fmt: skip
                below = nodes[-1].id
            if nodes:
                yield nodes

    def _kept(self, tree: Growing, new: set[str], tips: list[Node]) -> list[str]:
        """The ends of the paths that go on."""
        goes_on = list[Node]()
        for tip in tips:
            path = tree.path(tip.id)
            wrong = any(node.verdict == "wrong" for node in path if node.id in new)
            if not wrong and path[-1].action != "terminate" and len(path) < self.depth:
                goes_on.append(path[-1])
        ordered = sorted(goes_on, key=lambda node: -(0.5 if node.value is None else node.value))
        return [node.id for node in ordered[: self.beam]]
