"""Which documents a training sees, in which order and in which packs: a pure function of lengths, budget and seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from o1exp.train.encode import Ints

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


def steps(order: list[int], lengths: Ints, shape: Shape) -> Iterator[list[Pack]]:
    """The packs of every optimizer step.

    Each step takes the next documents in order that together fill it, so that it stays a random sample of the data (packing the whole
    epoch at once would make packs of equally long documents), and packs them best-fit decreasing. What does not fit opens the next step.
    """
    size: list[int] = lengths.tolist()
    waiting = list(reversed(order))
    while waiting:
        pool: Pack = []
        tokens = 0
        while waiting and (not pool or tokens + size[waiting[-1]] <= shape.packs * shape.length):
            pool.append(waiting.pop())
            tokens += size[pool[-1]]
        packs, left = best_fit_decreasing(pool, size, shape)
        waiting += reversed(left)
        yield packs


def best_fit_decreasing(documents: list[int], size: list[int], shape: Shape) -> tuple[list[Pack], list[int]]:
    """Pack long documents first, each into the fullest pack that still holds it; returns the packs and what fits nowhere, in order."""
    packs: list[Pack] = []
    room: list[int] = []
    left = []
    for place, document in sorted(enumerate(documents), key=lambda entry: -size[entry[1]]):
        assert size[document] <= shape.length, "documents longer than a pack were dropped or cut before"
        fitting = [at for at, free in enumerate(room) if free >= size[document]]
        if fitting:
            at = min(fitting, key=lambda i: room[i])
        elif len(packs) < shape.packs:
            at = len(packs)
            packs.append([])
            room.append(shape.length)
        else:
            left.append(place)
            continue
        packs[at].append(document)
        room[at] -= size[document]
    return packs, [documents[place] for place in sorted(left)]
