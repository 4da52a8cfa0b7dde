"""`python -m o1exp.bench regrade`: grade outputs that someone else generated, and look at where their own verdicts differ."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from o1exp.bench.summary import BenchmarkScore, scored, summarise
from o1exp.bench.verdicts import classes, gold_answer, verdicts
from o1exp.published import released
from o1exp.published.join import Join, Side, join
from o1exp.published.released import MISSING, Row
from o1exp.records import Score

YES = ("true", "1", "yes", "correct", "right", "pass")
NO = ("false", "0", "no", "incorrect", "wrong", "fail")
CUT = ("length", "max_tokens", "max_length", "truncated")
LATE = ("timeout", "timed_out")
_PIECE = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Which fields of the outputs file hold what; "" for none. Each may hold one value or a list with one per sample."""

    output: str
    gold: str
    thinking: str = ""
    verdict: str = ""
    reward: str = ""
    finish: str = ""
    tokens: str = ""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One published answer; `place` is its row in the outputs file. The peer's verdict, the reward and the finish may be unknown."""

    place: int
    text: str
    peer: bool | None
    reward: float | None
    finish: str
    tokens: int


@dataclass(frozen=True)
class Regraded:
    """Scores beside the samples they are of, by problem; `unit` says what was counted as a token, `notes` what the reader must know."""

    score: BenchmarkScore
    scores: list[Score]
    samples: list[Sample]
    golds: dict[str, str]
    unit: str
    notes: list[str]


Counter = tuple[Callable[[str], int], str]
"""How to count the tokens of a text, and the unit in words."""


def pieces(text: str) -> int:
    """Words, numbers, single signs and single ideographs: a count that needs no model, and is not that of any model."""
    return len(_PIECE.findall(_IDEOGRAPH.sub(" x ", text)))


PIECES: Counter = (pieces, "words, numbers and signs (no tokenizer given; not a model's tokens)")


def tokenizer_counter(name: str) -> Counter:
    """Tokens by the tokenizer of a model folder or hub id, without special tokens."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    return (lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])), f"tokens of {name}"


def regrade(outputs: Side, gold: Side | None, fields: Fields, by: Join | None, counter: Counter = PIECES) -> Regraded:
    """Errors: ValueError for a field that is not there, sides that do not fit, or problems with two different gold answers."""
    released.require(outputs.rows, fields.output, "--outputs-field", outputs.path)
    answers = gold or outputs
    released.require(answers.rows, fields.gold, "--gold-field", answers.path)
    for option, name in (("--verdict-field", fields.verdict), ("--reward-field", fields.reward), ("--finish-field", fields.finish)):
        if name:
            released.require(outputs.rows, name, option, outputs.path)
    joined = join(outputs, gold, by)
    samples: dict[str, list[Sample]] = {}
    golds: dict[str, str] = {}
    for place, (row, name) in enumerate(zip(joined.gold, joined.names, strict=True)):
        if row is not None:
            _settle(golds, name, gold_answer(released.as_text(released.field(answers.rows[row], fields.gold))), place)
            samples.setdefault(name, []).extend(_samples(outputs.rows[place], place, fields, counter[0]))
    flat = [(name, draw, sample) for name, group in samples.items() for draw, sample in enumerate(group)]
    found = verdicts([(golds[name], sample.text, sample.finish in CUT) for name, _, sample in flat])
    scores = [
        Score(
            problem=name, draw=draw, correct=verdict.correct, extracted=verdict.extracted, method=verdict.method, tokens=sample.tokens,
            truncated=sample.finish in CUT, timed_out=sample.finish in LATE,
        )
        for (name, draw, sample), verdict in zip(flat, found, strict=True)
    ]  # fmt: skip
    unit = f"tokens as the file counts them ({fields.tokens})" if fields.tokens else counter[1]
    uneven = len({len(group) for group in samples.values()}) > 1
    notes = [*joined.notes, *(["problems have different numbers of samples; pass@k and maj@k go up to the smallest"] if uneven else [])]
    return Regraded(summarise(scores), scores, [sample for _, _, sample in flat], golds, unit, notes)


def _settle(golds: dict[str, str], name: str, answer: str, place: int) -> None:
    known = golds.setdefault(name, answer)
    if known != answer and len(set(classes([known, answer]))) > 1:
        raise ValueError(
            f"row {place + 1} gives the gold answer {answer!r} to a problem that had {known!r} before; mend the file, or join by idx"
        )


def _samples(row: Row, place: int, fields: Fields, count: Callable[[str], int]) -> Iterator[Sample]:
    texts = [_text(value) for value in released.as_list(released.field(row, fields.output))]
    if fields.thinking:
        thoughts = [_text(value) for value in _beside(row, fields.thinking, len(texts), place)]
        texts = [f"<think>\n{thought}\n</think>\n\n{text}" if thought else text for thought, text in zip(thoughts, texts, strict=True)]
    peers, rewards, finishes, tokens = (
        _beside(row, name, len(texts), place) for name in (fields.verdict, fields.reward, fields.finish, fields.tokens)
    )
    for draw, text in enumerate(texts):
        given = tokens[draw]
        counted = int(given) if isinstance(given, int | float) and not isinstance(given, bool) else count(text)
        finish = released.as_text(finishes[draw]).lower()
        yield Sample(
            place=place, text=text, peer=_truth(peers[draw], fields.verdict, place), reward=_reward(rewards[draw]),
            finish="length" if finish in (*CUT, "true") else finish, tokens=counted,
        )  # fmt: skip


def _text(value: Any) -> str:
    """A text, or the last turn of a chat."""
    if isinstance(value, dict):
        return _text(next((value[name] for name in ("content", "text", "value", "generated_text") if name in value), ""))
    return value if isinstance(value, str) else released.as_text(value)


def _beside(row: Row, name: str, count: int, place: int) -> Sequence[Any]:
    """The values of a field for each of `count` samples; MISSING where no field is named."""
    if not name:
        return [MISSING] * count
    values = released.as_list(released.field(row, name))
    if len(values) != count:
        raise ValueError(f"row {place + 1}: {name} has {len(values)} values for {count} outputs; give one for each")
    return values


def _truth(value: Any, name: str, place: int) -> bool | None:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is MISSING or value is None:
        return None
    word = released.as_text(value).lower()
    if word in YES or word in NO:
        return word in YES
    raise ValueError(f"row {place + 1}: {name} is {value!r}, which is no verdict; verdicts are true or false, 1 or 0, correct or incorrect")


def _reward(value: Any) -> float | None:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def report(found: Regraded, fields: Fields, most: int) -> Iterator[str]:
    """The lines to print; `most` disagreements are shown."""
    score, grouped = found.score, scored(found.scores)
    right, known = sum(row.correct is True for group in grouped.values() for row in group), sum(map(len, grouped.values()))
    yield f"right {right} / {known}"
    interval = f"95 % interval {100 * score.low:.1f} to {100 * score.high:.1f}, over questions"
    each = (
        f"{score.samples} sample{'s' if score.samples > 1 else ''} each" if known == score.problems * score.samples else f"{known} samples"
    )
    yield f"accuracy {100 * score.accuracy:.1f} % ({interval}; standard error {100 * score.error:.1f}); {score.problems} problems, {each}"
    if score.unscored:
        yield f"unscored {score.unscored}: the gold answer could not be read (not counted as wrong)"
    if score.samples > 1:
        yield "pass@k " + ", ".join(f"{k}: {100 * rate:.1f} %" for k, rate in score.pass_at.items())
        yield "maj@k " + ", ".join(f"{k}: {100 * rate:.1f} %" for k, rate in score.majority_at.items())
        yield from _best_of(found, "", [row.correct for row in found.scores])
    yield from _tokens(found)
    if fields.finish:
        yield f"truncated {score.truncated} / {score.attempts}, timed out {score.timed_out}"
        if score.completed and score.completed_accuracy is not None:
            yield f"accuracy on completed answers {100 * score.completed_accuracy:.1f} % of {score.completed}"
    else:
        yield "truncated: unknown (the file says nothing about it, or name its field with --finish-field)"
    yield f"no answer {score.no_answer} / {score.attempts}"
    if fields.verdict:
        yield from _disagreements(found, most)
    yield from (f"note: {note}" for note in found.notes)


def _best_of(found: Regraded, whose: str, right: Sequence[bool | None]) -> Iterator[str]:
    """rm@k by these verdicts, where every answer to a scored problem has a reward."""
    from o1exp.bench.metrics import rm_at_k

    by_problem: dict[str, list[tuple[float, bool]]] = {}
    for row, sample, verdict in zip(found.scores, found.samples, right, strict=True):
        if sample.reward is not None and verdict is not None:
            by_problem.setdefault(row.problem, []).append((sample.reward, verdict))
    if by_problem and all(len(group) >= found.score.samples for group in by_problem.values()):
        rates = {}
        for k in map(int, found.score.majority_at):
            values = [rm_at_k([reward for reward, _ in group], [right for _, right in group], k) for group in by_problem.values()]
            rates[k] = sum(values) / len(values)
        yield f"{whose}rm@k " + ", ".join(f"{k}: {100 * rate:.1f} %" for k, rate in rates.items())


def _tokens(found: Regraded) -> Iterator[str]:
    score = found.score
    apart = ", ".join(
        f"{name} {mean:,.0f}" for name, mean in (("right", score.tokens_right), ("wrong", score.tokens_wrong)) if mean is not None
    )
    yield f"tokens: mean {score.tokens:,.0f}, median {score.tokens_median:,.0f}, p90 {score.tokens_p90:,.0f}; {apart}"
    yield f"  counted in {found.unit}"


def _disagreements(found: Regraded, most: int) -> Iterator[str]:
    pairs = [(row, sample) for row, sample in zip(found.scores, found.samples, strict=True) if sample.peer is not None]
    peer = sum(sample.peer is True for _, sample in pairs)
    yield f"peer's verdicts: right {peer} / {len(pairs)} ({100 * peer / max(1, len(pairs)):.1f} %)"
    if found.score.samples > 1 and len(pairs) == len(found.scores):
        yield from _peer_votes(found)
    differing = [(row, sample) for row, sample in pairs if row.correct is not None and row.correct != sample.peer]
    yield f"disagreements {len(differing)}" + (":" if differing else "")
    for row, sample in differing[:most]:
        ours, gold = "right" if row.correct else "wrong", found.golds[row.problem]
        answer = json.dumps(row.extracted[:80], ensure_ascii=False)
        theirs, shown = "right" if sample.peer else "wrong", json.dumps(gold[:80], ensure_ascii=False)
        who = f"we say {ours}, the peer {theirs}"
        yield f"  row {sample.place + 1}, sample {row.draw + 1}: {who}; answer {answer} ({row.method}), gold {shown}"
    if len(differing) > most:
        yield f"  ... and {len(differing) - most} more; --out has all of them"


def _peer_votes(found: Regraded) -> Iterator[str]:
    """maj@k and rm@k with the peer's verdicts in the place of ours; the classes of equal answers stay ours."""
    from o1exp.bench.metrics import Votes

    peers = [sample.peer for sample in found.samples]
    theirs = [replace(row, correct=peer) for row, peer in zip(found.scores, peers, strict=True)]
    votes = [Votes.of(group) for group in scored(theirs).values()]
    rates = {k: sum(vote.maj_at(k) for vote in votes) / len(votes) for k in map(int, found.score.majority_at)}
    yield "by the peer's verdicts maj@k " + ", ".join(f"{k}: {100 * rate:.1f} %" for k, rate in rates.items())
    yield from _best_of(found, "by the peer's verdicts ", peers)


def write(path: Path, found: Regraded) -> None:
    """One JSON line per sample, in the order of the outputs file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = sorted(zip(found.scores, found.samples, strict=True), key=lambda pair: (pair[1].place, pair[0].draw))
    with path.open("w", encoding="utf-8") as out:
        for row, sample in rows:
            out.write(json.dumps(_line(row, sample, found.golds), ensure_ascii=False) + "\n")


def _line(row: Score, sample: Sample, golds: Mapping[str, str]) -> dict[str, Any]:
    own = {name: value for name, value in asdict(row).items() if name in ("correct", "extracted", "method", "tokens", "truncated")}
    return {"row": sample.place, "sample": row.draw, "gold": golds[row.problem], **own, "peer": sample.peer}
