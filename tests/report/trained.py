"""SFT and DPO stages that leave every file of the training room: logs, samples, token lengths, a preview."""

import json
from dataclasses import dataclass
from typing import Any

from o1exp.bench.grade import Grade
from o1exp.bench.result import Result
from o1exp.flow import Checkpoint, Stage, Work
from o1exp.records import Example, Pair, Table
from tests.report.world import Arithmetic, Distil, Sample, Untrained

UNSAFE = "<script>alert(1)</script>"
SLOW, FAST = 2.0, 0.1
"""Seconds of a step in the first half of a training, and in the second."""


@dataclass(frozen=True)
class Nothing:
    """What opening the token ids gives here."""


@dataclass(frozen=True, kw_only=True)
class Prepare(Stage[Nothing]):
    data: Stage[Any]

    def make(self, work: Work) -> None:
        (work.folder / "preview.html").write_text("<p>row 0: 3 tokens given, 5 learned</p>")
        histogram = {"64": 50, "128": 30, "256": 14, "512": 5, "1024": 1}
        work.note(rows=92, examples=100, dropped=8, cut=0, tokens_lost=2900, tokens=7000, label_tokens=5000, max_length=200)
        work.note(length_median=60, length_p90=180, length_longest=900, length_histogram=histogram)


@dataclass(frozen=True, kw_only=True)
class Sft(Stage[Checkpoint]):
    start: Stage[Checkpoint]
    data: Stage[Table[Example]]
    prepared: Stage[Nothing]
    steps: int = 100

    def make(self, work: Work) -> None:
        leave(work, self.steps, [0, 2], "plain")


@dataclass(frozen=True, kw_only=True)
class Dpo(Stage[Checkpoint]):
    start: Stage[Checkpoint]
    pairs: Stage[Table[Pair]]
    prepared: Stage[Nothing]
    steps: int = 20

    def make(self, work: Work) -> None:
        leave(work, self.steps, [1], "chosen")


def leave(work: Work, steps: int, rows: list[int], role: str) -> None:
    """The logs of a training of 1000 tokens a step, answers to the given rows at its start, middle and end."""
    (work.folder / "model").mkdir()
    (work.folder / "model" / "config.json").write_text('{"max_position_embeddings": 512}')
    seconds, curve, timing = 0.0, [], []
    for step in range(1, steps + 1):
        seconds += SLOW if step <= steps // 2 else FAST
        curve.append({"step": step, "tokens": 1000 * step, "loss": 3 / step, "accuracy": step / steps, "lr": 1e-3, "grad_norm": 0.5})
        timing.append({"step": step, "seconds": round(seconds, 3), "cpu_seconds": seconds, "memory_mb": 500 + step})
    seen = [0, steps // 2, steps]
    checked = [{"step": step, "tokens": 1000 * step, "loss": 3.5 - step / steps, "accuracy": 0.5 * step / steps} for step in seen]
    answers = {step: [{"row": row, "role": role, "text": f"{UNSAFE} {row} at {step}"} for row in rows] for step in seen}
    samples = [{"step": step, "tokens": 1000 * step, "samples": answers[step]} for step in seen]
    for name, written in (("curve", curve), ("timing", timing), ("validation", checked), ("samples", samples)):
        (work.folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    work.note(rows=90, examples=100, dropped=8, cut=0, tokens_lost=2900, steps=steps, tokens=1000 * steps, exported_step=steps)
    work.note(tokens_per_second=round(1000 * steps / seconds, 1), memory_mb=500 + steps)


@dataclass(frozen=True, kw_only=True)
class Pairs(Stage[Table[Pair]]):
    examples: Stage[Table[Example]]

    def make(self, work: Work) -> None:
        rows = list(work.open(self.examples))
        work.write(Pair, (Pair(problem=row.problem, prompt=row.prompt, chosen=row.response, rejected="no") for row in rows))


def trained(steps: int = 100) -> Result:
    """Two phases, the second one DPO, and 60 problems."""
    data = Distil(problems=Arithmetic(count=100, seed=0))
    first = Sft(start=Untrained(), data=data, prepared=Prepare(data=data), steps=steps)
    pairs = Pairs(examples=data)
    second = Dpo(start=first, pairs=pairs, prepared=Prepare(data=pairs))
    held_out = Arithmetic(count=60, seed=1000)
    return Result(scores={"sums": Grade(attempts=Sample(model=second, problems=held_out, skill=0.5), problems=held_out)})
