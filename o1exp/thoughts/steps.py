"""What a model writes, as steps: one for each request, or a longer text that is cut at its step marks."""

from collections.abc import Sequence

from o1exp.answers.extract import last_box
from o1exp.answers.grade import grade
from o1exp.chat.headings import NEXT, PROBLEM, STEPS
from o1exp.chat.request import Answer
from o1exp.records import Problem

MARK = "\n\n"
"""What stands between two steps unless a setting says otherwise."""
PROMPT = rf"""Solve a problem step by step, thinking aloud: say what you try and why, calculate in full, and check where you doubt.

{PROBLEM}
{{question}}

{STEPS}
{{steps}}

{NEXT}
Write that one step only and stop. Do not repeat what stands there already. The step that ends the solution gives the final answer in
\boxed{{}}."""


def cut(answer: Answer, mark: str, first_only: bool) -> list[str]:
    """The steps of an answer, without empty ones: all of it cut at the marks, or the first alone. Behind a final answer there is none."""
    if not answer.usable and not (answer.cut and answer.text.strip()):
        return []
    steps = [step.strip() for step in answer.text.split(mark) if step.strip()]
    if answer.cut and not (first_only and len(steps) > 1):
        steps = steps[:-1]  # the last one broke off
    ended = next((place for place, step in enumerate(steps) if ends(step)), len(steps))
    return steps[:1] if first_only else steps[: ended + 1]


def ends(step: str) -> bool:
    """Does it give the final answer?"""
    return bool(last_box(step))


def verdict(problem: Problem, step: str) -> bool | None:
    """Is the answer that it ends with the gold answer? None where the gold answer cannot be read."""
    return grade(problem.answer, step).correct


def distinct(chains: Sequence[list[str]]) -> list[list[str]]:
    """Each chain of steps once; an equal one to a former is empty."""
    seen, kept = set[tuple[str, ...]](), list[list[str]]()
    for chain in chains:
        kept.append([] if tuple(chain) in seen else chain)
        seen.add(tuple(chain))
    return kept
