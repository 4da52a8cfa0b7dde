"""Score the replies that a judge gave, by the judge's own rule."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from o1exp.bench.judges import JUDGES, PAIRWISE, Judge, Judgement, Language, both_orders, safety_j, safety_j_published
from o1exp.records import Score
from o1exp.records.fields import Values, field

SAFETY = {"safety_j": safety_j, "safety_j_published": safety_j_published}
"""Both rules by which Safety-J's replies are read."""
_IDS = ("id", "idx", "uid", "index")


@dataclass(frozen=True)
class Judged:
    """The judgement on every reply, in file order; `orders` is 2 where both orders of two responses were given."""

    judge: Judge
    replies: list[str]
    judgements: list[Judgement]
    orders: int = 1
    other: list[str] | None = None
    """Safety-J: the labels by its other rule."""

    @cached_property
    def scores(self) -> list[Score]:
        """The same as scores; the problem is the row's place, from 0."""
        return [self.judge.score(str(place), judgement) for place, judgement in enumerate(self.judgements)]


def judge(rows: Sequence[Values], name: str, rule: str, language: Language = "auto", swapped: Sequence[str] | None = None) -> Judged:
    """Judge the text in the field `name` of every row. Auto-J's replies are taken as pairwise where `swapped` replies are given, where
    the field holds two texts (the second with the responses swapped), or where most of them state a final decision instead of a rating.

    Errors: ValueError where the field holds two texts in some rows alone.
    """
    values = [field(row, name) for row in rows]
    if rule == "auto_j" and swapped is None and _are_pairs(values, name):
        swapped = [as_reply(value[1]) for value in values]
        values = [value[0] for value in values]
    replies = [as_reply(value) for value in values]
    if rule == "auto_j" and swapped is not None:
        return Judged(PAIRWISE, replies, [both_orders(one, other) for one, other in zip(replies, swapped, strict=True)], 2)
    judge = JUDGES[rule]
    if rule == "auto_j" and 2 * sum("final decision is " in reply for reply in replies) > len(replies):
        judge = PAIRWISE
    other = None
    if rule in SAFETY:
        judge = replace(judge, read=lambda reply: SAFETY[rule](reply, language))
        other = [read(reply, language).label for name, read in SAFETY.items() if name != rule for reply in replies]
    return Judged(judge, replies, [judge.read(reply) for reply in replies], other=other)


def _are_pairs(values: Sequence[Any], name: str) -> bool:
    """Errors: ValueError where some rows alone hold two replies: the others would say nothing of a pair, nor these of one response."""
    pairs = [isinstance(value, list) and len(value) == 2 for value in values]
    if any(pairs) and not all(pairs):
        raise ValueError(
            f"{name} holds two replies in {sum(pairs)} of {len(pairs)} rows, but not in row {pairs.index(False) + 1}; give both orders of "
            "every pair"
        )
    return all(pairs)


def as_reply(value: Any) -> str:
    """A reply that is no text says nothing that a rule could read."""
    if isinstance(value, list) and len(value) == 1:
        return as_reply(value[0])
    return value if isinstance(value, str) else ""


def write(path: Path, rows: Sequence[Values], found: Judged) -> None:
    """One JSON line per row, in order: its number and id, the verdict and its value, and whether the judge gave it or the default did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for place, (row, judgement, score) in enumerate(zip(rows, found.judgements, found.scores, strict=True)):
            own = {name: row[name] for name in _IDS if name in row}
            line: dict[str, Any] = {"row": place, **own, "verdict": score.label, "parsed": judgement.parsed, "by": score.method}
            line |= {"look_at": judgement.near, "value": score.value, "scale": score.scale, "scorer": score.scorer}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
