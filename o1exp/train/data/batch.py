"""From packs to tensors: one flat row of tokens per micro-batch, documents sorted by length and attended to in groups."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from o1exp.train.data.encode import Encoded, Ints


class Group:
    """Documents that lie side by side in the row: `count` of them, each padded to `length` tokens."""

    def __init__(self, count: int, length: int) -> None:
        self.count, self.length = count, length

    @property
    def tokens(self) -> int:
        return self.count * self.length


@dataclass(frozen=True)
class Share:
    """Which of the `size` ranks that share a row this is."""

    place: int
    size: int


class MicroBatch:
    """What one rank computes at once.

    ids, positions: [1, tokens] (padding rows included); predictors: [labels] the place in the row that predicts each of targets: [labels];
    owners: [labels] which of `documents` each belongs to; bounds: [documents + 1] int32, where each begins and the last ends; groups: how
    attention splits the row; sizes: of each of `documents` its tokens without padding and its labels; step: its optimizer step;
    index: its place in that step, which it completes if `last`; scale: what the summed losses are multiplied by before backward; share:
    which tokens of the row these are, where ranks share it (groups and bounds are those of the whole row).
    """

    def __init__(self, tensors: list[torch.Tensor], groups: list[Group], documents: list[int], sizes: list[tuple[int, int]]) -> None:
        self.tensors = tensors
        self.ids, self.positions, self.predictors, self.targets, self.owners, self.bounds = tensors
        self.groups, self.documents, self.sizes = groups, documents, sizes
        self.step, self.index, self.last, self.scale = 0, 0, True, 1.0
        self.share: Share | None = None

    @classmethod
    def idle(cls) -> "MicroBatch":
        """One token and no label: a rank without a document still takes part in the pass."""
        none = torch.zeros(0, dtype=torch.int64)
        token = torch.zeros((1, 1), dtype=torch.int64)
        return cls([token, token, none, none, none, bounds_of([Group(1, 1)])], [Group(1, 1)], [], [])

    @property
    def longest(self) -> int:
        """Tokens of the longest document."""
        return max(group.length for group in self.groups)

    def to(self, device: torch.device) -> "MicroBatch":
        if device.type == "cpu":
            return self
        tensors = [sent(tensor, device) for tensor in self.tensors]
        there = MicroBatch(tensors, self.groups, self.documents, self.sizes)
        there.step, there.index, there.last, there.scale, there.share = self.step, self.index, self.last, self.scale, self.share
        return there

    def shared(self, share: Share) -> "MicroBatch":
        """This rank's tokens of the row, padded at its end to equally many for every rank, and the labels that they predict."""
        gap = -self.ids.shape[1] % share.size
        row = [*self.groups, *([Group(1, gap)] if gap else [])]
        ids, positions = (torch.cat([part, more], 1).chunk(share.size, 1)[share.place] for part, more in (
            (self.ids, self.ids.new_zeros(1, gap)), (self.positions, torch.arange(gap)[None]),
        ))  # fmt: skip
        tokens = ids.shape[1]
        mine = self.predictors // tokens == share.place
        labels = [self.predictors[mine] - share.place * tokens, self.targets[mine], self.owners[mine]]
        there = MicroBatch([ids, positions, *labels, bounds_of(row)], row, self.documents, self.sizes)
        there.share = share
        return there


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """What lies in the memory of the CPU, on a GPU: from pinned memory the copy waits for nobody, and the host goes on meanwhile."""
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def bounds_of(groups: list[Group]) -> torch.Tensor:
    """Where each document of the row begins, and where the last ends."""
    lengths = [group.length for group in groups for _ in range(group.count)]
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)


WASTE = 0.05
"""Share of a group that may be padding: fewer, larger calls pay for it on small models."""


def micro_batch(documents: list[int], data: Encoded, waste: float = WASTE) -> MicroBatch:
    """Lay the documents out in one row, longest first; a group's shorter documents are padded at the end (causal: nobody looks there)."""
    if not documents:
        return MicroBatch.idle()
    ordered = sorted(documents, key=lambda d: -int(data.lengths[d]))
    parts: list[list[Ints]] = [[], [], [], [], []]
    groups, at = [], 0
    for members in _grouped([int(data.lengths[d]) for d in ordered], waste):
        length = int(data.lengths[ordered[members[0]]])
        groups.append(Group(len(members), length))
        for member in members:
            tokens, first = data.document(ordered[member]), int(data.prompts[ordered[member]])
            found: tuple[npt.NDArray[Any], ...] = (
                np.pad(tokens, (0, length - len(tokens))), np.arange(length), np.arange(at + first - 1, at + len(tokens) - 1),
                tokens[first:], np.full(len(tokens) - first, member),
            )  # fmt: skip
            for part, piece in zip(parts, found, strict=True):
                part.append(piece)
            at += length
    ids, positions, *labels = (torch.from_numpy(np.concatenate(part).astype(np.int64)) for part in parts)
    sizes = [(int(data.lengths[document]), int(data.labels[document])) for document in ordered]
    return MicroBatch([ids[None], positions[None], *labels, bounds_of(groups)], groups, ordered, sizes)


def _grouped(lengths: list[int], waste: float) -> Iterator[range]:
    """Cut the descending lengths into runs in which padding to the longest wastes at most the given share."""
    first = 0
    while first < len(lengths):
        stop, tokens = first, 0
        while stop < len(lengths):
            padded = lengths[first] * (stop + 1 - first)
            if padded - (tokens + lengths[stop]) > waste * padded:
                break
            tokens += lengths[stop]
            stop += 1
        yield range(first, stop)
        first = stop
