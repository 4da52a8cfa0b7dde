"""Grade outputs that someone else generated, beside the verdicts that they gave themselves."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from o1exp.answers.compare import classes
from o1exp.bench.grade import scores
from o1exp.bench.outcome import BenchmarkScore
from o1exp.bench.verdicts import with_votes
from o1exp.flow.hub import look_for_hub
from o1exp.published import released
from o1exp.published.join import Join, Joined, Side, join
from o1exp.records import Attempt, Problem, Score
from o1exp.records.fields import ASSISTANT, MISSING, Values, as_list, as_text, assistant_text, field, is_chat
from o1exp.records.finish import ending, is_cut
from o1exp.records.style import pieces
from o1exp.sources.gold import gold_answer, written_answer

YES = ("true", "1", "yes", "correct", "right", "pass", "passed", "c")
NO = ("false", "0", "no", "incorrect", "wrong", "fail", "failed", "i", "n")
UNKNOWN = ("", "p")
"""Verdicts; C, I, N (no answer) and P (partly, which is neither) are inspect_ai's."""
MOST_TOKENS = 2**53
"""No answer has so many."""


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

    `finish` is as in `o1exp.records.finish`: "stop", "length" for one that was cut off, "timeout", "refused", "" where nobody knows.
    """

    place: int
    text: str
    peer: bool | None
    reward: float | None
    finish: str
    tokens: int
    counted: bool = True
    """The file says how many tokens there were."""


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


PIECES: Counter = (pieces, "words, numbers and signs (no tokenizer given; not a model's tokens)")


def tokenizer_counter(name: str) -> Counter:
    """Tokens by the tokenizer of a model folder or hub id, without special tokens. Errors: ValueError where there is none."""
    from transformers import AutoTokenizer

    away = look_for_hub(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as wrong:
        reason = f"the hub cannot be reached ({away})" if away else next(iter(str(wrong).strip().splitlines()), type(wrong).__name__)
        raise ValueError(
            f"--tokenizer {name}: it is no folder here with a tokenizer, nor one that was downloaded before, and {reason}; give a folder"
        ) from None
    return (lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])), f"tokens of {name}"


def regrade(outputs: Side, gold: Side | None, fields: OutputFields, by: Join | None, counter: Counter = PIECES) -> Regraded:
    """Errors: ValueError for a field that is not there, sides that do not fit, or problems with two different gold answers."""
    from o1exp.bench.summary import summarise

    released.require(outputs.rows, fields.output, "--outputs-field", outputs.path)
    golden = gold or outputs
    released.require(golden.rows, fields.gold, "--gold-field", golden.path)
    _require_beside(outputs, fields)
    joined = join(outputs, gold, by)
    answers: dict[str, list[PublishedAnswer]] = {}
    golds: dict[str, str] = {}
    unread: list[str] = []
    limit = _token_limit(outputs.rows, fields)
    for place, (row, name) in enumerate(zip(joined.gold, joined.names, strict=True)):
        if row is not None:
            text, answer = _gold(golden.rows[row], fields.gold, row)
            unread += [str(row + 1)] if text and not answer else []
            _settle(golds, name, answer, place)
            answers.setdefault(name, []).extend(_answers(outputs.rows[place], place, fields, counter[0], limit))
    graded = _graded(answers, golds)
    unit = f"tokens as the file counts them ({fields.tokens})" if fields.tokens else counter[1]
    every = [answer for group in answers.values() for answer in group]
    notes = [*joined.notes, *_notes(answers, unread, sum(not answer.finish for answer in every) if fields.finish else 0)]
    notes += _unsaid(outputs, joined, every, fields, counter[1])
    return Regraded(summarise(graded), graded, every, golds, unit, notes)


def _require_beside(outputs: Side, fields: OutputFields) -> None:
    """Errors: ValueError for a named field that is not there; a thought may be absent, but not from every row."""
    named = {"--verdict-field": fields.verdict, "--reward-field": fields.reward, "--finish-field": fields.finish}
    for option, name in (named | {"--tokens-field": fields.tokens}).items():
        if name:
            released.require(outputs.rows, name, option, outputs.path)
    if fields.thinking and all(field(row, fields.thinking) is MISSING for row in outputs.rows):
        released.require(outputs.rows, fields.thinking, "--thinking-field", outputs.path)


def _unsaid(outputs: Side, joined: Joined, every: list[PublishedAnswer], fields: OutputFields, unit: str) -> Iterator[str]:
    """What a named field, or a row, does not say."""
    given = {answer.place for answer in every}
    if empty := [str(place + 1) for place, row in enumerate(joined.gold) if row is not None and place not in given]:
        yield f"left out: {len(empty)} rows of {outputs.path} hold no answer in {fields.output} (rows {_first(empty)})"
    if fields.tokens and (uncounted := sum(not answer.counted for answer in every)):
        yield f"{uncounted} answers have no number in {fields.tokens} and are counted in {unit}"
    if fields.reward and (unrewarded := sum(answer.reward is None for answer in every)):
        yield f"{unrewarded} answers have no number in {fields.reward}, so that there is no rm@k"


def _first(rows: Sequence[str]) -> str:
    return ", ".join(rows[:5]) + (" ..." if len(rows) > 5 else "")


def _notes(answers: dict[str, list[PublishedAnswer]], unread: list[str], unknown: int) -> Iterator[str]:
    if len({len(group) for group in answers.values()}) > 1:
        yield "problems have different numbers of samples; pass@k and maj@k go up to the smallest"
    if unread:
        yield (
            f"{len(unread)} gold answers are worked solutions that announce no answer, so their problems are unscored "
            f"(rows {_first(unread)})"
        )
    if unknown:
        yield f"{unknown} answers do not say, or not in a known word, why they ended; they count as whole"


def _gold(row: Values, name: str, place: int) -> tuple[str, str]:
    """What stands in the field, and the answer in it: "" where a worked solution announces none. Errors: ValueError for an object."""
    try:
        text = written_answer(field(row, name))
    except ValueError as wrong:
        raise ValueError(f"row {place + 1}: {name} {wrong}; name the field inside, as in {name}.answer") from None
    try:
        return text, gold_answer(text)
    except ValueError:
        return text, ""


def _token_limit(rows: Sequence[Values], fields: OutputFields) -> int | None:
    """The tokens at which all answers end that were cut off; None where the file does not say."""
    if not (fields.finish and fields.tokens):
        return None
    beside = [(place, as_list(field(row, fields.finish)), as_list(field(row, fields.tokens))) for place, row in enumerate(rows)]
    pairs = [(place, *pair) for place, reasons, tokens in beside for pair in zip(reasons, tokens, strict=False)]
    ends = {_tokens(tokens, fields.tokens, place) for place, reason, tokens in pairs if is_cut(reason)} - {None}
    return ends.pop() if len(ends) == 1 else None


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


def _answers(row: Values, place: int, fields: OutputFields, count: Callable[[str], int], limit: int | None) -> Iterator[PublishedAnswer]:
    texts = [_text(value, fields.output, place) for value in _samples(field(row, fields.output))]
    if fields.thinking:
        thoughts = [_text(value, fields.thinking, place) for value in _beside(row, fields.thinking, len(texts), place)]
        texts = [f"<think>\n{thought}\n</think>\n\n{text}" if thought else text for thought, text in zip(thoughts, texts, strict=True)]
    peers, rewards, finishes, tokens = (
        _beside(row, name, len(texts), place) for name in (fields.verdict, fields.reward, fields.finish, fields.tokens)
    )
    for draw, text in enumerate(texts):
        counted = _tokens(tokens[draw], fields.tokens, place)
        yield PublishedAnswer(
            place=place, text=text, peer=_truth(peers[draw], fields.verdict, place), reward=_number(rewards[draw], fields.reward, place),
            finish="length" if is_cut(finishes[draw], counted, limit) else ending(finishes[draw]),
            tokens=count(text) if counted is None else counted, counted=counted is not None,
        )  # fmt: skip


def _samples(value: Any) -> list[Any]:
    """The samples in a field: the items of a list, but a whole chat is one."""
    whole = is_chat(value) and any(str(turn.get("role", turn.get("from"))).casefold() not in ASSISTANT for turn in value)
    return [value] if whole else as_list(value)


def _text(value: Any, name: str, place: int) -> str:
    """A text, a message's content, or the model's last turn of a chat. Errors: ValueError for any other object."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and (inner := next((key for key in ("content", "text", "value", "generated_text") if key in value), "")):
        return _text(value[inner], name, place)
    try:
        return assistant_text(value)
    except ValueError as wrong:
        raise ValueError(f"row {place + 1}: {name} {wrong}; name the field with the text, e.g. {name}.0.message.content") from None


def _beside(row: Values, name: str, count: int, place: int) -> Sequence[Any]:
    """The values of a field for each of `count` samples; MISSING where no field is named."""
    if not name:
        return [MISSING] * count
    values = as_list(field(row, name))
    if len(values) != count:
        raise ValueError(f"row {place + 1}: {name} has {len(values)} values for {count} outputs; give one for each")
    return values


def _truth(value: Any, name: str, place: int) -> bool | None:
    word = _word(value).lower()
    if word in UNKNOWN:
        return None
    if word in YES or word in NO:
        return word in YES
    raise ValueError(f"row {place + 1}: {name} is {value!r}, which is no verdict; verdicts are true or false, 1 or 0, correct or incorrect")


def _word(value: Any) -> str:
    """A value alone, or in a list of one; "" where there is none."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return "?" if isinstance(value, dict) else as_text(value)


def _number(value: Any, name: str, place: int) -> float | None:
    """None where the file has none. Errors: ValueError for what is no finite number."""
    word = _word(value)
    try:
        number = float(word) if word else None
    except ValueError:
        number = math.nan
    if number is not None and not math.isfinite(number):
        raise ValueError(f"row {place + 1}: {name} is {_shown(value)}, which is no finite number; give one, or null where there is none")
    return number


def _tokens(value: Any, name: str, place: int) -> int | None:
    number = _number(value, name, place)
    if number is not None and not 0 <= number < MOST_TOKENS:
        raise ValueError(f"row {place + 1}: {name} is {_shown(value)}, which is no number of tokens; give one from 0 on, or null")
    return None if number is None else int(number)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
