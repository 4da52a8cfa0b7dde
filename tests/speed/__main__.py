"""`make bench`: measurements as ratios, side by side in one run, printed and written to outputs/bench/speed.json."""

import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid


@dataclass(frozen=True)
class Measure:
    """`ours` and `other` in `unit` per CPU-second of this process (medians of interleaved repeats); `ratio` = ours / other."""

    what: str
    against: str
    unit: str
    ours: float
    other: float

    @property
    def ratio(self) -> float:
        return self.ours / self.other


def interleaved(ours: Callable[[], int], other: Callable[[], int], repeats: int = 5) -> tuple[float, float]:
    """Median rates of two jobs that each return how many units they did; one warm-up each, then turn by turn."""
    rates: tuple[list[float], list[float]] = ([], [])
    for job in (ours, other):
        job()
    for _ in range(repeats):
        for job, found in zip((ours, other), rates, strict=True):
            started = time.process_time()
            units = job()
            found.append(units / (time.process_time() - started))
    return sorted(rates[0])[repeats // 2], sorted(rates[1])[repeats // 2]


def grading() -> Measure:
    """Numeric answers, as GSM8K and AIME have them: ours against math-verify."""
    from math_verify import parse, verify

    from o1exp.answers.compare import same

    luck = random.Random(0)
    pairs = [(str(n), luck.choice([str(n), f"{n}.0", f"{n + 1}", rf"\frac{{{2 * n}}}{{2}}"])) for n in luck.sample(range(10_000), 200)]

    def ours() -> int:
        return len([same(gold, answer) for gold, answer in pairs])

    def theirs() -> int:
        return len([verify(parse(f"${gold}$"), parse(f"${answer}$")) for gold, answer in pairs])

    return Measure("grading numeric answers", "math-verify parse + verify", "pairs", *interleaved(ours, theirs))


def voting() -> Measure:
    """Majority over 64 numeric answers: canonical classes against comparing all pairs."""
    from o1exp.answers import majority
    from o1exp.answers.compare import same

    luck = random.Random(0)
    answers = [luck.choice(["1/2", "0.5", r"\frac{1}{2}", "3", "12"]) for _ in range(64)]

    def pairwise() -> int:
        return len([same(left, right) for left, right in combinations(answers, 2)]) and 1

    def classes() -> int:
        majority(answers)
        return 1

    return Measure("majority of 64 answers", "comparing all pairs", "votes", *interleaved(classes, pairwise))


def training(folder: Path) -> Measure:
    """Forward and backward of the quick start's student: packed rows with attention per document against one document at a time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from o1exp.chat.procedural import Procedural
    from o1exp.flow import Console as Quiet
    from o1exp.flow import Store
    from o1exp.records import Example
    from o1exp.train.attention import NAME
    from o1exp.train.batch import micro_batch
    from o1exp.train.encode import ChatEncoder, encode
    from o1exp.train.loss import summed_loss
    from o1exp.train.small import Untrained

    torch.set_num_threads(1)
    start = Store(folder, Quiet(Console(quiet=True))).get(Untrained())
    model: Any = AutoModelForCausalLM.from_pretrained(start.source, attn_implementation=NAME)
    luck, teacher = random.Random(0), Procedural()
    sums = [tuple(luck.randrange(10, 100) for _ in range(luck.choice([2, 3]))) for _ in range(16)]
    rows = [Example(problem=str(s), prompt=f"{s}", response=teacher.thought(s, 0)) for s in sums]
    data = encode(rows, ChatEncoder(AutoTokenizer.from_pretrained(start.source), ()), 512, "drop")
    documents = list(range(len(data.lengths)))

    def train(groups: list[list[int]]) -> int:
        for group in groups:
            summed_loss(model, micro_batch(group, data)).loss.backward()  # type: ignore[no-untyped-call]
        model.zero_grad()
        return int(data.lengths.sum())

    return Measure(
        "training tokens, packed", "one document at a time", "tokens",
        *interleaved(lambda: train([documents]), lambda: train([[d] for d in documents])),
    )  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measures = [grading(), voting(), training(Path(folder))]
    grid = Grid("measured", "against", "unit", "ours per CPU-s", "theirs per CPU-s", "ratio")
    for one in measures:
        grid.add_row(one.what, one.against, one.unit, f"{one.ours:,.0f}", f"{one.other:,.0f}", f"{one.ratio:.1f}x")
    Console(width=140).print(grid)
    out = Path("outputs/bench")
    out.mkdir(parents=True, exist_ok=True)
    (out / "speed.json").write_text(json.dumps([{**asdict(one), "ratio": one.ratio} for one in measures], indent=1) + "\n")


if __name__ == "__main__":
    main()
