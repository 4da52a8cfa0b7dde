"""Grade outputs that someone else generated, beside the verdicts that they gave themselves."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from o1exp.answers.extract import extract
from o1exp.answers.vote import classes
from o1exp.bench.grade import scores
from o1exp.bench.outcome import BenchmarkScore
from o1exp.bench.verdicts import with_votes
from o1exp.published import released
from o1exp.published.join import Join, Side, join
from o1exp.records import Attempt, Problem, Score
from o1exp.records.fields import MISSING, Values, as_list, as_text, field

YES = ("true", "1", "yes", "correct", "right", "pass")
NO = ("false", "0", "no", "incorrect", "wrong", "fail")
CUT = ("length", "max_tokens", "max_length", "truncated", "true")
LATE = ("timeout", "timed_out")
_PIECE = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, kw_only=True)
class OutputFields:
    """Which fields of the outputs file hold what; "" for none. Each may hold one value or a list with one per sample."""

    output: str
    gold: str
    thinking: str = ""
    verdict: str = ""
    reward: str = ""
    finish: str = ""
    tokens: str = ""


@dataclass(frozen=True, kw_only=True)
class PublishedAnswer:
    """One answer that others released; `place` is its row in the outputs file. The peer's verdict and the reward may be unknown.

    `finish` is "length" for one that was cut off, "timeout" for one that came too late, else what the file says.
    """

    place: int
    text: str
    peer: bool | None
    reward: float | None
    finish: str
    tokens: int


@dataclass(frozen=True)
class Regraded:
    """Scores beside the answers they are of, by problem; `unit` says what was counted as a token, `notes` what the reader must know."""

    score: BenchmarkScore
    scores: list[Score]
    answers: list[PublishedAnswer]
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


def regrade(outputs: Side, gold: Side | None, fields: OutputFields, by: Join | None, counter: Counter = PIECES) -> Regraded:
    """Errors: ValueError for a field that is not there, sides that do not fit, or problems with two different gold answers."""
    from o1exp.bench.summary import summarise

    released.require(outputs.rows, fields.output, "--outputs-field", outputs.path)
    golden = gold or outputs
    released.require(golden.rows, fields.gold, "--gold-field", golden.path)
    for option, name in (("--verdict-field", fields.verdict), ("--reward-field", fields.reward), ("--finish-field", fields.finish)):
        if name:
            released.require(outputs.rows, name, option, outputs.path)
    joined = join(outputs, gold, by)
    answers: dict[str, list[PublishedAnswer]] = {}
    golds: dict[str, str] = {}
    for place, (row, name) in enumerate(zip(joined.gold, joined.names, strict=True)):
        if row is not None:
            _settle(golds, name, gold_answer(as_text(field(golden.rows[row], fields.gold))), place)
            answers.setdefault(name, []).extend(_answers(outputs.rows[place], place, fields, counter[0]))
    graded = _graded(answers, golds)
    unit = f"tokens as the file counts them ({fields.tokens})" if fields.tokens else counter[1]
    uneven = len({len(group) for group in answers.values()}) > 1
    notes = [*joined.notes, *(["problems have different numbers of samples; pass@k and maj@k go up to the smallest"] if uneven else [])]
    return Regraded(summarise(graded), graded, [answer for group in answers.values() for answer in group], golds, unit, notes)


def gold_answer(text: str) -> str:
    """The answer alone, where a data set gives a whole worked solution (a box, `#### x`, or a last line that says it); else the text."""
    worked = "boxed" in text or "####" in text or "\n" in text.strip()
    return (extract(text).text if worked else "") or text.strip()


def _graded(answers: dict[str, list[PublishedAnswer]], golds: dict[str, str]) -> list[Score]:
    attempts, problems = [], []
    for name, group in answers.items():
        for draw, one in enumerate(group):
            attempts.append(Attempt(problem=name, draw=draw, text=one.text, tokens=one.tokens, finish_reason=one.finish))
            problems.append(Problem(id=name, question=name, answer=golds[name]))
    return with_votes(scores(attempts, problems))


def _settle(golds: dict[str, str], name: str, answer: str, place: int) -> None:
    known = golds.setdefault(name, answer)
    if known != answer and len(set(classes([known, answer]))) > 1:
        raise ValueError(
            f"row {place + 1} gives the gold answer {answer!r} to a problem that had {known!r} before; mend the file, or join by idx"
        )


def _answers(row: Values, place: int, fields: OutputFields, count: Callable[[str], int]) -> Iterator[PublishedAnswer]:
    texts = [_text(value) for value in as_list(field(row, fields.output))]
    if fields.thinking:
        thoughts = [_text(value) for value in _beside(row, fields.thinking, len(texts), place)]
        texts = [f"<think>\n{thought}\n</think>\n\n{text}" if thought else text for thought, text in zip(thoughts, texts, strict=True)]
    peers, rewards, finishes, tokens = (
        _beside(row, name, len(texts), place) for name in (fields.verdict, fields.reward, fields.finish, fields.tokens)
    )
    for draw, text in enumerate(texts):
        given, finish = tokens[draw], as_text(finishes[draw]).lower()
        counted = int(given) if isinstance(given, int | float) and not isinstance(given, bool) else count(text)
        yield PublishedAnswer(
            place=place, text=text, peer=_truth(peers[draw], fields.verdict, place), reward=_reward(rewards[draw]),
            finish="length" if finish in CUT else "timeout" if finish in LATE else finish, tokens=counted,
        )  # fmt: skip


def _text(value: Any) -> str:
    """A text, or the last turn of a chat."""
    if isinstance(value, dict):
        return _text(next((value[name] for name in ("content", "text", "value", "generated_text") if name in value), ""))
    return value if isinstance(value, str) else as_text(value)


def _beside(row: Values, name: str, count: int, place: int) -> Sequence[Any]:
    """The values of a field for each of `count` samples; MISSING where no field is named."""
    if not name:
        return [MISSING] * count
    values = as_list(field(row, name))
    if len(values) != count:
        raise ValueError(f"row {place + 1}: {name} has {len(values)} values for {count} outputs; give one for each")
    return values


def _truth(value: Any, name: str, place: int) -> bool | None:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is MISSING or value is None:
        return None
    word = as_text(value).lower()
    if word in YES or word in NO:
        return word in YES
    raise ValueError(f"row {place + 1}: {name} is {value!r}, which is no verdict; verdicts are true or false, 1 or 0, correct or incorrect")


def _reward(value: Any) -> float | None:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
