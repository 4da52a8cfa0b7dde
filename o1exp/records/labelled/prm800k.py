"""PRM800K (Lightman et al. 2023): alternatives for each step with ratings -1, 0 and 1, and steps that the labeller wrote."""

from typing import Any

from o1exp.records.fields import Values, as_text
from o1exp.records.labelled.steps import ROOT, Labelled, Reading, Step
from o1exp.records.tree import Verdict

RATINGS: dict[Any, Verdict] = {1: "right", 0: "neutral", -1: "wrong", None: ""}
_WORTH = {"right": 3, "neutral": 2, "": 1, "wrong": 0}
WRITER, LABELLER = "PRM800K generator", "labeller"


def is_prm800k(row: Values) -> bool:
    """A question object beside a label object with steps."""
    return isinstance(row.get("question"), dict) and isinstance(row.get("label"), dict) and "steps" in row["label"]


def read(row: Values, place: int) -> Labelled:
    """Every alternative is a step of its own; the solution goes on from the chosen one, or from the labeller's own."""
    question, draft, parent = row["question"], Reading(), ROOT
    stages = row["label"]["steps"] or []
    for number, stage in enumerate(stages, 1):
        last = number == len(stages)
        parent = _stage(draft, stage if isinstance(stage, dict) else {}, parent, f"step {number}", last)
    _generated(draft, question, parent)
    if not draft.steps:
        draft.missing.append("has no steps")
    return Labelled(
        place=place, form="prm800k", question=as_text(question.get("problem")), answer=as_text(question.get("ground_truth_answer")),
        solution=as_text(question.get("ground_truth_solution")), steps=tuple(draft.steps), missing=tuple(draft.missing),
    )  # fmt: skip


def _stage(draft: Reading, stage: Values, parent: int, name: str, last: bool) -> int:
    """Adds the alternatives for one step; the place of the one that the solution goes on from."""
    completions, chosen, human = stage.get("completions") or [], stage.get("chosen_completion"), stage.get("human_completion")
    if not completions and not human:
        draft.missing.append(f"{name} has no completion{'' if last else ', so the next one goes on from the step before it'}")
        return parent
    if chosen is not None and not (isinstance(chosen, int) and 0 <= chosen < len(completions)):
        draft.missing.append(f"{name} chooses completion {chosen!r} of {len(completions)}")
        chosen = None
    places = [_completion(draft, one, parent, f"{name}, completion {at}", at == chosen) for at, one in enumerate(completions)]
    if human and (text := as_text(human.get("text"))):
        own = Step(text=text, parent=parent, verdict="right", chosen=chosen is None, writer=LABELLER, judge=LABELLER)
        places.append(draft.add(own))
        return places[-1] if chosen is None else places[chosen]
    if chosen is not None:
        return places[chosen]
    if not last:
        draft.missing.append(f"{name} has no chosen completion, so the next one goes on from the best rated")
        return max((at for at in places if at != parent), key=lambda at: (_WORTH[draft.steps[at].verdict], -at), default=parent)
    return parent


def _completion(draft: Reading, one: Values, parent: int, name: str, chosen: bool) -> int:
    one = one if isinstance(one, dict) else {}
    rating, text = one.get("rating"), as_text(one.get("text"))
    if rating not in RATINGS:
        draft.missing.append(f"{name} has the rating {rating!r}, which is none of -1, 0 and 1")
    elif rating is None:
        draft.missing.append(f"{name} has no rating")
    if not text:
        draft.missing.append(f"{name} has no text")
        return parent
    verdict = RATINGS.get(rating, "")
    return draft.add(
        Step(text=text, parent=parent, verdict=verdict, chosen=chosen, writer=WRITER, judge=LABELLER if verdict else "")
    )  # fmt: skip


def _generated(draft: Reading, question: Values, parent: int) -> None:
    """Phase 2: the model's own solution goes on behind its first wrong step, where nobody has judged it."""
    steps = [as_text(text) for text in question.get("pre_generated_steps") or []]
    at = ROOT
    for number, text in enumerate(steps):
        found = next((place for place, step in enumerate(draft.steps) if step.parent == at and step.text == text), None)
        if found is None:
            if number == 0:
                draft.missing.append("the labelled steps are not those of pre_generated_steps")
                return
            draft.chain((Step(text=rest, writer=WRITER) for rest in steps[number:]), at)
            return
        at = found
