"""What a regrading found: as lines to read, and the same as JSON values."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from o1exp.bench.metrics import Votes, rm_at_k
from o1exp.bench.outcome import BenchmarkScore
from o1exp.bench.summary import by_question
from o1exp.published.regrade import OutputFields, PublishedAnswer, Regraded
from o1exp.records import Score


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """One answer on which we and the peer differ; `row` and `sample` count from 1."""

    row: int
    sample: int
    ours: bool
    peer: bool
    extracted: str
    method: str
    gold: str


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The verdicts of those who released the answers; maj@k and rm@k by k are theirs too, the classes of equal answers ours."""

    right: int
    answers: int
    majority_at: dict[int, float]
    rm_at: dict[int, float]
    disagreements: list[Disagreement]


@dataclass(frozen=True, kw_only=True)
class RegradeReport:
    """`right` of the `scored` answers; `rm_at` is empty without rewards, `peer` None where the file has no verdicts.

    `counted_in` says what a token is; without `truncation_known` the file does not say which answers were cut off.
    """

    right: int
    scored: int
    score: BenchmarkScore
    rm_at: dict[int, float]
    counted_in: str
    truncation_known: bool
    peer: Peer | None
    notes: list[str]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "score": self.score.plain()}


def report(found: Regraded, fields: OutputFields) -> RegradeReport:
    known = [row.correct for row in found.scores if row.correct is not None]
    return RegradeReport(
        right=sum(known), scored=len(known), score=found.score, rm_at=_best_of(found, [row.correct for row in found.scores]),
        counted_in=found.unit, truncation_known=bool(fields.finish), peer=_peer(found) if fields.verdict else None, notes=found.notes,
    )  # fmt: skip


def _peer(found: Regraded) -> Peer:
    pairs = [(row, answer) for row, answer in zip(found.scores, found.answers, strict=True) if answer.peer is not None]
    whole = len(pairs) == len(found.scores)
    return Peer(
        right=sum(answer.peer is True for _, answer in pairs), answers=len(pairs), majority_at=_peer_votes(found) if whole else {},
        rm_at=_best_of(found, [answer.peer for answer in found.answers]) if whole else {},
        disagreements=[
            Disagreement(
                row=answer.place + 1, sample=row.draw + 1, ours=row.correct, peer=answer.peer, extracted=row.extracted, method=row.method,
                gold=found.golds[row.problem],
            )
            for row, answer in pairs if row.correct is not None and answer.peer is not None and row.correct != answer.peer
        ],
    )  # fmt: skip


def _peer_votes(found: Regraded) -> dict[int, float]:
    theirs = [replace(row, correct=answer.peer) for row, answer in zip(found.scores, found.answers, strict=True)]
    votes = [vote for group in by_question(theirs).values() if (vote := Votes.of(group)) is not None]
    return {k: sum(vote.maj_at(k) for vote in votes) / len(votes) for k in map(int, found.score.majority_at)}


def _best_of(found: Regraded, right: Sequence[bool | None]) -> dict[int, float]:
    """rm@k by these verdicts, where every answer to a scored problem has a reward."""
    by_problem: dict[str, list[tuple[float, bool]]] = {}
    for row, answer, verdict in zip(found.scores, found.answers, right, strict=True):
        if answer.reward is not None and verdict is not None:
            by_problem.setdefault(row.problem, []).append((answer.reward, verdict))
    if not by_problem or any(len(group) < found.score.samples for group in by_problem.values()):
        return {}
    rates = {}
    for k in map(int, found.score.majority_at):
        values = [rm_at_k([reward for reward, _ in group], [right for _, right in group], k) for group in by_problem.values()]
        rates[k] = sum(values) / len(values)
    return rates


def lines(found: RegradeReport, most: int) -> Iterator[str]:
    """The lines to print; `most` disagreements are shown."""
    score = found.score
    yield f"right {found.right} / {found.scored}"
    interval = f"95 % interval {100 * score.low:.1f} to {100 * score.high:.1f}, over questions"
    even = found.scored == score.problems * score.samples
    each = f"{score.samples} sample{'s' if score.samples > 1 else ''} each" if even else f"{found.scored} samples"
    yield f"accuracy {100 * score.accuracy:.1f} % ({interval}; standard error {100 * score.error:.1f}); {score.problems} problems, {each}"
    if score.unscored:
        yield f"unscored {score.unscored}: the gold answer could not be read (not counted as wrong)"
    if score.samples > 1:
        yield _rates("pass@k", score.pass_at)
        yield _rates("maj@k", score.majority_at)
        if found.rm_at:
            yield _rates("rm@k", found.rm_at)
    yield from _tokens(found)
    yield from _truncation(found)
    yield f"no answer {score.no_answer} / {score.attempts}"
    if found.peer is not None:
        yield from _against(found.peer, score.samples, most)
    yield from (f"note: {note}" for note in found.notes)


def _rates(name: str, rates: dict[str, float] | dict[int, float]) -> str:
    return f"{name} " + ", ".join(f"{k}: {100 * rate:.1f} %" for k, rate in rates.items())


def _tokens(found: RegradeReport) -> Iterator[str]:
    score = found.score
    apart = ", ".join(
        f"{name} {mean:,.0f}" for name, mean in (("right", score.tokens_right), ("wrong", score.tokens_wrong)) if mean is not None
    )
    yield f"tokens: mean {score.tokens:,.0f}, median {score.tokens_median:,.0f}, p90 {score.tokens_p90:,.0f}; {apart}"
    yield f"  counted in {found.counted_in}"


def _truncation(found: RegradeReport) -> Iterator[str]:
    score = found.score
    if not found.truncation_known:
        yield "truncated: unknown (the file says nothing about it, or name its field with --finish-field)"
        return
    yield f"truncated {score.truncated} / {score.attempts}, timed out {score.timed_out}"
    if score.completed and score.completed_accuracy is not None:
        yield f"accuracy on completed answers {100 * score.completed_accuracy:.1f} % of {score.completed}"


def _against(peer: Peer, samples: int, most: int) -> Iterator[str]:
    yield f"peer's verdicts: right {peer.right} / {peer.answers} ({100 * peer.right / max(1, peer.answers):.1f} %)"
    if samples > 1 and peer.majority_at:
        yield _rates("by the peer's verdicts maj@k", peer.majority_at)
        if peer.rm_at:
            yield _rates("by the peer's verdicts rm@k", peer.rm_at)
    count = len(peer.disagreements)
    yield f"disagreements {count}" + (":" if count else "")
    for one in peer.disagreements[:most]:
        who = f"we say {'right' if one.ours else 'wrong'}, the peer {'right' if one.peer else 'wrong'}"
        yield f"  row {one.row}, sample {one.sample}: {who}; answer {_quoted(one.extracted)} ({one.method}), gold {_quoted(one.gold)}"
    if count > most:
        yield f"  ... and {count - most} more; --out has all of them"


def _quoted(text: str) -> str:
    return json.dumps(text[:80], ensure_ascii=False)


def write(path: Path, found: Regraded) -> None:
    """One JSON line per sample, in the order of the outputs file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = sorted(zip(found.scores, found.answers, strict=True), key=lambda pair: (pair[1].place, pair[0].draw))
    with path.open("w", encoding="utf-8") as out:
        for row, answer in rows:
            out.write(json.dumps(_line(row, answer, found.golds[row.problem]), ensure_ascii=False) + "\n")


def _line(row: Score, answer: PublishedAnswer, gold: str) -> dict[str, Any]:
    own = {name: value for name, value in asdict(row).items() if name in ("correct", "extracted", "method", "tokens", "truncated")}
    return {"row": answer.place, "sample": row.draw, "gold": gold, **own, "peer": answer.peer}
