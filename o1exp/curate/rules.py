"""The paper's rule filters (Part 2, section 2.3): no images, no proofs, an explicit answer, and that a number."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from o1exp.answers.compare import number
from o1exp.answers.normalise import normalise
from o1exp.flow import Expect, Role, Stage, Work, how
from o1exp.records import Problem, Table

_IMAGE = re.compile(
    r"\[asy\]|\\includegraphics|!\[[^\]]*\]\(|<img\b"
    r"|\b(?:in|see|from|using) the (?:figure|diagram|picture|graph|image)\b"
    r"|\b(?:figure|diagram|picture|graph|image) (?:below|above|shown|on the right|on the left)\b"
    r"|\bshown in the (?:figure|diagram|picture)\b|如图",
    re.IGNORECASE,
)
_PROOF = re.compile(r"^\s*(?:prove|show)\b|\b(?:prove|show) that\b|\bgive a proof\b|证明", re.IGNORECASE)
_PROOF_ANSWERS = {"proof", "see solution", "notfound", "n/a", "none"}


def needs_image(problem: Problem) -> bool:
    """The problem cannot be understood without a picture."""
    return bool(_IMAGE.search(problem.question))


def is_proof(problem: Problem) -> bool:
    """The problem asks for a proof."""
    return bool(_PROOF.search(problem.question)) or problem.answer.lower() in _PROOF_ANSWERS


def has_no_answer(problem: Problem) -> bool:
    """There is no labelled answer."""
    return not normalise(problem.answer)


def is_not_numerical(problem: Problem) -> bool:
    """The answer is not one number (integer, decimal, fraction, mixed number, percentage)."""
    return number(problem.answer) is None


@dataclass(frozen=True, kw_only=True)
class Rules(Stage[Table[Problem]]):
    """Keeps problems that no switched-on rule drops; `dropped` in the facts counts by the first rule that applied.

    The paper does not publish its filters: the patterns here are ours.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "rule filter on problems"
    version: ClassVar[int] = 3

    problems: Stage[Table[Problem]]
    image: bool = True
    proof: bool = True
    no_answer: bool = True
    not_numerical: bool = True
    expected_kept: float = how(0.5)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["problems"].rows
        return Expect(rows=rows and rows * self.expected_kept, remark=f"keeps {self.expected_kept:.0%} if data are as assumed")

    def peek(self, count: int) -> list[Problem]:
        return list(self._kept(self.problems.peek(count), Counter()))

    def make(self, work: Work) -> None:
        dropped: Counter[str] = Counter()
        count = work.write(Problem, self._kept(work.open(self.problems), dropped))
        work.note(dropped=dict(sorted(dropped.items())))
        if not count:
            raise ValueError(f"the filter dropped all problems: {dict(dropped)}; switch a rule off, e.g. filter.not_numerical=false")

    def _kept(self, problems: Iterable[Problem], dropped: Counter[str]) -> Iterator[Problem]:
        rules: dict[str, tuple[bool, Callable[[Problem], bool]]] = {
            "image": (self.image, needs_image),
            "no_answer": (self.no_answer, has_no_answer),
            "proof": (self.proof, is_proof),
            "not_numerical": (self.not_numerical, is_not_numerical),
        }
        for problem in problems:
            reason = next((name for name, (on, drops) in rules.items() if on and drops(problem)), None)
            if reason is None:
                yield problem
            else:
                dropped[reason] += 1
