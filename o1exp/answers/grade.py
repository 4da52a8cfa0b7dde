"""Grade one response against one gold answer.

Any two texts get a verdict: nothing that a text makes us raise comes out of here. What is too long (2,000 letters) or nests
too deep (60 levels) to be read equals what is spelled the same, and differs from anything else; what math-verify cannot finish is a
"timeout".
"""

from dataclasses import dataclass
from typing import Literal

from o1exp.answers.compare import compared
from o1exp.answers.conventions import DEFAULT, Conventions, conventions
from o1exp.answers.extract import Found, extract
from o1exp.answers.read import unreadable

Status = Literal["equal", "different", "no_answer", "truncated", "gold_unreadable", "timeout"]


@dataclass(frozen=True)
class Verdict:
    """`correct` is None where the gold answer cannot be read: unscored, not wrong. `method` says how the answer was found.

    `status` says why: equal, different, no_answer (none was found), truncated (the text broke off before one), gold_unreadable, timeout.
    """

    correct: bool | None
    extracted: str
    method: str
    status: Status = "different"


def grade(gold: str, text: str, truncated: bool = False, mode: str = "default") -> Verdict:
    """Is the final answer of `text` the gold answer? Truncated output counts only with a complete box."""
    return judged(gold, extract(text, truncated), conventions(mode))


def grade_answer(gold: str, answer: str, mode: str = "default") -> Verdict:
    """The same for an answer that stands alone."""
    return judged(gold, Found(answer.strip(), "given"), conventions(mode))


def judged(gold: str, found: Found, rules: Conventions = DEFAULT) -> Verdict:
    """The verdict on an answer that has been found."""
    if unreadable(gold):
        return Verdict(None, found.text, found.method, "gold_unreadable")
    if not found.text:
        return Verdict(False, "", found.method, "truncated" if found.truncated else "no_answer")
    outcome = compared(gold, found.text, rules)
    return Verdict(outcome == "equal", found.text, found.method, outcome)
