"""Which documents a training sees, in which order and in which packs: a pure function of lengths, budget and seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from o1exp.train.data.encode import Ints

Pack = list[int]


@dataclass(frozen=True)
class Shape:
    """`packs` packs of at most `length` tokens make one optimizer step."""

    packs: int
    length: int


def document_order(lengths: Ints, epochs: float, max_tokens: int | None, seed: int) -> list[int]:
    """Document numbers in training order: each epoch a fresh shuffle; cut after `epochs`, or once `max_tokens` tokens are reached."""
    count = len(lengths)
    assert count > 0
    total = max(1, round(epochs * count)) if max_tokens is None else None
    order: list[int] = []
    tokens, epoch = 0, 0
    while True:
        shuffled = np.random.default_rng([seed, epoch]).permutation(count)
        if total is not None:
            order += shuffled[: total - len(order)].tolist()
            if len(order) == total:
                return order
        else:
            assert max_tokens is not None
            seen = tokens + np.cumsum(lengths[shuffled])
            if seen[-1] >= max_tokens:
                order += shuffled[: int(np.searchsorted(seen, max_tokens)) + 1].tolist()
                return order
            order, tokens = order + shuffled.tolist(), int(seen[-1])
        epoch += 1


LOOK_AHEAD = 64
"""Documents of the order that may fill the gaps of a step before their turn."""


def steps(order: list[int], lengths: Ints, shape: Shape) -> Iterator[list[Pack]]:
    """The packs of every optimizer step.

    Each step takes the next documents in order that together fill it, so that it stays a random sample of the data (packing the whole
    epoch at once would make packs of equally long documents), and packs them best-fit decreasing, after the one whose turn it is. The
    gaps go to the first of the documents that follow which fit; what was passed over opens the next step.
    """
    size: list[int] = lengths.tolist()
    waiting = list(reversed(order))
    while waiting:
        first = waiting.pop()
        drawn: list[int] = []
        tokens = size[first]
        while waiting and tokens + size[waiting[-1]] <= shape.packs * shape.length:
            drawn.append(waiting.pop())
            tokens += size[drawn[-1]]
        filling = Filling(shape)
        filling.add(first, size[first])
        left = filling.add_best_fit_decreasing(drawn, size)
        ahead = [waiting.pop() for _ in range(min(LOOK_AHEAD, len(waiting)))]
        passed = left + [document for document in ahead if not filling.add(document, size[document])]
        waiting += reversed(passed)
        yield filling.packs


class Filling:
    """The packs of one step while they are being filled."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.packs: list[Pack] = []
        self.room: list[int] = []

    def add(self, document: int, size: int) -> bool:
        """Put the document into the fullest pack that still holds it, else into a new one; False if it fits nowhere."""
        assert size <= self.shape.length, "documents longer than a pack were dropped or cut before"
        fitting = [at for at, free in enumerate(self.room) if free >= size]
        if fitting:
            at = min(fitting, key=lambda i: self.room[i])
        elif len(self.packs) < self.shape.packs:
            at = len(self.packs)
            self.packs.append([])
            self.room.append(self.shape.length)
        else:
            return False
        self.packs[at].append(document)
        self.room[at] -= size
        return True

    def add_best_fit_decreasing(self, documents: list[int], size: list[int]) -> list[int]:
        """Pack long documents first; returns what fits nowhere, in the order given."""
        longest_first = sorted(range(len(documents)), key=lambda place: -size[documents[place]])
        left = [place for place in longest_first if not self.add(documents[place], size[documents[place]])]
        return [documents[place] for place in sorted(left)]
