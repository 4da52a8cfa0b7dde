"""The plan of a whole training: its optimizer steps, each rank's micro-batches, and the learning rate at every step."""

import hashlib
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise
from typing import Any, overload

import numpy as np

from o1exp.train.data.batch import WASTE, MicroBatch, Share, micro_batch
from o1exp.train.data.encode import CHOSEN, REJECTED, Counts, Encoded, Ints, Numbers
from o1exp.train.data.growing import pieces
from o1exp.train.data.pack import Pack, Shape, document_order, steps
from o1exp.train.spec import TrainSpec


@dataclass(frozen=True)
class Units:
    """What is shuffled and packed as one: members [units, documents of a unit]; a document alone (SFT), or the chosen and the
    rejected one of a pair (DPO).

    A step's loss is its sum over `weight` units: label tokens (SFT) or pairs (DPO).
    """

    data: Encoded
    members: Numbers
    weight: Counts

    @cached_property
    def sizes(self) -> Counts:
        """Tokens of each unit."""
        found: Counts = self.data.lengths[self.members].sum(1, dtype=np.int32)
        return found

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


class Plan(Sequence[OptimizerStep]):
    """Every step of a training; four bytes are held of a unit, and some of a pack and of a step."""

    def __init__(self, spec: TrainSpec, units: Units, packed: Iterable[list[Pack]]) -> None:
        self._spec = spec
        held, ends, last = array("i"), array("q", [0]), array("q", [0])
        tokens, weight, sizes, weights = array("q"), array("q"), units.sizes, units.weight
        for packs in packed:
            first = len(held)
            for pack in packs:
                held.extend(pack)
                ends.append(len(held))
            last.append(len(ends) - 1)
            now = np.frombuffer(held, np.int32)[first:].copy()
            tokens.append(int(sizes[now].sum()))
            weight.append(int(weights[now].sum()))
        self.units: Counts = np.frombuffer(held, np.int32)
        """All units in the order in which they are trained on, as often as they are."""
        self._ends, self._last, self._weight = ends, last, weight
        self.tokens: Ints = np.frombuffer(tokens, np.int64)
        """Tokens of each step."""

    def __len__(self) -> int:
        return len(self.tokens)

    @overload
    def __getitem__(self, at: int) -> OptimizerStep: ...
    @overload
    def __getitem__(self, at: slice) -> list[OptimizerStep]: ...
    def __getitem__(self, at: int | slice) -> OptimizerStep | list[OptimizerStep]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        bounds = self._ends[self._last[at] : self._last[at + 1] + 1]
        packs = [self.units[first:last].tolist() for first, last in pairwise(bounds)]
        return OptimizerStep(packs, int(self.tokens[at]), self._weight[at], learning_rate(self._spec, at, len(self)))


def held_out(data: Encoded, share: float) -> tuple[Numbers, Numbers]:
    """Document numbers to train on and to validate on: whole problems go to validation, the same ones in every arm.

    A problem is what has one text, spelling aside (`data/problems.py`): all its solutions stand on one side.
    """
    if not share:
        return np.arange(len(data), dtype=np.int32), np.arange(0, dtype=np.int32)
    # The number of a problem is a hash of its text, so that its size says nothing about the problem.
    held = np.concatenate([some % 10_000 < share * 10_000 for some in pieces(data.problems)])
    return np.flatnonzero(~held).astype(np.int32), np.flatnonzero(held).astype(np.int32)


def held_out_facts(data: Encoded, share: float) -> dict[str, Any]:
    """How many examples are held out, of how many problems, and a digest of which: equal ones were held out alike."""
    held = held_out(data, share)[1]
    problems, digest = np.unique(data.problems[held]), hashlib.sha256()
    for at, some in enumerate(pieces(problems)):
        digest.update((" " * bool(at) + " ".join(map(str, some.tolist()))).encode())
    said = digest.hexdigest()[:16] if len(problems) else ""
    return {"held_out": len(np.unique(data.units[held])), "held_out_problems": len(problems), "held_out_digest": said}


def units_of(spec: TrainSpec, data: Encoded, documents: Numbers) -> Units:
    """The documents as they are (SFT), or as pairs where both of a unit are there (DPO)."""
    if spec.objective == "sft":
        return Units(data, documents[:, None], data.labels[documents])
    chosen, rejected = (documents[data.roles[documents] == role] for role in (CHOSEN, REJECTED))
    _, ours, theirs = np.intersect1d(data.units[chosen], data.units[rejected], assume_unique=True, return_indices=True)
    members = np.stack([chosen[ours], rejected[theirs]], axis=1)
    return Units(data, members, np.ones(len(members), dtype=np.int32))


def plan(spec: TrainSpec, units: Units) -> Plan:
    """Every step of the training, the same for any number of ranks."""
    shape = Shape(spec.packs_per_step, spec.pack_length)
    budget = spec.max_tokens if spec.max_steps is None else spec.max_steps * shape.packs * shape.length
    order = document_order(units.sizes, spec.epochs, budget, spec.seed)
    return Plan(spec, units, islice(steps(order, units.sizes, shape), spec.max_steps))


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

    def __init__(self, spec: TrainSpec, units: Units, todo: Plan, rank: int) -> None:
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
        data, units = self.units.data, self.units
        used = np.zeros(len(units.members), bool)
        used[self.todo.units] = True
        labels = sum(int(data.labels[units.members[some]].sum()) for some in pieces(self.todo.units))
        return {
            "rows": int(used.sum()) * units.members.shape[1], "examples": len(data) + data.dropped, "dropped": data.dropped,
            "cut": data.cut, "tokens_lost": data.over, "steps": len(self.todo), "tokens": int(self.todo.tokens.sum()),
            "label_tokens": labels, "epochs_done": round(len(self.todo.units) / len(units.members), 4),
            **held_out_facts(data, self.spec.validation_fraction),
        }  # fmt: skip


def waste(spec: TrainSpec) -> float:
    """Padding between documents serves SDPA, which takes documents of one length at once."""
    return 0.0 if spec.varlen else WASTE


class Batches(Sequence[MicroBatch]):
    """This rank's share of units, in order, each micro-batch made when it is asked for; every rank has the same number of them."""

    def __init__(self, spec: TrainSpec, units: Units, rank: int) -> None:
        self._spec, self._units, self._rank = spec, units, rank
        shape, place = Shape(spec.packs_per_micro_batch, spec.pack_length), rank // spec.sequence_parallel
        packed = list(steps(iter([np.arange(len(units.members))]), units.sizes, shape))
        self._mine = [np.fromiter(chain.from_iterable(packs), np.int32) for packs in packed[place :: spec.rows]]
        self._count = math.ceil(len(packed) / spec.rows)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> MicroBatch: ...
    @overload
    def __getitem__(self, at: slice) -> list[MicroBatch]: ...
    def __getitem__(self, at: int | slice) -> MicroBatch | list[MicroBatch]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        documents = self._units.documents(self._mine[at].tolist()) if at < len(self._mine) else []
        return shared(self._spec, self._rank, micro_batch(documents, self._units.data, waste(self._spec)))


def shared(spec: TrainSpec, rank: int, batch: MicroBatch) -> MicroBatch:
    """The rank's part of a micro-batch, where several share one."""
    size = spec.sequence_parallel
    return batch if size == 1 else batch.shared(Share(rank % size, size))
