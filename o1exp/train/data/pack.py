"""Which documents a training sees, in which order and in which packs: a pure function of lengths, budget and seed."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from o1exp.train.data.encode import Ints, Numbers
from o1exp.train.data.growing import pieces

Pack = list[int]


@dataclass(frozen=True)
class Shape:
    """`packs` packs of at most `length` tokens make one optimizer step."""

    packs: int
    length: int


def document_order(lengths: Numbers, epochs: float, max_tokens: int | None, seed: int) -> Iterator[Ints]:
    """Document numbers in training order, epoch by epoch, each a fresh shuffle; cut after `epochs`, or once `max_tokens` tokens are
    reached."""
    count = len(lengths)
    assert count > 0
    left, tokens, epoch = max(1, round(epochs * count)), 0, 0
    while True:
        shuffled = np.random.default_rng([seed, epoch]).permutation(count)
        if max_tokens is None:
            yield shuffled[:left]
            left -= min(left, count)
            if not left:
                return
        else:
            for some in pieces(shuffled):
                seen = tokens + np.cumsum(lengths[some], dtype=np.int64)
                if seen[-1] >= max_tokens:
                    yield some[: int(np.searchsorted(seen, max_tokens)) + 1]
                    return
                yield some
                tokens = int(seen[-1])
        epoch += 1


LOOK_AHEAD = 64
"""Documents of the order that may fill the gaps of a step before their turn."""


def steps(order: Iterable[Ints], lengths: Numbers, shape: Shape) -> Iterator[list[Pack]]:
    """The packs of every optimizer step.

    Each step takes the next documents in order that together fill it, so that it stays a random sample of the data (packing the whole
    epoch at once would make packs of equally long documents), and packs them best-fit decreasing, after the one whose turn it is. The
    gaps go to the first of the documents that follow which fit; what was passed over opens the next step.
    """
    size, waiting = np.ascontiguousarray(lengths).data, Waiting(order)
    for first in iter(waiting.next, None):
        drawn: list[int] = []
        tokens = size[first]
        while (one := waiting.next()) is not None:
            if tokens + size[one] > shape.packs * shape.length:
                waiting.put_back([one])
                break
            drawn.append(one)
            tokens += size[one]
        filling = Filling(shape)
        filling.add(first, size[first])
        left = filling.add_best_fit_decreasing(drawn, size)
        ahead = list(islice(iter(waiting.next, None), LOOK_AHEAD))
        passed = left + [document for document in ahead if not filling.add(document, size[document])]
        waiting.put_back(passed)
        yield filling.packs


class Waiting:
    """Documents in the order of their turns; some thousands of them are there as Python's numbers."""

    def __init__(self, order: Iterable[Ints]) -> None:
        self._coming = (document for part in order for at in range(0, len(part), _TURNS) for document in part[at : at + _TURNS].tolist())
        self._back: list[int] = []

    def next(self) -> int | None:
        """The one whose turn it is, None at the end."""
        return self._back.pop() if self._back else next(self._coming, None)

    def put_back(self, documents: list[int]) -> None:
        """They come first again."""
        self._back += reversed(documents)


_TURNS = 1 << 14


class Filling:
    """The packs of one step while they are being filled."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.packs: list[Pack] = []
        self._room: list[tuple[int, int]] = []
        """The free tokens of each pack, with its place; the fullest first."""

    def add(self, document: int, size: int) -> bool:
        """Put the document into the fullest pack that still holds it, else into a new one; False if it fits nowhere."""
        assert size <= self.shape.length, "documents longer than a pack were dropped or cut before"
        fitting = bisect_left(self._room, (size, 0))
        if fitting < len(self._room):
            free, at = self._room.pop(fitting)
        elif len(self.packs) < self.shape.packs:
            free, at = self.shape.length, len(self.packs)
            self.packs.append([])
        else:
            return False
        self.packs[at].append(document)
        insort(self._room, (free - size, at))
        return True

    def add_best_fit_decreasing(self, documents: list[int], size: memoryview) -> list[int]:
        """Pack long documents first; returns what fits nowhere, in the order given."""
        longest_first = sorted(range(len(documents)), key=lambda place: -size[documents[place]])
        left = [place for place in longest_first if not self.add(documents[place], size[documents[place]])]
        return [documents[place] for place in sorted(left)]
