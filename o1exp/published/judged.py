"""`python -m o1exp.bench judged`: score the replies that a judge gave, by the judge's own rule."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.published import released
from o1exp.published.judges import JUDGES, Judgement, Language, auto_j_pairwise, both_orders, safety_j
from o1exp.published.released import Row

CLASSES = {
    "safety_j": ("safe", "unsafe"),
    "simpleqa": ("correct", "incorrect", "not attempted"),
    "auto_j": (),
    "pairwise": ("1", "2", "tie", "inconsistent"),
}
DEFAULTS = {"safety_j": "unsafe", "simpleqa": "not attempted"}
"""What the protocol makes of a reply that it cannot read."""
LABELS = {
    "安全": "safe", "不安全": "unsafe", "a": "correct", "b": "incorrect", "c": "not attempted",
    "response 1": "1", "response 2": "2",
}  # fmt: skip
"""Other words for our classes, in files that keep labels beside the replies."""
_SHOWN = 5
_IDS = ("id", "idx", "uid", "index")


@dataclass(frozen=True)
class Judged:
    """The judgement on every reply, in file order; `rule` is the judge's name, or pairwise; `orders` is 2 where both orders were given."""

    rule: str
    replies: list[str]
    judgements: list[Judgement]
    orders: int = 1


def judge(rows: Sequence[Row], name: str, rule: str, language: Language = "auto", swapped: Sequence[str] | None = None) -> Judged:
    """Judge the text in the field `name` of every row. Auto-J's replies are taken as pairwise where `swapped` replies are given, where
    the field holds two texts (the second with the responses swapped), or where most of them state a final decision instead of a rating.
    """
    values = [released.field(row, name) for row in rows]
    if rule == "auto_j" and swapped is None and all(isinstance(value, list) and len(value) == 2 for value in values):
        swapped = [_reply(value[1]) for value in values]
        values = [value[0] for value in values]
    replies = [_reply(value) for value in values]
    if rule == "auto_j" and swapped is not None:
        return Judged("pairwise", replies, [both_orders(one, other) for one, other in zip(replies, swapped, strict=True)], 2)
    if rule == "auto_j" and 2 * sum("final decision is " in reply for reply in replies) > len(replies):
        return Judged("pairwise", replies, [auto_j_pairwise(reply) for reply in replies])
    if rule == "safety_j":
        return Judged(rule, replies, [safety_j(reply, language) for reply in replies])
    return Judged(rule, replies, [JUDGES[rule](reply) for reply in replies])


def _reply(value: Any) -> str:
    """A reply that is no text says nothing that a rule could read."""
    if isinstance(value, list) and len(value) == 1:
        return _reply(value[0])
    return value if isinstance(value, str) else ""


def summary(found: Judged) -> Iterator[str]:
    """The lines to print: each class out of all with an interval, what was decided by default, and near misses."""
    from o1exp.bench.statistics import mean, wilson

    everything, total = Counter(j.label for j in found.judgements), len(found.judgements)
    by_rule = Counter(j.label for j in found.judgements if j.parsed)
    for label in CLASSES[found.rule] or sorted((label for label in by_rule), key=float):
        count = everything[label]
        if found.rule == "pairwise" and label == "inconsistent" and found.orders == 1:
            continue
        estimate = wilson(count, total)
        apart = f"; {count - by_rule[label]} of them by default" if count > by_rule[label] else ""
        interval = f"95 % interval {100 * estimate.low:.1f} to {100 * estimate.high:.1f}"
        yield f"{_shown(found.rule, label)} {count} / {total} ({100 * estimate.value:.1f} %, {interval}){apart}"
    yield f"unparsable {total - sum(by_rule.values())} / {total}{_default(found)}"
    if found.rule == "auto_j" and (ratings := [j.value for j in found.judgements if j.value is not None]):
        rated = mean(ratings)
        yield f"mean rating {rated.value:.2f} over {len(ratings)} rated replies (95 % interval {rated.low:.2f} to {rated.high:.2f})"
        if len(ratings) < total:
            yield f"mean rating {sum(ratings) / total:.2f} if the others count as 0, as in the published code"
    if found.rule == "simpleqa":
        yield from _simpleqa(everything["correct"], everything["incorrect"], total)
    if found.rule == "pairwise":
        yield from _pairwise(found, everything)
    yield from _near(found)


def agreement(found: Judged, labels: Sequence[Any]) -> Iterator[str]:
    """How many of the labels that stand beside the replies are ours, and the first rows where they are not."""
    said = [_label(value) for value in labels]
    differing = [place for place, (label, j) in enumerate(zip(said, found.judgements, strict=True)) if label != j.label]
    yield f"agreement with the labels beside {len(said) - len(differing)} / {len(said)}"
    for place in differing[:_SHOWN]:
        yield f"  row {place + 1}: label {said[place]!r}, by the rule {found.judgements[place].label!r}"


def _label(value: Any) -> str:
    word = released.as_text(value).lower().replace("_", " ")
    return LABELS.get(word, word)


def f1(correct: int, incorrect: int, total: int) -> tuple[float, float]:
    """SimpleQA's accuracy given attempted and F1 = the harmonic mean of it and the overall share of correct answers; 0 where undefined."""
    given = correct / (correct + incorrect) if correct + incorrect else 0.0
    overall = correct / total
    return given, 2 * given * overall / (given + overall) if given + overall else 0.0


def _simpleqa(correct: int, incorrect: int, total: int) -> Iterator[str]:
    given, harmonic = f1(correct, incorrect, total)
    yield f"accuracy given attempted {100 * given:.1f} % ({correct} / {correct + incorrect})"
    yield f"F1 {100 * harmonic:.1f} %"


def _pairwise(found: Judged, counts: Counter[str]) -> Iterator[str]:
    if found.orders == 1:
        yield "one order of the responses only: a judge's liking for the first place is not controlled; give --swapped-field or --swapped"
        return
    consistent = sum(counts[label] for label in ("1", "2", "tie"))
    judged = consistent + counts["inconsistent"]
    if judged:
        yield f"consistent in both orders {consistent} / {judged}; only these count"
    if consistent:
        wins = (counts["1"] + counts["tie"] / 2) / consistent
        yield f"win rate of Response 1 among consistent verdicts {100 * wins:.1f} % (a tie is half)"


def _default(found: Judged) -> str:
    by_default = DEFAULTS.get(found.rule)
    return f" (counted as {by_default} by the protocol; no verdict of the judge)" if by_default else " (left out)"


def _near(found: Judged) -> Iterator[str]:
    near = [(place, reply) for place, (reply, j) in enumerate(zip(found.replies, found.judgements, strict=True), start=1) if j.near]
    if not near:
        return
    inside = found.rule == "simpleqa"
    what = (
        "read from a letter inside a word, as the published rule does"
        if inside
        else "hint at a verdict in a form that the rule does not take"
    )
    yield f"look at {len(near)} replies that {'were ' if inside else ''}{what}:"
    for place, reply in near[:_SHOWN]:
        yield f"  row {place}: {json.dumps(reply[:80], ensure_ascii=False)}"


def _shown(rule: str, label: str) -> str:
    if rule == "auto_j":
        return f"rating {label}"
    return f"Response {label}" if label in ("1", "2") else label


def write(path: Path, rows: Sequence[Row], found: Judged) -> None:
    """One JSON line per row, in order: its number and id, the verdict, and whether the judge gave it or the protocol's default did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for place, (row, judgement) in enumerate(zip(rows, found.judgements, strict=True)):
            own = {name: row[name] for name in _IDS if name in row}
            line: dict[str, Any] = {"row": place, **own, "verdict": judgement.label, "parsed": judgement.parsed}
            line |= {"by": "judge" if judgement.parsed else "default", "look_at": judgement.near}
            line |= {"rating": judgement.value} if found.rule == "auto_j" else {}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
