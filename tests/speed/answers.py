"""Grading and voting against math-verify."""

import json
import os
import random
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from o1exp.answers.grade import GoldPair
from tests.speed.measure import Measure, interleaved

_SAMPLE = 40


def measures() -> list[Measure]:
    """The speed of grading on real pairs where they are at hand, of grading numbers, and of voting."""
    folder = Path(os.environ.get("O1EXP_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    real = list(real_pairs(folder)) if (folder / "grading").exists() else []
    return [*([grading(real)] if real else []), numbers(), voting()]


def real_pairs(folder: Path) -> Iterator[GoldPair]:
    """Hand-written pairs and published responses with their golds."""
    for row in _lines(folder / "grading" / "pairs.jsonl"):
        yield GoldPair(row["gold"], row["prediction"], row["form"])
    for path in sorted((folder / "graded" / "skythought").glob("*.jsonl")):
        for row in _lines(path):
            yield GoldPair(str(row["answer"]), row["code"][0])
    for row in _lines(folder / "graded" / "abel" / "abel_gsm8k_7b.jsonl"):
        yield GoldPair(row["gold"], row["response"])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def grading(pairs: list[GoldPair]) -> Measure:
    """Every kind of answer, with nothing remembered from one repeat to the next."""
    import logging

    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it prints whole responses where it runs out of time
    from math_verify import parse, verify

    from o1exp.answers.grade import grade_all

    sample = random.Random(0).sample(pairs, min(_SAMPLE, len(pairs)))

    def ours() -> int:
        _forget()
        return len(grade_all(sample, processes=1))

    def theirs() -> int:
        for pair in sample:
            text = f"${pair.text}$" if pair.form == "answer" else pair.text
            verify(parse(f"${pair.gold}$"), parse(text))
        return len(sample)

    return Measure("grading published responses, cold", "math-verify parse + verify", "pairs per CPU-s", *interleaved(ours, theirs, 1))


def _forget() -> None:
    """Empty every cache of the grader, so that a repeat is as cold as the first run."""
    from o1exp.answers import compare, fingerprint, read, values

    for cached in (compare.matched, read.read_clean, values.rational, fingerprint.rough, fingerprint.fine, fingerprint.whole_only):
        cached.cache_clear()


def numbers() -> Measure:
    """Numeric answers, as GSM8K and AIME have them."""
    from math_verify import parse, verify

    from o1exp.answers.compare import same

    luck = random.Random(0)
    pairs = [(str(n), luck.choice([str(n), f"{n}.0", f"{n + 1}", rf"\frac{{{2 * n}}}{{2}}"])) for n in luck.sample(range(10_000), 200)]

    def ours() -> int:
        _forget()
        return len([same(gold, answer) for gold, answer in pairs])

    def theirs() -> int:
        return len([verify(parse(f"${gold}$"), parse(f"${answer}$")) for gold, answer in pairs])

    return Measure("grading numeric answers, cold", "math-verify parse + verify", "pairs per CPU-s", *interleaved(ours, theirs, 1))


def voting() -> Measure:
    """Majority over 64 surds, half of them the same value in another form: classes against math-verify on all pairs."""
    from math_verify import parse, verify

    from o1exp.answers.compare import majority

    luck = random.Random(0)
    roots = luck.sample([n for n in range(2, 200) if round(n**0.5) ** 2 != n], 32)
    answers = [form for n in roots for form in (rf"3\sqrt{{{n}}}", rf"\sqrt{{{9 * n}}}")]

    def ours() -> int:
        _forget()
        return len(majority(answers)) and 1

    def theirs() -> int:
        read = [parse(f"${answer}$") for answer in answers[:16]]
        return len([verify(one, other) for one, other in combinations(read, 2)]) and 1

    rates = interleaved(ours, theirs, 1)
    scale = (16 * 15) / (64 * 63)  # theirs were 16 answers; pairs grow with the square
    return Measure("majority of 64 surds, cold", "math-verify on all pairs (scaled from 16)", "votes per CPU-s", rates[0], rates[1] * scale)
