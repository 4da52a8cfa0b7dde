"""Which texts of two sets have runs of words in common, and how many: counted for millions of texts at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from o1exp.curate.words import Hashes, Places, Words

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_TOGETHER = 20_000
"""Pairs that are counted at a time, for the memory's sake."""


@dataclass(frozen=True)
class RunSets:
    """The different runs of each text: those of text i are `values[starts[i]:starts[i + 1]]`, sorted."""

    values: Hashes
    starts: Places

    @classmethod
    def of(cls, words: Words, length: int) -> "RunSets":
        """Runs of `length` words; a shorter text is one run, one without words none."""
        runs, owners = words.runs(length)
        sizes = np.diff(words.starts)
        short = np.flatnonzero((sizes > 0) & (sizes < length))
        values, owners = np.concatenate((runs, words.whole()[short])), np.concatenate((owners, short))
        order = np.lexsort((values, owners))
        values, owners = values[order], owners[order]
        new = np.ones(len(values), bool)
        new[1:] = (values[1:] != values[:-1]) | (owners[1:] != owners[:-1])
        return cls(values[new], np.searchsorted(owners[new], np.arange(len(words) + 1)))

    @property
    def sizes(self) -> Places:
        return np.diff(self.starts)

    def owners(self) -> Places:
        """The text of each value."""
        return np.repeat(np.arange(len(self.starts) - 1), self.sizes)

    def keyed(self, texts: Places) -> tuple[Hashes, Places]:
        """The values of some texts, each mixed with its place in `texts`, and that place."""
        sizes = self.sizes[texts]
        place = np.repeat(np.arange(len(texts)), sizes)
        inside = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self.values[self.starts[texts][place] + inside] ^ place.astype(np.uint64) * _SPREAD, place


def in_common(ours: RunSets, theirs: RunSets, pairs: tuple[Places, Places]) -> Places:
    """How many different runs the texts of each pair share."""
    found = [np.zeros(0, np.int64)]
    for first in range(0, len(pairs[0]), _TOGETHER):
        some = slice(first, first + _TOGETHER)
        (left, place), (right, _) = ours.keyed(pairs[0][some]), theirs.keyed(pairs[1][some])
        both = np.intersect1d(left, right, assume_unique=True, return_indices=True)[1]
        found.append(np.bincount(place[both], minlength=len(pairs[0][some])))
    return np.concatenate(found)


class Index:
    """The runs of a small set of texts, looked up in large ones."""

    def __init__(self, sets: RunSets) -> None:
        self.runs, places = np.unique(sets.values, return_inverse=True)
        order = np.argsort(places, kind="stable")
        self._texts = sets.owners()[order]
        self._starts = np.searchsorted(places[order], np.arange(len(self.runs) + 1))
        self._maybe = np.zeros(1 << 22, bool)
        self._maybe[self._short(self.runs)] = True

    @property
    def texts(self) -> Places:
        """How many of the texts have each run."""
        return np.diff(self._starts)

    def find(self, values: Hashes, owners: Places) -> tuple[Places, Places]:
        """Which of our runs are among `values`, and the owner of each, every pair once."""
        some = self._maybe[self._short(values)]  # most are not ours, and this says so at once
        values, owners = values[some], owners[some]
        place = np.minimum(np.searchsorted(self.runs, values), max(0, len(self.runs) - 1))
        same = self.runs[place] == values if len(self.runs) else np.zeros(len(values), bool)
        both = np.unique(owners[same] * len(self.runs) + place[same])
        return both % max(1, len(self.runs)), both // max(1, len(self.runs))

    def pairs(self, runs: Places, owners: Places) -> tuple[Places, Places, Places]:
        """What was found, for each of our texts that has the run: text, owner, run."""
        counts = self.texts[runs]
        which = np.repeat(np.arange(len(runs)), counts)
        inside = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._texts[self._starts[runs][which] + inside], owners[which], runs[which]

    def _short(self, values: Hashes) -> NDArray[np.uint64]:
        return values >> np.uint64(42)


def summed(texts: Places, owners: Places, weights: NDArray[np.float64]) -> tuple[Places, Places, NDArray[np.float64]]:
    """Every pair of text and owner once, with the sum of its weights."""
    wide = int(texts.max()) + 1 if len(texts) else 1
    both, place = np.unique(owners * wide + texts, return_inverse=True)
    return both % wide, both // wide, np.bincount(place, weights, len(both)).astype(np.float64)
