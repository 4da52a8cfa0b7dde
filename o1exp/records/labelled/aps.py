"""MATH-APS trees (OmegaPRM's way): every step with the share of rollouts from it that came to the gold answer."""

from typing import Any

from o1exp.records.fields import Values, as_text
from o1exp.records.labelled.steps import ROOT, Labelled, Reading, Step
from o1exp.records.tree import Verdict

DEEPEST = 500
"""Levels of a tree that are read."""


def is_aps(row: Values) -> bool:
    return isinstance(row.get("reasoning_steps"), dict)


def read(row: Values, place: int) -> Labelled:
    """The root repeats the question; a step from which no rollout came to the answer is wrong, as in OmegaPRM."""
    draft, root = Reading(), row["reasoning_steps"]
    waiting: list[tuple[Any, int, str]] = [(child, ROOT, f"step {at}") for at, child in enumerate(root.get("children") or [])]
    while waiting:
        node, parent, name = waiting.pop(0)
        if not isinstance(node, dict) or not as_text(node.get("text")):
            draft.missing.append(f"{name} has no text")
            continue
        value = node.get("mc_value")
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            draft.missing.append(f"{name} has no mc_value from 0 to 1")
            value = None
        verdict: Verdict = "" if value is None else "right" if value > 0 else "wrong"
        at = draft.add(
            Step(
                text=as_text(node["text"]), parent=parent, verdict=verdict, value=None if value is None else float(value),
                writer="MATH-APS generator", judge="rollouts" if verdict else "",
            )
        )  # fmt: skip
        if name.count(".") < DEEPEST:
            waiting += [(child, at, f"{name}.{number}") for number, child in enumerate(node.get("children") or [])]
    if not draft.steps:
        draft.missing.append("has no steps below its question")
    return Labelled(
        place=place, form="math_aps", question=as_text(row.get("question", root.get("text"))), answer=as_text(row.get("final_answer")),
        steps=tuple(draft.steps), missing=tuple(draft.missing),
    )  # fmt: skip
