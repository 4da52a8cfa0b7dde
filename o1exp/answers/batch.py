"""Grade many answers: a pool of processes for large batches, equal pairs compared once."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal

from o1exp.answers.conventions import conventions
from o1exp.answers.extract import Found, extract
from o1exp.answers.grade import Verdict, judged
from o1exp.answers.normalise import clean
from o1exp.flow.process import die_with

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
        found = extract(pair.text, pair.truncated) if pair.form == "response" else Found(pair.text.strip(), "given")
        key = pair.gold, clean(found.text) or found.text
        first = known.get(key)
        if first is None or first.status == "timeout" or not found.text:
            first = judged(pair.gold, found, rules)
            known[key] = first
        verdicts.append(Verdict(first.correct, found.text, found.method, first.status))
    return verdicts
