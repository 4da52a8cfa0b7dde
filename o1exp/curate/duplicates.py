"""Problems that are in a table twice, in the same or in nearly the same words: MinHash finds the pairs, counting decides."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from o1exp.curate.rule import Among, Drops, Problems
from o1exp.curate.shared import RunSets, in_common
from o1exp.curate.signatures import BANDS, RUN, Signatures, may_agree, met
from o1exp.curate.words import SHORT, Places, Words
from o1exp.records.question import same_question

if TYPE_CHECKING:
    from polars import Series

_NUMBERS = 0.9
"""Share of the pairs of neighbouring numbers in one problem that stand in the other: with other numbers it is another problem."""
_WAITING, _COMPARED, _AT_ONCE = 1 << 22, 1 << 16, 1 << 13
"""Pairs that are held before they are compared, whose texts are read back together, and that are compared at once."""
_LONGEST = 200
"""Letters of a question that a line on its duplicate can hold."""


def repeated(table: Problems, folder: Path, alike: float, lengths: "Places | None" = None) -> Among:
    """What is in the table twice; the first stays, or with `lengths` that with the longest solution.

    Signatures lie in the folder, of a problem some 50 bytes are held and no text; pairs that may be alike are read back and compared.
    """
    signatures, twins = Signatures.of(table, folder), Twins(table, alike)

    def among(places: Places) -> Drops:
        stays = duplicates(signatures, twins, places)
        if lengths is not None:
            stays = _longest(stays, lengths[places])
        gone = np.flatnonzero(stays != np.arange(len(stays)))
        dropped, instead = places[gone], places[stays[gone]]
        return Drops(dropped, lambda some: _words(table, instead[np.searchsorted(dropped, some)]))

    return among


def duplicates(signatures: Signatures, twins: "Twins", places: Places) -> Places:
    """The group of each of some problems, named by its first member; places count from the first of these problems.

    Pairs of one group are not compared: it would change nothing.
    """
    group, marks = np.arange(len(places)), signatures.marks(places)
    waiting = np.zeros(0, np.int64)
    for number in range(BANDS):
        for ones, others in met(signatures.band(number, places), _WAITING):
            maybe = (group[ones] != group[others]) & may_agree(marks[ones], marks[others])
            waiting = np.unique(np.concatenate((waiting, _pairs(ones[maybe], others[maybe]))))
            if len(waiting) >= _WAITING:
                group, waiting = _joined(group, waiting, places, twins), waiting[:0]
    return _joined(group, waiting, places, twins)


class Twins:
    """Compares problems of a table: runs of three words in common decide (Jaccard >= `alike`). What was found of a pair is remembered."""

    def __init__(self, table: Problems, alike: float) -> None:
        self._table, self._alike = table, alike
        self._known, self._same = np.zeros(0, np.int64), np.zeros(0, bool)

    def same(self, pairs: Places) -> NDArray[np.bool_]:
        """Whether the problems of each pair are the same. Pairs are sorted, each is one number."""
        found = np.zeros(len(pairs), bool)
        where = np.searchsorted(self._known, pairs)
        there = where < len(self._known)
        there[there] = self._known[where[there]] == pairs[there]
        found[there] = self._same[where[there]]
        new = np.flatnonzero(~there)
        for first in range(0, len(new), _COMPARED):
            some = new[first : first + _COMPARED]
            found[some] = self._compared(*_places(pairs[some]))
        if len(self._known) + len(new) <= _WAITING:
            known = np.concatenate((self._known, pairs[new]))
            order = np.argsort(known)
            self._known, self._same = known[order], np.concatenate((self._same, found[new]))[order]
        return found

    def _compared(self, ones: Places, others: Places) -> NDArray[np.bool_]:
        where = np.unique(np.concatenate((ones, others)))
        questions = self._table.at(where, ("question",))["question"]
        left, right = np.searchsorted(where, ones), np.searchsorted(where, others)
        parts = [slice(first, first + _AT_ONCE) for first in range(0, len(ones), _AT_ONCE)]
        return np.concatenate([_same(questions, left[part], right[part], self._alike) for part in parts])


def _pairs(ones: Places, others: Places) -> Places:
    """Two places as one number."""
    return ones << 32 | others


def _places(pairs: Places) -> tuple[Places, Places]:
    return pairs >> 32, pairs & 0xFFFFFFFF


def _joined(group: Places, pairs: Places, places: Places, twins: Twins) -> Places:
    """The groups, joined where the problems of a pair are the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones, others = _places(pairs)
    same = twins.same(_pairs(places[ones], places[others]))
    if not same.any():
        return group
    heads, ends = np.unique(np.concatenate((group[ones[same]], group[others[same]])), return_inverse=True)
    left, right = np.split(ends, 2)
    graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(heads), len(heads)))
    labels = connected_components(graph, directed=False)[1]
    head = np.arange(len(group))
    head[heads] = heads[np.unique(labels, return_index=True)[1][labels]]
    return head[group]


def _longest(group: Places, lengths: Places) -> Places:
    """The member with the longest solution, the first of equals, for each problem."""
    order = np.lexsort((np.arange(len(group)), -lengths, group))
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    best = np.arange(len(group))
    best[group[order[first]]] = order[first]
    return best[group]


def _words(table: Problems, places: Places) -> list[str]:
    import polars

    where, order = np.unique(places, return_inverse=True)
    frame = table.at(where, ("id", "question")).select("id", polars.col("question").str.slice(0, _LONGEST))
    words = [f"as {name}: {question}" for name, question in frame.iter_rows()]
    return [words[place] for place in order]


def _same(questions: "Series", ones: Places, others: Places, alike: float) -> NDArray[np.bool_]:
    some, ends = np.unique(np.concatenate((ones, others)), return_inverse=True)
    left, right = np.split(ends, 2)
    words = Words.of(questions[some])
    return _said_alike(questions[some], words, (left, right), _alike(words, (left, right), alike))


def _alike(words: Words, pairs: tuple[Places, Places], alike: float) -> NDArray[np.bool_]:
    sets, numbers = RunSets.of(words, RUN), RunSets.of(words.figures, 2)
    common, ours = in_common(sets, sets, pairs), [sets.sizes[side] for side in pairs]
    fewer = np.minimum(*(numbers.sizes[side] for side in pairs))
    found: NDArray[np.bool_] = common >= alike * (ours[0] + ours[1] - common)
    return found & (in_common(numbers, numbers, pairs) >= _NUMBERS * fewer)


def _said_alike(
    questions: "Series", words: Words, pairs: tuple[Places, Places], alike: NDArray[np.bool_]
) -> NDArray[np.bool_]:  # fmt: skip
    """False for pairs of short questions that are not the same in every sign."""
    found = alike.copy()
    for pair in np.flatnonzero(alike & (np.diff(words.starts)[pairs[0]] < SHORT)):
        found[pair] = same_question(questions[int(pairs[0][pair])]) == same_question(questions[int(pairs[1][pair])])
    return found
