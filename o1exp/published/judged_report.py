"""What a judge's replies say all together: as lines to read, and the same as JSON values."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from o1exp.bench.judges import Judge, as_rating
from o1exp.bench.metrics import f1
from o1exp.bench.statistics import fraction, wilson
from o1exp.published.judged import Judged
from o1exp.records.fields import as_text

LABELS = {
    "安全": "safe", "不安全": "unsafe", "a": "correct", "b": "incorrect", "c": "not attempted",
    "response 1": "1", "response 2": "2",
}  # fmt: skip
"""Other words for our classes, in files that keep labels beside the replies."""
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Share:
    """A label's replies, its share of all with a 95 % interval, and how many of them the protocol decided by default."""

    label: str
    count: int
    share: float
    low: float
    high: float
    by_default: int


@dataclass(frozen=True, kw_only=True)
class Rating:
    """The mean of a judge's own numbers over the `rated` replies with its 95 % interval; `others_as_zero` counts the others as 0."""

    mean: float
    low: float
    high: float
    rated: int
    others_as_zero: float


@dataclass(frozen=True, kw_only=True)
class Attempted:
    """SimpleQA: accuracy over the `attempted` answers, and F1, its harmonic mean with the overall share of correct ones."""

    correct: int
    attempted: int
    accuracy: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class Pairwise:
    """Decisions that hold in both orders of the responses; `wins` is Response 1's share of them, a tie counted half."""

    consistent: int
    judged: int
    wins: float | None


@dataclass(frozen=True, kw_only=True)
class Label:
    """A row (from 1) whose label beside the reply is not what the rule says."""

    row: int
    label: str
    rule: str


@dataclass(frozen=True, kw_only=True)
class JudgedReport:
    """`near` are (row from 1, reply) that a person should look at; `agreeing` are the labels beside the replies that are ours (None: none
    were given), `differing` the others."""

    judge: str
    replies: int
    labels: list[Share]
    unparsable: int
    default: str
    one_order: bool
    rating: Rating | None
    attempted: Attempted | None
    pairwise: Pairwise | None
    near: list[tuple[int, str]]
    agreeing: int | None = None
    differing: list[Label] | None = None
    other_rule: list[Label] | None = None
    """Safety-J: the rows that its other rule reads otherwise; `label` is what that rule says."""

    def plain(self) -> dict[str, Any]:
        """As JSON values, without what does not apply."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def report(found: Judged, labels: Sequence[Any] | None = None) -> JudgedReport:
    """`labels` stand beside the replies in the file, if any."""
    judge, shares = found.judge, _shares(found)
    counts = {share.label: share.count for share in shares}
    differing = None if labels is None else list(_differing(found, labels))
    return JudgedReport(
        judge=judge.name, replies=len(found.replies), labels=shares, unparsable=sum(not j.parsed for j in found.judgements),
        default=judge.default, one_order=_is_pairwise(judge) and found.orders == 1,
        rating=None if judge.values else _rating(found), attempted=_attempted(counts, len(found.replies)) if judge.abstained else None,
        pairwise=_pairwise(counts) if _is_pairwise(judge) and found.orders == 2 else None,
        near=[(place, reply) for place, (reply, j) in enumerate(zip(found.replies, found.judgements, strict=True), start=1) if j.near],
        agreeing=None if differing is None else len(found.replies) - len(differing), differing=differing, other_rule=_other_rule(found),
    )  # fmt: skip


def _is_pairwise(judge: Judge) -> bool:
    return "inconsistent" in judge.labels


def _shares(found: Judged) -> list[Share]:
    everything, total = Counter(score.label for score in found.scores), len(found.scores)
    by_rule = Counter(score.label for score in found.scores if score.method == "judge")
    shares = []
    for label in found.judge.labels or sorted(by_rule, key=float):
        if label == "inconsistent" and found.orders == 1:
            continue
        count, estimate = everything[label], wilson(everything[label], total)
        apart = {"share": estimate.value, "low": estimate.low, "high": estimate.high}
        shares.append(Share(label=label, count=count, by_default=count - by_rule[label], **apart))
    return shares


def _rating(found: Judged) -> Rating | None:
    values = [score.value for score in found.scores if score.value is not None]
    if not values:
        return None
    lowest, highest = found.judge.scale
    shares = fraction([(value - lowest) / (highest - lowest) for value in values])  # within the scale, and wide where few are rated
    low, high = (lowest + share * (highest - lowest) for share in (shares.low, shares.high))
    mean = sum(values) / len(values)
    return Rating(mean=mean, low=low, high=high, rated=len(values), others_as_zero=sum(values) / len(found.scores))


def _attempted(counts: dict[str, int], total: int) -> Attempted:
    given, harmonic = f1(counts["correct"], counts["incorrect"], total)
    return Attempted(correct=counts["correct"], attempted=counts["correct"] + counts["incorrect"], accuracy=given, f1=harmonic)


def _pairwise(counts: dict[str, int]) -> Pairwise:
    consistent = sum(counts[label] for label in ("1", "2", "tie"))
    wins = (counts["1"] + counts["tie"] / 2) / consistent if consistent else None
    return Pairwise(consistent=consistent, judged=consistent + counts["inconsistent"], wins=wins)


def _differing(found: Judged, labels: Sequence[Any]) -> Iterator[Label]:
    for row, (value, score) in enumerate(zip(labels, found.scores, strict=True), start=1):
        try:
            word = as_text(value).lower().replace("_", " ")
        except ValueError as wrong:
            raise ValueError(f"row {row}: the label {wrong}; name the field inside with --label-field") from None
        if (said := LABELS.get(word, word) if found.judge.labels else as_rating(word)) != score.label:
            yield Label(row=row, label=said, rule=score.label)


def _other_rule(found: Judged) -> list[Label] | None:
    if found.other is None:
        return None
    pairs = zip(found.other, found.scores, strict=True)
    return [Label(row=row, label=other, rule=score.label) for row, (other, score) in enumerate(pairs, start=1) if other != score.label]


def lines(found: JudgedReport, near: str) -> Iterator[str]:
    """The lines to print: each class out of all with an interval, what was decided by default, and near misses, which `near` explains."""
    for one in found.labels:
        apart = f"; {one.by_default} of them by default" if one.by_default else ""
        interval = f"95 % interval {100 * one.low:.1f} to {100 * one.high:.1f}"
        yield f"{_shown(found, one.label)} {one.count} / {found.replies} ({100 * one.share:.1f} %, {interval}){apart}"
    decided = f" (counted as {found.default} by the protocol; no verdict of the judge)" if found.default else " (left out)"
    yield f"unparsable {found.unparsable} / {found.replies}{decided}"
    yield from _numbers(found)
    if found.near:
        yield f"look at {len(found.near)} replies that {near}:"
        yield from (f"  row {row}: {json.dumps(reply[:80], ensure_ascii=False)}" for row, reply in found.near[:_SHOWN])
    if found.other_rule:
        yield f"the other rule of Safety-J reads {len(found.other_rule)} replies otherwise:"
        yield from (f"  row {one.row}: {one.rule} here, {one.label} there" for one in found.other_rule[:_SHOWN])
    if found.differing is not None:
        yield f"agreement with the labels beside {found.agreeing} / {found.replies}"
        yield from (f"  row {one.row}: label {one.label!r}, by the rule {one.rule!r}" for one in found.differing[:_SHOWN])


def _numbers(found: JudgedReport) -> Iterator[str]:
    if (rating := found.rating) is not None:
        yield f"mean rating {rating.mean:.2f} over {rating.rated} rated replies (95 % interval {rating.low:.2f} to {rating.high:.2f})"
        if rating.rated < found.replies:
            yield f"mean rating {rating.others_as_zero:.2f} if the others count as 0, as in the published code"
    if (qa := found.attempted) is not None:
        yield f"accuracy given attempted {100 * qa.accuracy:.1f} % ({qa.correct} / {qa.attempted})"
        yield f"F1 {100 * qa.f1:.1f} %"
    if found.one_order:
        yield "one order of the responses only: a judge's liking for the first place is not controlled; give --swapped-field or --swapped"
    if (pair := found.pairwise) is not None and pair.judged:
        yield f"consistent in both orders {pair.consistent} / {pair.judged}; only these count"
        if pair.wins is not None:
            yield f"win rate of Response 1 among consistent verdicts {100 * pair.wins:.1f} % (a tie is half)"


def _shown(found: JudgedReport, label: str) -> str:
    if not (found.one_order or found.pairwise or found.default):
        return f"rating {label}"
    return f"Response {label}" if label in ("1", "2") else label
