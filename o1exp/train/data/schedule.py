"""The plan of a whole training: its optimizer steps, each rank's micro-batches, and the learning rate at every step."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from o1exp.train.data.batch import WASTE, MicroBatch, Share, micro_batch
from o1exp.train.data.encode import CHOSEN, REJECTED, Encoded, Ints
from o1exp.train.data.pack import Pack, Shape, document_order, steps
from o1exp.train.spec import TrainSpec


@dataclass(frozen=True)
class Units:
    """What is shuffled and packed as one: members [units, documents of a unit]; a document alone (SFT), or the chosen and the
    rejected one of a pair (DPO).

    A step's loss is its sum over `weight` units: label tokens (SFT) or pairs (DPO).
    """

    data: Encoded
    members: Ints
    weight: Ints

    @cached_property
    def sizes(self) -> Ints:
        """Tokens of each unit."""
        return np.asarray(self.data.lengths[self.members].sum(1))

    def documents(self, pack: Pack) -> list[int]:
        found: list[int] = self.members[pack].ravel().tolist()
        return found


@dataclass(frozen=True)
class OptimizerStep:
    """One optimizer step: packs of units, its tokens and weight over all ranks, and its learning rate."""

    packs: list[Pack]
    tokens: int
    weight: int
    lr: float


def held_out(data: Encoded, share: float) -> tuple[Ints, Ints]:
    """Document numbers to train on and to validate on: whole problems go to validation, the same ones in every arm.

    A problem is what has one text, spelling aside (`data/problems.py`): all its solutions stand on one side.
    """
    if not share:
        return np.arange(len(data)), np.arange(0)
    # The number of a problem is a hash of its text, so that its size says nothing about the problem.
    held = data.problems % 10_000 < share * 10_000
    return np.flatnonzero(~held), np.flatnonzero(held)


def held_out_facts(data: Encoded, share: float) -> dict[str, Any]:
    """How many examples are held out, of how many problems, and a digest of which: equal ones were held out alike."""
    held = held_out(data, share)[1]
    problems = sorted(set(data.problems[held].tolist()))
    digest = hashlib.sha256(" ".join(map(str, problems)).encode()).hexdigest()[:16] if problems else ""
    return {"held_out": len(set(data.units[held].tolist())), "held_out_problems": len(problems), "held_out_digest": digest}


def units_of(spec: TrainSpec, data: Encoded, documents: Ints) -> Units:
    """The documents as they are (SFT), or as pairs where both of a unit are there (DPO)."""
    if spec.objective == "sft":
        return Units(data, documents[:, None], data.labels[documents])
    chosen, rejected = (documents[data.roles[documents] == role] for role in (CHOSEN, REJECTED))
    _, ours, theirs = np.intersect1d(data.units[chosen], data.units[rejected], assume_unique=True, return_indices=True)
    members = np.stack([chosen[ours], rejected[theirs]], axis=1)
    return Units(data, members, np.ones(len(members), dtype=np.int64))


def plan(spec: TrainSpec, units: Units) -> list[OptimizerStep]:
    """Every step of the training, the same for any number of ranks."""
    shape = Shape(spec.packs_per_step, spec.pack_length)
    budget = spec.max_tokens if spec.max_steps is None else spec.max_steps * shape.packs * shape.length
    order = document_order(units.sizes, spec.epochs, budget, spec.seed)
    packed = list(steps(order, units.sizes, shape))[: spec.max_steps]
    return [
        OptimizerStep(packs, _sum(packs, units.sizes), _sum(packs, units.weight), learning_rate(spec, at, len(packed)))
        for at, packs in enumerate(packed)
    ]


def _sum(packs: list[Pack], per_unit: Ints) -> int:
    return int(sum(per_unit[pack].sum() for pack in packs))


def learning_rate(spec: TrainSpec, step: int, count: int) -> float:
    """Linear warm-up over the first `warmup_ratio` of the steps, then constant, linear or cosine decay towards 0."""
    warm = round(spec.warmup_ratio * count)
    if step < warm:
        return spec.lr * (step + 1) / warm
    done = (step - warm) / max(1, count - warm)
    if spec.lr_scheduler_type == "cosine":
        return spec.lr * 0.5 * (1 + math.cos(math.pi * done))
    return spec.lr * (1 - done) if spec.lr_scheduler_type == "linear" else spec.lr


def micro_batches_per_step(spec: TrainSpec) -> int:
    """The same number for every rank and step, since all ranks must meet in every forward pass."""
    return math.ceil(math.ceil(spec.packs_per_step / spec.rows) / spec.packs_per_micro_batch)


class Feed:
    """This rank's micro-batches from optimizer step `first` on; iterated over by the trainer."""

    def __init__(self, spec: TrainSpec, units: Units, todo: list[OptimizerStep], rank: int) -> None:
        self.spec, self.units, self.todo, self.rank = spec, units, todo, rank
        self.first = 0

    def __len__(self) -> int:
        return (len(self.todo) - self.first) * micro_batches_per_step(self.spec)

    def __iter__(self) -> Iterator[MicroBatch]:
        for at in range(self.first, len(self.todo)):
            yield from self._step(at)

    def _step(self, at: int) -> Iterator[MicroBatch]:
        step, share, count = self.todo[at], self.spec.packs_per_micro_batch, micro_batches_per_step(self.spec)
        mine = step.packs[self.rank // self.spec.sequence_parallel :: self.spec.rows]
        for index in range(count):
            packs = mine[index * share : (index + 1) * share]
            batch = micro_batch([d for pack in packs for d in self.units.documents(pack)], self.units.data, waste(self.spec))
            batch = shared(self.spec, self.rank, batch)
            batch.step, batch.index, batch.last = at, index, index == count - 1
            # Ranks average their gradients, so each sum counts times the number of ranks.
            batch.scale = self.spec.ranks / step.weight
            yield batch

    def rows(self, step: OptimizerStep) -> list[int]:
        """The rows of the data that a step trains on."""
        return sorted({int(self.units.data.rows[document]) for pack in step.packs for document in self.units.documents(pack)})

    def facts(self) -> dict[str, Any]:
        """What the whole training sees, for the manifest; `rows` counts the examples it used at least once."""
        data, seen = self.units.data, [unit for step in self.todo for pack in step.packs for unit in pack]
        used = {document for unit in set(seen) for document in self.units.documents([unit])}
        return {
            "rows": len(used), "examples": len(data) + data.dropped, "dropped": data.dropped, "cut": data.cut,
            "tokens_lost": data.over, "steps": len(self.todo), "tokens": sum(step.tokens for step in self.todo),
            "label_tokens": int(sum(data.labels[self.units.documents([unit])].sum() for unit in seen)),
            "epochs_done": round(len(seen) / len(self.units.members), 4), **held_out_facts(data, self.spec.validation_fraction),
        }  # fmt: skip


def waste(spec: TrainSpec) -> float:
    """Padding between documents serves SDPA, which takes documents of one length at once."""
    return 0.0 if spec.varlen else WASTE


def validation_batches(spec: TrainSpec, units: Units, rank: int) -> list[MicroBatch]:
    """This rank's share of the held-out units, in order; every rank has the same number of micro-batches."""
    shape = Shape(spec.packs_per_micro_batch, spec.pack_length)
    packed = list(steps(list(range(len(units.members))), units.sizes, shape))
    shares = [[d for pack in packs for d in units.documents(pack)] for packs in packed[rank // spec.sequence_parallel :: spec.rows]]
    mine = [micro_batch(documents, units.data, waste(spec)) for documents in shares]
    idle = math.ceil(len(packed) / spec.rows) - len(mine)
    return [shared(spec, rank, batch) for batch in mine + [micro_batch([], units.data) for _ in range(idle)]]


def shared(spec: TrainSpec, rank: int, batch: MicroBatch) -> MicroBatch:
    """The rank's part of a micro-batch, where several share one."""
    size = spec.sequence_parallel
    return batch if size == 1 else batch.shared(Share(rank % size, size))
