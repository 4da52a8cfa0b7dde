"""The rules over one problem at a time."""

from o1exp.answers.kinds import Based, Choice, Named, Value
from o1exp.answers.nodes import symbols
from o1exp.answers.normalise import normalise
from o1exp.answers.rational import rational
from o1exp.answers.read import read
from o1exp.answers.regions import size
from o1exp.curate.criteria import Criteria
from o1exp.curate.marks import options_mark, picture_mark, proof_mark
from o1exp.curate.rule import RowRule
from o1exp.records import Problem

_PROOF_ANSWERS = frozenset({"proof", "seeproof", "proven", "proved", "证明", "证明略", "q.e.d", "qed"})
_NO_ANSWERS = frozenset({
    "notfound", "n/a", "na", "none", "null", "nan", "unknown", "noanswer", "answernotfound", "notavailable", "seesolution", "omitted",
    "略", "见解析", "?", "-",
})  # fmt: skip
"""Answers that say there is none, without spaces and marks of text."""


def image(problem: Problem, criteria: Criteria) -> str:
    """The problem cannot be understood without a picture."""
    return picture_mark(problem.question)


def proof(problem: Problem, criteria: Criteria) -> str:
    """The problem asks for a proof."""
    return proof_mark(problem.question) or (problem.answer if normalise(problem.answer).lower() in _PROOF_ANSWERS else "")


def no_answer(problem: Problem, criteria: Criteria) -> str:
    """There is no labelled answer."""
    answer = normalise(problem.answer)
    return "" if answer and answer.lower() not in _NO_ANSWERS else problem.answer or "(empty)"


def choice(problem: Problem, criteria: Criteria) -> str:
    """The question lists options, or the answer is the letter of one: `B` and the number beside it are then both right."""
    letter = next(iter(read(problem.answer)), None)
    return options_mark(problem.question) or (problem.answer if isinstance(letter, Choice) else "")


def not_numerical(problem: Problem, criteria: Criteria) -> str:
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


ROWS: dict[str, RowRule] = {
    "image": RowRule(image, reads=("question",)), "no_answer": RowRule(no_answer, reads=("answer",)), "proof": RowRule(proof),
    "choice": RowRule(choice), "not_numerical": RowRule(not_numerical, reads=("answer",)),
}  # fmt: skip
"""In the order in which they are asked; each has a switch of its name."""
