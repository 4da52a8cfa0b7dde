"""Keep the thoughts whose final answer agrees with the gold answer (rejection sampling; Part 2, section 2.1)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from o1exp.chat import spent
from o1exp.chat.request import likely_tokens
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import AtLeast, Between, Expect, Role, Stage, StageFailed, Work, added, how
from o1exp.records import Example, Problem, Table
from o1exp.records.seen import Seen
from o1exp.thoughts import second as other
from o1exp.thoughts.golds import Golds

if TYPE_CHECKING:
    from o1exp.answers.grade import Verdict


@dataclass(frozen=True, kw_only=True)
class Rejection(spent.Spends, Stage[Table[Example]]):
    """Keeps the first `keep` right answers of each problem, in the order of the draws; the same text twice counts once.

    `second` asks math-verify, or the model `judge`, about the attempts whose verdict rests on a fallback: where no answer was announced, or
    one lies outside our grammar. Where it disagrees, the attempt is listed in disagreements.jsonl and in the report, and nothing else
    happens unless `disagreement` says so.

    Facts: right, wrong, no_answer and unscored (unreadable gold) count all thoughts; surplus and duplicates are right ones not needed;
    second_asked, second_silent and second_disagreed count second opinions, second_dropped the right thoughts that one of them cost.
    Errors: StageFailed if a thought belongs to no problem or nothing is left.
    """

    version: ClassVar[int] = 8
    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "rejection sampling: only thoughts whose final answer agrees with the gold answer"

    thoughts: Stage[Table[Example]]
    """What is verified."""
    problems: Stage[Table[Problem]]
    """Where the gold answers are."""
    keep: Annotated[int, AtLeast(1)] = 1
    """The most thoughts of one problem that are kept."""
    second: Literal["none", "math_verify", "model"] = added("none")
    """Who is asked for a second opinion on verdicts that rest on a fallback."""
    disagreement: Literal["list", "drop"] = added("list")
    """What happens to a right thought that the second opinion calls wrong: it is listed only, or listed and not kept."""
    judge: Teacher | None = field(default=None, metadata={"first": None})
    """The model that is asked, for second=model; a temperature of 0 suits it."""
    budget: Budget = how(Budget())
    """The stop on money."""
    expected_right: Annotated[float, Between(0, 1)] = how(0.6)
    """The share of right thoughts that the plan assumes, from 0 to 1."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if (self.second == "model") != (self.judge is not None):
            yield "judge", "is the model for second=model: give both, e.g. verify.second=model verify.judge='${teacher}', or neither"
        if self.judge and (why := self.budget.unguarded(self.judge)):
            yield "budget", why

    def preflight(self) -> Iterator[str]:
        if self.judge:
            yield from self.judge.obstacles()
        if self.second == "math_verify" and not find_spec("math_verify"):
            yield "second=math_verify needs the package math-verify, which is not installed; pip install math-verify, or second=none"

    @property
    def asks(self) -> bool:
        return self.judge is not None

    @property
    def gpus(self) -> int:
        return self.judge.gpus if self.judge else 0

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        thoughts, problems = inputs["thoughts"], inputs["problems"].rows
        right = None if thoughts.rows is None else thoughts.rows * self.expected_right
        rows = right if right is None or problems is None else min(right, problems * self.keep)
        remark = f"if {self.expected_right:.0%} of the thoughts are right"
        if self.judge and thoughts.rows is not None:
            asked = self.judge.expect(thoughts.rows, likely_tokens(other.PROMPT) + LIKELY_SHOWN)
            return replace(
                asked, rows=rows, tokens_per_row=thoughts.tokens_per_row, remark=f"{remark}; at most one second opinion for each"
            )
        return Expect(rows=rows, tokens_per_row=thoughts.tokens_per_row, uncounted=self.judge is not None, remark=remark)

    def make(self, work: Work) -> None:
        counts = Counter(right=0, wrong=0, no_answer=0, unscored=0, surplus=0, duplicates=0)
        golds = Golds(work.open(self.problems))
        struck = self._struck(work, golds) if self.second != "none" else frozenset[str]()
        rows = work.write(Example, self._right(_shown(work.open(self.thoughts), work), golds, counts, struck))
        work.note(
            **counts, thoughts=sum(counts[word] for word in VERDICTS), problems=len(golds), problems_covered=int((golds.covered > 0).sum())
        )
        if not rows:
            raise StageFailed(_nothing(counts, self.thoughts))

    def _right(self, thoughts: Iterable[Example], golds: Golds, counts: Counter[str], struck: frozenset[str]) -> Iterator[Example]:
        from o1exp.answers.grade import grade

        seen = Seen()
        for example in thoughts:
            place = self._place(example, golds)
            verdict = _named(grade(golds.answer(place), example.response))
            counts[verdict] += 1
            if verdict != "right":
                continue
            if example.id in struck:
                counts["second_dropped"] += 1
            elif (said := f"{example.problem}\0{example.response}") in seen:
                counts["duplicates"] += 1
            elif golds.covered[place] >= self.keep:
                counts["surplus"] += 1
            else:
                seen.add(said)
                golds.covered[place] += 1
                yield example

    def _place(self, example: Example, golds: Golds) -> int:
        place = golds.find(example.problem)
        if place < 0:
            where = f"{self.problems.kind} {self.problems.key}"
            raise StageFailed(f"thought {example.id} belongs to no problem of {where}; connect the problems it was written for")
        return place

    def _struck(self, work: Work, golds: Golds) -> frozenset[str]:
        """Ask for the second opinions and list where they disagree; the ids of the right thoughts that are dropped for it."""
        from o1exp.answers.grade import grade

        doubts = []
        for example in work.open(self.thoughts):
            gold = golds.answer(self._place(example, golds))
            verdict = grade(gold, example.response)
            if other.fell_back(gold, verdict):
                doubt = other.Doubt(example.id, example.problem, gold, verdict.extracted, verdict.method, bool(verdict.correct))
                doubts.append((doubt, example))
        opinions = self._opinions(doubts, work)
        apart = [doubt for doubt in opinions if doubt.second is not None and doubt.second != doubt.right]
        other.write(work.folder / other.DISAGREEMENTS, apart)
        silent = sum(doubt.second is None for doubt in opinions)
        work.note(second_asked=len(doubts), second_silent=silent, second_disagreed=len(apart))
        if apart:
            work.console.line(f"the second opinion disagrees on {len(apart)} of {len(doubts)} verdicts; they are in {other.DISAGREEMENTS}")
        return frozenset(doubt.id for doubt in apart if doubt.right and self.disagreement == "drop")

    def _opinions(self, doubts: list[tuple[other.Doubt, Example]], work: Work) -> list[other.Doubt]:
        if self.judge is None:
            return other.verified(doubts)
        from o1exp.chat.client import Client

        with Client(self.judge, self.budget, work) as client:
            opinions, calls = other.asked(doubts, client)
        spent.write(work.folder, calls)
        return opinions


def _nothing(counts: Counter[str], thoughts: Stage[Table[Example]]) -> str:
    """Why no thought is left."""
    if not any(counts[word] for word in VERDICTS):
        return (
            f"no thought is there to be verified: all answers behind {thoughts.kind} {thoughts.key} were cut off, refused or failed "
            "(the facts in its manifest.json count each); raise teacher.max_tokens where they were cut off"
        )
    found = f"{counts['wrong']} wrong, {counts['no_answer']} without an answer, {counts['unscored']} with a gold answer that cannot be read"
    return f"no thought is right ({found}): nothing is left to learn from; look at the teacher's answers, or ask more draws"


VERDICTS = ("right", "wrong", "no_answer", "unscored")


LIKELY_SHOWN = 1000
"""Tokens of a problem and the end of a response that nobody has counted."""


def _shown(thoughts: Table[Example], work: Work) -> Iterator[Example]:
    with work.progress("thoughts verified", len(thoughts)) as bar:
        for example in thoughts:
            yield example
            bar.advance()


def _named(verdict: "Verdict") -> str:
    """One of VERDICTS."""
    if verdict.correct is None:
        return "unscored"
    if verdict.correct:
        return "right"
    return "wrong" if verdict.extracted else "no_answer"
