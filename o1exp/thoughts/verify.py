"""Keep the thoughts whose final answer agrees with the gold answer (rejection sampling; Part 2, section 2.1)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from o1exp.flow import AtLeast, Between, Expect, Role, Stage, StageFailed, Work, how
from o1exp.records import Example, Problem, Table


@dataclass(frozen=True, kw_only=True)
class Rejection(Stage[Table[Example]]):
    """Keeps the first `keep` right answers of each problem, in the order of the draws; the same text twice counts once.

    Facts: right, wrong, no_answer and unscored (unreadable gold) count all thoughts; surplus and duplicates are right ones not needed.
    Errors: StageFailed if a thought belongs to no problem or nothing is left.
    """

    version: ClassVar[int] = 4
    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "rejection sampling: only thoughts whose final answer agrees with the gold answer"

    thoughts: Stage[Table[Example]]
    """What is verified."""
    problems: Stage[Table[Problem]]
    """Where the gold answers are."""
    keep: Annotated[int, AtLeast(1)] = 1
    """The most thoughts of one problem that are kept."""
    expected_right: Annotated[float, Between(0, 1)] = how(0.6)
    """The share of right thoughts that the plan assumes, from 0 to 1."""

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        thoughts, problems = inputs["thoughts"], inputs["problems"].rows
        right = None if thoughts.rows is None else thoughts.rows * self.expected_right
        rows = right if right is None or problems is None else min(right, problems * self.keep)
        return Expect(rows=rows, tokens_per_row=thoughts.tokens_per_row, remark=f"if {self.expected_right:.0%} of the thoughts are right")

    def make(self, work: Work) -> None:
        counts = Counter(right=0, wrong=0, no_answer=0, unscored=0, surplus=0, duplicates=0)
        golds = {problem.id: problem.answer for problem in work.open(self.problems)}
        covered: Counter[str] = Counter()
        rows = work.write(Example, self._right(work.open(self.thoughts), golds, counts, covered))
        work.note(**counts, thoughts=sum(counts[word] for word in VERDICTS), problems=len(golds), problems_covered=len(covered))
        if not rows:
            raise StageFailed(
                f"no thought is right ({dict(counts)}): nothing is left to learn from; look at the teacher's answers, or ask more draws"
            )

    def _right(self, thoughts: Table[Example], golds: dict[str, str], counts: Counter[str], covered: Counter[str]) -> Iterator[Example]:
        seen: set[tuple[str, str]] = set()
        for example in thoughts:
            if example.problem not in golds:
                where = f"{self.problems.kind} {self.problems.key}"
                raise StageFailed(f"thought {example.id} belongs to no problem of {where}; connect the problems it was written for")
            verdict = judge(golds[example.problem], example.response)
            counts[verdict] += 1
            if verdict != "right":
                continue
            if (example.problem, example.response) in seen:
                counts["duplicates"] += 1
            elif covered[example.problem] >= self.keep:
                counts["surplus"] += 1
            else:
                seen.add((example.problem, example.response))
                covered[example.problem] += 1
                yield example


VERDICTS = ("right", "wrong", "no_answer", "unscored")


def judge(gold: str, response: str) -> str:
    """One of VERDICTS."""
    from o1exp.answers.grade import grade

    verdict = grade(gold, response)
    if verdict.correct is None:
        return "unscored"
    if verdict.correct:
        return "right"
    return "wrong" if verdict.extracted else "no_answer"
