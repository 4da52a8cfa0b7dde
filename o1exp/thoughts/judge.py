"""Who says of a step whether it is right: a model that is asked, continuations that reach the gold answer, or a local reward model."""

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

from o1exp.answers.grade import grade
from o1exp.chat.headings import JUDGE, PROBLEM, REST, STEP, STEPS
from o1exp.chat.teacher import Teacher
from o1exp.flow import AtLeast, Between, Settings, Work
from o1exp.records import Problem
from o1exp.records.tree import Verdict
from o1exp.thoughts.asking import Ask, Exploring
from o1exp.thoughts.prompts import Show, filled, listed, shown, without
from o1exp.thoughts.steps import ends

PROMPT = f"""Below are a problem, the steps of a solution so far, and one more step.

{PROBLEM}
{{question}}

{STEPS}
{{steps}}

{STEP}
{{step}}

{JUDGE}
Is it right, given what stands before it? Check each calculation. Answer in two lines:
Verdict: right, neutral (neither wrong nor of use) or wrong
Reason: one sentence that names the mistake, or what the step brings"""
CONTINUE = rf"""Solve a problem step by step.

{PROBLEM}
{{question}}

{STEPS}
{{steps}}

{REST}
Go on from there to the end, and give the final answer in \boxed{{}}."""
VALUES: dict[Verdict, float | None] = {"": None, "right": 1.0, "neutral": 0.5, "wrong": 0.0}
_WORD = r"(right|correct|neutral|wrong|incorrect)\b"
_LINE = re.compile(rf"^\W*(?:final\s+)?verdict\W*?{_WORD}", re.IGNORECASE | re.MULTILINE)
_VERDICT = re.compile(rf"verdict\W*?{_WORD}", re.IGNORECASE)
_BARE = re.compile(rf"\W*{_WORD}", re.IGNORECASE)
_BARE_END = re.compile(rf"^\W*{_WORD}\W*\Z", re.IGNORECASE | re.MULTILINE)
"""A verdict that begins a line, that stands anywhere, that begins the reply, that is its last line: looked for in this order."""
_REASON = re.compile(r"reason\W*:\W*(.+)", re.IGNORECASE | re.DOTALL)
_NAMES: dict[str, Verdict] = {"right": "right", "correct": "right", "neutral": "neutral", "wrong": "wrong", "incorrect": "wrong"}


@dataclass(frozen=True)
class Judged:
    """What a judge said of one step; `verdict` is "" where it said nothing that can be read. `tokens` are output tokens."""

    verdict: Verdict = ""
    value: float | None = None
    reason: str = ""
    judge: str = ""
    tokens: int = 0
    shown: bool = False


@dataclass(frozen=True, kw_only=True)
class Judge(Settings):
    """Judges the last step of each path."""

    needs_answer: ClassVar[bool] = False
    """Does it need gold answers?"""

    @property
    def teachers(self) -> Sequence[Teacher]:
        """The models that are asked."""
        return ()

    @property
    def devices(self) -> int:
        """GPUs of this machine that the judge itself takes."""
        return 0

    @abstractmethod
    def judge(self, problem: Problem, paths: Sequence[Sequence[str]]) -> Exploring[list[Judged]]:
        """A judgement on the last step of each of these paths, each the texts of its steps; the judgements in the same order."""

    @contextmanager
    def ready(self, work: Work) -> Iterator["Judge"]:
        """The judge with what it loads, for as long as this is open."""
        yield self


@dataclass(frozen=True, kw_only=True)
class Prompted(Judge):
    """A model is asked for its verdict on each step, and why. What it says that cannot be read is no verdict."""

    teacher: Teacher
    """Who judges."""
    prompt: str = PROMPT
    """What it is told: {question}, {steps} (those before) and {step} are filled in."""
    show: Show = "nothing"
    """What it sees of the gold: nothing, the answer, or the source's solution; each such request is counted."""

    @property
    def teachers(self) -> Sequence[Teacher]:
        return (self.teacher,)

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from without(self.prompt, "prompt", ("question", "step"))

    def judge(self, problem: Problem, paths: Sequence[Sequence[str]]) -> Exploring[list[Judged]]:
        asked = [self._ask(problem, path) for path in paths]
        answers = yield asked
        found = list[Judged]()
        for ask, answer in zip(asked, answers, strict=True):
            verdict, reason = read(answer.text if answer.usable else "")
            tokens = answer.completion.usage.completion_tokens
            found.append(Judged(verdict, VALUES[verdict], reason, self.teacher.model, tokens, ask.shown))
        return found

    def _ask(self, problem: Problem, path: Sequence[str]) -> Ask:
        known = {"question": problem.question, "steps": listed(path[:-1]), "step": path[-1]}
        return Ask(self.teacher, filled(self.prompt, known) + shown(problem, self.show), shown=self.show != "nothing")


def read(reply: str) -> tuple[Verdict, str]:
    """Verdict and reason of a reply; ("", "") where it has no verdict. Of several the last one counts: a judge may think first."""
    found = _last(_LINE, reply) or _last(_VERDICT, reply) or _BARE.match(reply) or _BARE_END.search(reply)
    if found is None:
        return "", ""
    reason = _REASON.search(reply, found.end()) or _REASON.search(reply)
    behind = reply[found.end() :]
    said = reason[1] if reason else behind if re.search(r"\w", behind) else reply[: found.start()]
    return _NAMES[found[1].lower()], " ".join(said.split()).lstrip(".,:;- ")


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(list(pattern.finditer(text))[-1:]), None)


@dataclass(frozen=True, kw_only=True)
class Rollouts(Judge):
    """A step is worth the share of continuations from it that reach the gold answer (as Math-Shepherd labels steps).

    Nothing of the gold is shown: the continuations are graded against it.
    """

    needs_answer: ClassVar[bool] = True

    teacher: Teacher
    """Who continues."""
    prompt: str = CONTINUE
    """What it is told: {question} and {steps} are filled in."""
    draws: Annotated[int, AtLeast(1)] = 4
    """Continuations from each step."""
    least: Annotated[float, Between(0, 1)] = 0.25
    """A step with a smaller share is wrong."""

    @property
    def teachers(self) -> Sequence[Teacher]:
        return (self.teacher,)

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from without(self.prompt, "prompt", ("question", "steps"))
        if self.draws > 1 and self.teacher.temperature == 0:
            yield "draws", f"{self.draws} draws at temperature 0 are the same continuation; use draws=1 or a temperature above 0"

    def judge(self, problem: Problem, paths: Sequence[Sequence[str]]) -> Exploring[list[Judged]]:
        texts = [filled(self.prompt, {"question": problem.question, "steps": listed(path)}) for path in paths]
        # A step that ends the solution is its own continuation.
        open_paths = [place for place, path in enumerate(paths) if not ends(path[-1])]
        answers = yield [Ask(self.teacher, texts[place], draw) for place in open_paths for draw in range(self.draws)]
        found = {}
        for number, place in enumerate(open_paths):
            own = answers[number * self.draws : (number + 1) * self.draws]
            reached = sum(bool(answer.usable and grade(problem.answer, answer.text).correct) for answer in own)
            tokens = sum(answer.completion.usage.completion_tokens for answer in own)
            found[place] = self._judged(reached / self.draws, f"{reached} of {self.draws} continuations reach the answer", tokens)
        ended = {place: self._judged(float(bool(grade(problem.answer, path[-1]).correct)), "the final answer was compared", 0)
                 for place, path in enumerate(paths) if place not in found}  # fmt: skip
        return [(found | ended)[place] for place in range(len(paths))]

    def _judged(self, value: float, reason: str, tokens: int) -> Judged:
        wrong = value < self.least or value == 0
        return Judged("wrong" if wrong else "right", value, reason, f"rollouts of {self.teacher.model}", tokens)
