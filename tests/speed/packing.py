"""Packed rows with attention per document against one document at a time."""

import random
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.speed.measure import Measure, interleaved


def packing(folder: Path) -> Measure:
    """Forward and backward of the quick start's student: packed rows with attention per document against one document at a time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from o1exp.chat.servers.procedural import Procedural
    from o1exp.flow import Console as Quiet
    from o1exp.flow import Store
    from o1exp.records import Example
    from o1exp.train.bases.small import Untrained
    from o1exp.train.data.batch import micro_batch
    from o1exp.train.data.encode import ChatEncoder, encode
    from o1exp.train.worker.attention import NAME
    from o1exp.train.worker.loss import summed_loss, teach_loss

    torch.set_num_threads(1)
    start = Store(folder, Quiet(Console(quiet=True))).get(Untrained())
    model: Any = AutoModelForCausalLM.from_pretrained(start.source, attn_implementation=NAME)
    teach_loss(model)
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
        "training tokens, packed", "one document at a time", "tokens per CPU-s",
        *interleaved(lambda: train([documents]), lambda: train([[d] for d in documents])),
    )  # fmt: skip
