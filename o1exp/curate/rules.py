"""The paper's rule filters (Part 2, section 2.3): no images, no proofs, an explicit answer, and that a number."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from o1exp.answers.kinds import Based, Choice, Named, Value
from o1exp.answers.nodes import symbols
from o1exp.answers.normalise import normalise
from o1exp.answers.read import read
from o1exp.answers.regions import size
from o1exp.answers.values import rational
from o1exp.curate.marks import options_mark, picture_mark, proof_mark
from o1exp.flow import Expect, Role, Stage, Work, how
from o1exp.records import Problem, Table

Rule = Callable[[Problem], str]
"""Gives what drops the problem, in a few words; "" keeps it."""
DROPPED = "dropped.tsv"
_PROOF_ANSWERS = frozenset({"proof", "seeproof", "proven", "proved", "证明", "证明略", "q.e.d", "qed"})
_NO_ANSWERS = frozenset({
    "notfound", "n/a", "na", "none", "null", "nan", "unknown", "noanswer", "answernotfound", "notavailable", "seesolution", "omitted",
    "略", "见解析", "?", "-",
})  # fmt: skip
"""Answers that say there is none, without spaces and marks of text."""
_MOST = 0.5
Dropped = tuple[int, str, str, str]
"""Row of the source, id, rule, and the words that were matched."""


def image(problem: Problem) -> str:
    """The problem cannot be understood without a picture."""
    return picture_mark(problem.question)


def proof(problem: Problem) -> str:
    """The problem asks for a proof."""
    return proof_mark(problem.question) or (problem.answer if normalise(problem.answer).lower() in _PROOF_ANSWERS else "")


def no_answer(problem: Problem) -> str:
    """There is no labelled answer."""
    answer = normalise(problem.answer)
    return "" if answer and answer.lower() not in _NO_ANSWERS else problem.answer or "(empty)"


def choice(problem: Problem) -> str:
    """The question lists options, or the answer is the letter of one: `B` and the number beside it are then both right."""
    letter = next(iter(read(problem.answer)), None)
    return options_mark(problem.question) or (problem.answer if isinstance(letter, Choice) else "")


def not_numerical(problem: Problem) -> str:
    """The answer is not one number: integer, decimal, fraction, closed form such as 6√2, digits in a base, with unit or `x =` or not."""
    return "" if is_number(problem.answer) else problem.answer or "(empty)"


def is_number(answer: str) -> bool:
    """Whether an answer is the value of one real constant, not a function that is constant."""
    found = next(iter(read(answer)), None)
    while isinstance(found, Named) and not any(letter.isalpha() for letter in found.argument):
        found = found.value
    if not isinstance(found, Value):
        return isinstance(found, Based)
    return rational(found.node) is not None or (not symbols(found.node) and size(found.node) is not None)


RULES: dict[str, Rule] = {"image": image, "no_answer": no_answer, "proof": proof, "choice": choice, "not_numerical": not_numerical}
"""In the order in which they are asked; each has a switch of its name."""


@dataclass(frozen=True, kw_only=True)
class Rules(Stage[Table[Problem]]):
    """Keeps problems that no switched-on rule drops; `dropped` in the facts counts by the first rule that applied.

    `dropped.tsv` lists the dropped ones: row of the source, id, rule, and the words that were matched. The paper does not publish its
    filters: the patterns here are ours.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "rule filter on problems"
    version: ClassVar[int] = 4

    problems: Stage[Table[Problem]]
    image: bool = True
    proof: bool = True
    no_answer: bool = True
    choice: bool = True
    not_numerical: bool = True
    expected_kept: float = how(0.5)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["problems"].rows
        return Expect(rows=rows and rows * self.expected_kept, remark=f"keeps {self.expected_kept:.0%} if data are as assumed")

    def peek(self, count: int) -> list[Problem]:
        return list(self._kept(self.problems.peek(count), []))

    def make(self, work: Work) -> None:
        dropped: list[Dropped] = []
        count = work.write(Problem, self._kept(work.open(self.problems), dropped))
        lines = ("\t".join(" ".join(cell.split()) for cell in (str(row), *cells)) + "\n" for row, *cells in dropped)
        (work.folder / DROPPED).write_text("".join(lines), encoding="utf-8")
        counts = Counter(rule for _, _, rule, _ in dropped)
        work.note(dropped=dict(sorted(counts.items())))
        total = count + len(dropped)
        said = ", ".join(f"{rule} {counts[rule]}" for rule in RULES if getattr(self, rule))
        work.console.line(f"dropped of {total} problems: {said}; each is in {DROPPED} with the words that were matched")
        for rule, times in counts.items():
            if times > _MOST * total:
                share = f"the rule {rule} dropped {times / total:.0%} of the problems"
                work.console.line(f"[yellow]warning[/] {share}; look at {DROPPED}, or set filter.{rule}=false")
        if not count:
            raise ValueError(f"the filter dropped all problems: {dict(counts)}; switch a rule off, e.g. filter.not_numerical=false")

    def _kept(self, problems: Iterable[Problem], dropped: "list[Dropped]") -> Iterator[Problem]:
        rules = [(name, rule) for name, rule in RULES.items() if getattr(self, name)]
        for problem in problems:
            name, words = next(((name, words) for name, rule in rules if (words := rule(problem))), ("", ""))
            if name:
                dropped.append((problem.row, problem.id, name, words[:200]))
            else:
                yield problem
