"""Grade one response against one gold answer."""

from dataclasses import dataclass

from o1exp.answers.compare import same
from o1exp.answers.extract import Found, extract
from o1exp.answers.normalise import normalise


@dataclass(frozen=True)
class Verdict:
    """`correct` is None where the gold answer is empty: unscored, not wrong. `method` says how the answer was found."""

    correct: bool | None
    extracted: str
    method: str


def grade(gold: str, text: str, truncated: bool = False) -> Verdict:
    """Is the final answer of `text` the gold answer? Truncated output counts only with a complete box."""
    return _verdict(gold, extract(text, truncated))


def grade_answer(gold: str, answer: str) -> Verdict:
    """The same for an answer that stands alone."""
    return _verdict(gold, Found(answer.strip(), "given"))


def _verdict(gold: str, found: Found) -> Verdict:
    if not normalise(gold):
        return Verdict(None, found.text, found.method)
    return Verdict(bool(found.text) and same(gold, found.text), found.text, found.method)
