"""Which examples are of one problem: what is held out, is held out with all of them.

A problem's number comes from the texts alone, so that another order, other ids or other answers leave it as it is. There may be tens of
millions of examples: 16 bytes of each lie on disk, and a part of them at a time is looked at.
"""

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from o1exp.records.question import question_number
from o1exp.train.data.growing import BLOCK, pieces

Ints = npt.NDArray[np.int64]


@lru_cache(maxsize=4096)
def number_of(question: str) -> int:
    """That of a question in any spelling."""
    return question_number(question)


def name_of(problem: str) -> int:
    """64 bits of a problem's id; 0 for "", which is none."""
    if not problem:
        return 0
    return int.from_bytes(blake2b(problem.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True) or 1


def same_problems(questions: Ints, names: Ints) -> Iterator[Ints]:
    """The number of each example's problem, part by part: the lowest of all questions that it is one problem with.

    `questions` and `names` are the numbers of each example's question and id. Examples are of one problem whose questions are one text in
    some spelling, or that share an id (a translation).
    """
    joining = _joining(questions, names)
    if not len(joining):  # every id has one question: nothing joins two of them
        yield from pieces(questions)
        return
    known, lowest = _lowest(*_of(questions, names, joining))
    for some in pieces(questions):
        where = _among(some, known)
        yield np.where(where >= 0, lowest[where], some)


def distinct(numbers: Ints) -> int:
    """How many different ones there are."""
    parts = 1 + len(numbers) // BLOCK
    return sum(len(np.unique(np.concatenate([some[some % parts == part] for some in pieces(numbers)]))) for part in range(parts))


def _joining(questions: Ints, names: Ints) -> Ints:
    """The ids, sorted, that stand at two questions. All examples of an id are of one part of the hashes, and a part fits into memory."""
    found, parts = [], 1 + len(names) // BLOCK
    for part in range(parts):
        here = [(asked[mine], called[mine]) for asked, called in zip(pieces(questions), pieces(names), strict=True)
                for mine in ((called % parts == part) & (called != 0),)]  # fmt: skip
        asked, called = (np.concatenate(some) for some in zip(*here, strict=True))
        order = np.argsort(called, kind="stable")
        asked, called = asked[order], called[order]
        found.append(np.unique(called[1:][(called[1:] == called[:-1]) & (asked[1:] != asked[:-1])]))
    return np.sort(np.concatenate(found))


def _of(questions: Ints, names: Ints, some: Ints) -> tuple[Ints, Ints]:
    """The questions and ids of the examples that have one of some ids."""
    found = [(asked[mine], called[mine]) for asked, called in zip(pieces(questions), pieces(names), strict=True)
             for mine in (_among(called, some) >= 0,)]  # fmt: skip
    asked, called = (np.concatenate(part) for part in zip(*found, strict=True))
    return asked, called


def _among(values: Ints, some: Ints) -> Ints:
    """The place of each value in `some`, which is sorted; -1 where it is not there."""
    place = np.minimum(np.searchsorted(some, values), len(some) - 1)
    return np.where(some[place] == values, place, -1)


def _lowest(numbers: Ints, names: Ints) -> tuple[Ints, Ints]:
    """The questions, sorted, and for each the lowest of all that ids join with it."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    questions, which = np.unique(numbers, return_inverse=True)
    called, who = np.unique(names, return_inverse=True)
    nodes = len(questions) + len(called)
    edges = coo_array((np.ones(len(numbers), bool), (which, len(questions) + who)), shape=(nodes, nodes))
    groups = connected_components(edges, directed=False)[1][: len(questions)]
    lowest = np.full(nodes, np.iinfo(np.int64).max)
    np.minimum.at(lowest, groups, questions)
    return questions, lowest[groups]
