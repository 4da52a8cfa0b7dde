"""Problems that are in a table twice, in the same or in nearly the same words: MinHash finds the pairs, counting decides."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from o1exp.curate.criteria import Criteria
from o1exp.curate.shared import RunSets, in_common
from o1exp.curate.words import SHORT, Hashes, Places, Words
from o1exp.records.question import same_question

if TYPE_CHECKING:
    from polars import DataFrame, Series

_RUN, _BANDS, _ROWS, _SEED = 3, 16, 5, 0
"""Words of a run; the signature is 16 bands of 5 minima, by which 99.8 % of the pairs that share 80 % of their runs meet."""
_NUMBERS = 0.9
"""Share of the pairs of neighbouring numbers in one problem that stand in the other: with other numbers it is another problem."""
_BATCH = 50_000


def duplicates(questions: "Series", alike: float) -> Places:
    """The group of each question, named by the place of its first member; runs of three words in common decide (Jaccard >= `alike`)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones, others = _met(_signatures(questions))
    where = np.unique(np.concatenate((ones, others)))
    words = Words.of(questions[where])
    pairs = np.searchsorted(where, ones), np.searchsorted(where, others)
    same = _alike(words, pairs, alike) & _said_alike(questions, words, (ones, others), pairs)
    graph = coo_array((np.ones(int(same.sum()), bool), (ones[same], others[same])), shape=(len(questions), len(questions)))
    groups = connected_components(graph, directed=False)[1]
    found: Places = np.unique(groups, return_index=True)[1][groups]
    return found


def repeated(criteria: Criteria, table: "DataFrame", lengths: Sequence[int]) -> dict[int, str]:
    """What drops a problem, by its place: a duplicate that stays, the first or that with the longest solution by `lengths`."""
    groups = duplicates(table["question"], criteria.alike)
    several = np.flatnonzero(np.bincount(groups, minlength=len(groups))[groups] > 1).tolist()
    best: dict[int, int] = {}
    for place in several:
        group = int(groups[place])
        if group not in best or (criteria.stays == "longest" and lengths[place] > lengths[best[group]]):
            best[group] = place
    named: Mapping[int, int] = {place: stays for place in several if (stays := best[int(groups[place])]) != place}
    return {place: f"as {table['id'][stays]}: {table['question'][stays]}" for place, stays in named.items()}


def _signatures(questions: "Series") -> NDArray[np.uint64]:
    """Bands of every question, as one number each, 128 bytes a question. Shape: (bands, questions)."""
    luck = np.random.default_rng(_SEED)
    factors = luck.integers(1, 1 << 63, _BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
    found = np.empty((_BANDS, len(questions)), np.uint64)
    for first in range(0, len(questions), _BATCH):
        sets = RunSets.of(Words.of(questions[first : first + _BATCH]), _RUN)
        for band in range(_BANDS):
            found[band, first : first + _BATCH] = _band(sets, factors[band * _ROWS : (band + 1) * _ROWS])
    return found


def _band(sets: RunSets, factors: Hashes) -> Hashes:
    """Of texts without words nothing is kept."""
    some = np.flatnonzero(sets.sizes)
    band = np.zeros(len(some), np.uint64)
    for factor in factors:
        mixed = sets.values * factor
        mixed ^= mixed >> np.uint64(32)
        band = band * np.uint64(0x100000001B3) + np.minimum.reduceat(mixed * factor, sets.starts[some])
    found = np.arange(len(sets.starts) - 1, dtype=np.uint64)
    found[some] = band
    return found


def _met(signatures: NDArray[np.uint64]) -> tuple[Places, Places]:
    """Pairs of questions that agree in a band: each with the first of those that do, and with the one before it."""
    pairs = [np.zeros((2, 0), np.int64)]
    for band in signatures:
        order = np.argsort(band, kind="stable")
        same = np.flatnonzero(band[order][1:] == band[order][:-1]) + 1
        starts = np.concatenate(([True], band[order][1:] != band[order][:-1])) if len(order) else np.zeros(0, bool)
        first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
        pairs += [np.stack((order[first[same]], order[same])), np.stack((order[same - 1], order[same]))]
    both = np.unique(np.concatenate(pairs, axis=1), axis=1)
    return both[0], both[1]


def _alike(words: Words, pairs: tuple[Places, Places], alike: float) -> NDArray[np.bool_]:
    sets, numbers = RunSets.of(words, _RUN), RunSets.of(words.figures, 2)
    common, ours = in_common(sets, sets, pairs), [sets.sizes[side] for side in pairs]
    fewer = np.minimum(*(numbers.sizes[side] for side in pairs))
    found: NDArray[np.bool_] = common >= alike * (ours[0] + ours[1] - common)
    return found & (in_common(numbers, numbers, pairs) >= _NUMBERS * fewer)


def _said_alike(questions: "Series", words: Words, places: tuple[Places, Places], pairs: tuple[Places, Places]) -> NDArray[np.bool_]:
    """False for pairs of short questions that are not the same in every sign."""
    short = np.diff(words.starts)[pairs[0]] < SHORT
    found = np.ones(len(short), bool)
    for place in np.flatnonzero(short):
        found[place] = same_question(questions[int(places[0][place])]) == same_question(questions[int(places[1][place])])
    return found
