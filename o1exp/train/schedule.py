"""The plan of a whole training: its optimizer steps, each rank's micro-batches, and the learning rate at every step."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from o1exp.train.batch import MicroBatch, micro_batch
from o1exp.train.encode import Encoded, Ints
from o1exp.train.pack import Pack, Shape, document_order, steps
from o1exp.train.spec import TrainSpec


@dataclass(frozen=True)
class Step:
    """One optimizer step: its packs, tokens and label tokens (over all ranks), and its learning rate."""

    packs: list[Pack]
    tokens: int
    labels: int
    lr: float


def plan(spec: TrainSpec, data: Encoded) -> list[Step]:
    """Every step of the training, the same for any number of ranks."""
    order = document_order(data.lengths, spec.epochs, spec.max_tokens, spec.seed)
    packed = list(steps(order, data.lengths, Shape(spec.packs_per_step, spec.pack_length)))
    return [
        Step(packs, tokens=_count(packs, data.lengths), labels=_count(packs, data.labels), lr=learning_rate(spec, at, len(packed)))
        for at, packs in enumerate(packed)
    ]


def _count(packs: list[Pack], per_document: Ints) -> int:
    return int(sum(per_document[pack].sum() for pack in packs))


def learning_rate(spec: TrainSpec, step: int, count: int) -> float:
    """Linear warm-up over the first `warmup` share of the steps, then constant, linear or cosine decay towards 0."""
    warm = round(spec.warmup * count)
    if step < warm:
        return spec.lr * (step + 1) / warm
    done = (step - warm) / max(1, count - warm)
    if spec.schedule == "cosine":
        return spec.lr * 0.5 * (1 + math.cos(math.pi * done))
    return spec.lr * (1 - done) if spec.schedule == "linear" else spec.lr


def micro_batches_per_step(spec: TrainSpec) -> int:
    """The same number for every rank and step, since all ranks must meet in every forward pass."""
    return math.ceil(math.ceil(spec.packs_per_step / spec.ranks) / spec.packs_per_micro_batch)


class Feed:
    """This rank's micro-batches from optimizer step `first` on; iterated over by the trainer."""

    def __init__(self, spec: TrainSpec, data: Encoded, todo: list[Step], rank: int) -> None:
        self.spec, self.data, self.todo, self.rank = spec, data, todo, rank
        self.first = 0

    def __len__(self) -> int:
        return (len(self.todo) - self.first) * micro_batches_per_step(self.spec)

    def __iter__(self) -> Iterator[MicroBatch]:
        for at in range(self.first, len(self.todo)):
            yield from self._step(at)

    def _step(self, at: int) -> Iterator[MicroBatch]:
        step, share, count = self.todo[at], self.spec.packs_per_micro_batch, micro_batches_per_step(self.spec)
        mine = step.packs[self.rank :: self.spec.ranks]
        for index in range(count):
            documents = [d for pack in mine[index * share : (index + 1) * share] for d in pack]
            batch = micro_batch(documents, self.data) if documents else MicroBatch.idle()
            batch.step, batch.index, batch.last = at, index, index == count - 1
            # Ranks average their gradients, so each sum counts times the number of ranks.
            batch.scale = self.spec.ranks / step.labels
            yield batch

    def facts(self) -> dict[str, Any]:
        """What the whole training sees, for the manifest; `rows` counts the examples it used at least once."""
        data, seen = self.data, [document for step in self.todo for pack in step.packs for document in pack]
        return {
            "rows": len(set(seen)), "examples": len(data) + data.dropped, "dropped": data.dropped, "cut": data.cut,
            "tokens_lost": data.over, "steps": len(self.todo), "tokens": sum(step.tokens for step in self.todo),
            "label_tokens": sum(step.labels for step in self.todo), "epochs_done": round(len(seen) / len(data), 4),
        }  # fmt: skip
