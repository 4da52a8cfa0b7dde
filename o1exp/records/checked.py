"""An answer that people have checked: what a judge is measured on."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckedAnswer:
    """One answer to a problem with the label that people gave it, in the judge's own words (correct, incorrect, safe, unsafe ...).

    `gold` is the right answer as far as one is known; `problem` tells answers to the same question.
    """

    problem: str
    question: str
    response: str
    label: str
    gold: str = ""
