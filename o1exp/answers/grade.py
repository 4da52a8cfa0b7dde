"""Grade responses against gold answers, one or many.

Any two texts get a verdict: nothing that a text makes us raise comes out of here. What is too long (2,000 letters) or nests
too deep (60 levels) to be read equals what is spelled the same, and differs from anything else; what math-verify cannot finish is a
"timeout". Large batches are graded by a pool of processes; equal pairs are compared once.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal

from o1exp.answers.compare import compared
from o1exp.answers.conventions import DEFAULT, Conventions, conventions
from o1exp.answers.extract import Found, extract
from o1exp.answers.normalise import clean, restored
from o1exp.answers.read import unreadable
from o1exp.flow.process import die_with

Status = Literal["equal", "different", "no_answer", "truncated", "gold_unreadable", "timeout"]


@dataclass(frozen=True)
class Verdict:
    """`correct` is None where the gold answer cannot be read: unscored, not wrong. `method` says how the answer was found.

    `status` says why: equal, different, no_answer (none was found), truncated (the text broke off before one), gold_unreadable, timeout.
    """

    correct: bool | None
    extracted: str
    method: str
    status: Status = "different"


def grade(gold: str, text: str, truncated: bool = False, mode: str = "default") -> Verdict:
    """Is the final answer of `text` the gold answer? Truncated output counts only with a complete box."""
    return judged(gold, extract(text, truncated), conventions(mode))


def grade_answer(gold: str, answer: str, mode: str = "default") -> Verdict:
    """The same for an answer that stands alone."""
    return judged(gold, _given(answer), conventions(mode))


def _given(answer: str) -> Found:
    return Found(restored(answer).strip(), "given")


def judged(gold: str, found: Found, rules: Conventions = DEFAULT) -> Verdict:
    """The verdict on an answer that has been found."""
    if unreadable(gold):
        return Verdict(None, found.text, found.method, "gold_unreadable")
    if not found.text:
        return Verdict(False, "", found.method, "truncated" if found.truncated else "no_answer")
    outcome = compared(gold, found.text, rules)
    return Verdict(outcome == "equal", found.text, found.method, outcome)


_WORTH_A_POOL = 20_000_000  # letters of text; below, starting processes costs more than it saves
_CHUNKS_PER_PROCESS = 4


@dataclass(frozen=True)
class GoldPair:
    """A gold answer and what is graded against it: a whole response, or an answer that stands alone."""

    gold: str
    text: str
    form: Literal["response", "answer"] = "response"
    truncated: bool = False


def grade_all(
    pairs: Sequence[GoldPair], mode: str = "default", processes: int | None = None, progress: Callable[[int], None] | None = None
) -> list[Verdict]:
    """The verdicts in the order of the pairs, the same for any number of processes (None: as many as the batch is worth).

    `progress` is called with the number of pairs done since the last call.
    """
    conventions(mode)
    count = _processes(pairs) if processes is None else processes
    # pairs with one gold answer stay together, so that each process reads it once
    order = sorted(range(len(pairs)), key=lambda place: pairs[place].gold)
    size = max(1, -(-len(pairs) // (count * _CHUNKS_PER_PROCESS))) if count > 1 else 200
    chunks = [order[start : start + size] for start in range(0, len(order), size)]
    verdicts: list[Verdict | None] = [None] * len(pairs)
    for chunk, found in zip(chunks, _graded([[pairs[place] for place in chunk] for chunk in chunks], mode, count), strict=True):
        for place, verdict in zip(chunk, found, strict=True):
            verdicts[place] = verdict
        if progress:
            progress(len(chunk))
    return [verdict for verdict in verdicts if verdict is not None]


def _processes(pairs: Sequence[GoldPair]) -> int:
    letters = sum(len(pair.text) for pair in pairs)
    return min(os.cpu_count() or 1, max(1, letters // _WORTH_A_POOL))


def _graded(chunks: list[list[GoldPair]], mode: str, count: int) -> Iterator[list[Verdict]]:
    if count <= 1:
        for chunk in chunks:
            yield grade_chunk(chunk, mode)
        return
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=die_with, initargs=(os.getpid(),)) as pool:
        yield from pool.map(grade_chunk, chunks, [mode] * len(chunks))


def grade_chunk(pairs: Sequence[GoldPair], mode: str) -> list[Verdict]:
    """The verdicts on some pairs, each pair of gold and canonical answer compared once."""
    rules = conventions(mode)
    known: dict[tuple[str, str], Verdict] = {}
    verdicts = []
    for pair in pairs:
        found = extract(pair.text, pair.truncated) if pair.form == "response" else _given(pair.text)
        key = pair.gold, clean(found.text) or found.text
        first = known.get(key)
        if first is None or first.status == "timeout" or not found.text:
            first = judged(pair.gold, found, rules)
            known[key] = first
        verdicts.append(Verdict(first.correct, found.text, found.method, first.status))
    return verdicts
