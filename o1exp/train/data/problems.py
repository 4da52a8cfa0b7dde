"""Which examples are of one problem: what is held out, is held out with all of them."""

from array import array
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from o1exp.records.question import question_number

Ints = npt.NDArray[np.int64]


class SameProblems:
    """Numbers for problems, the same for examples whose questions are one text in some spelling, or that share an id (a translation).

    A number comes from the texts alone, so that another order, other ids or other answers leave it as it is. 16 bytes are kept of an
    example: there may be tens of millions.
    """

    def __init__(self) -> None:
        self._numbers, self._names = array("q"), array("q")

    def add(self, name: str, question: str) -> None:
        """An example's problem by its id ("" for none) and its text."""
        self._numbers.append(_number(question))
        self._names.append(_name(name) if name else 0)

    def extend(self, other: "SameProblems") -> None:
        self._numbers.extend(other._numbers)
        self._names.extend(other._names)

    def arrays(self) -> dict[str, Ints]:
        """All that is known, for a file."""
        return {"numbers": np.frombuffer(self._numbers, np.int64), "names": np.frombuffer(self._names, np.int64)}

    @classmethod
    def of(cls, arrays: Mapping[str, Ints]) -> "SameProblems":
        found = cls()
        found._numbers.frombytes(arrays["numbers"].tobytes())
        found._names.frombytes(arrays["names"].tobytes())
        return found

    def numbers(self) -> Ints:
        """That of each example, in the order in which they were added: the lowest of all questions that it is one problem with."""
        numbers, names = np.frombuffer(self._numbers, np.int64), np.frombuffer(self._names, np.int64)
        order = np.argsort(names, kind="stable")
        called, asked = names[order], numbers[order]
        mixed = np.unique(called[1:][(called[1:] == called[:-1]) & (asked[1:] != asked[:-1]) & (called[1:] != 0)])
        del order, called, asked
        if not len(mixed):  # every id has one question: nothing joins two of them
            return numbers.copy()
        joined = _among(names, mixed) >= 0
        questions, lowest = _lowest(numbers[joined], names[joined])
        where = _among(numbers, questions)
        return np.where(where >= 0, lowest[where], numbers)


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


@lru_cache(maxsize=4096)
def _number(question: str) -> int:
    return question_number(question)


def _name(name: str) -> int:
    """64 bits of an id; never 0, which stands for none."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True) or 1
