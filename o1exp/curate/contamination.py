"""Problems of a benchmark among those for training: found by their words, and told apart from those that only sound alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from o1exp.curate.criteria import Criteria, Leak
from o1exp.curate.shared import Index, RunSets, in_common, summed
from o1exp.curate.words import SHORT, Hashes, Places, Words
from o1exp.records.question import same_question

if TYPE_CHECKING:
    import polars

KINDS: tuple[Leak, ...] = get_args(Leak)
_BATCH = 50_000
_LOOK, _FUZZY, _PHRASE, _RARE = 5, 3, 8, 3
"""Words of a run by which pairs are found; by which they are compared; of a common phrase; the most texts that share what is none."""
_ONE_NUMBERS, _BUILD, _PASSAGE, _PASSAGE_RUNS = 0.9, 0.45, 0.18, 4
"""Share of the numbers that one problem keeps; what makes two similar: masked runs of both, or a rare passage, in share and runs."""
_WORTH = 0.05
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """One pair: places in the table and in the benchmark problems, the kind of match, and both shares."""

    row: int
    problem: int
    kind: Leak
    coverage: float
    likeness: float


def contaminated(questions: "polars.Series", benchmark: Sequence[str], criteria: Criteria) -> list[Found]:
    """All pairs of a question and a benchmark problem that match, in the order of the questions.

    What most of a benchmark's problems say, such as "where m and n are relatively prime positive integers", is no match by itself.
    """
    import polars

    posed = Words.of(polars.Series(benchmark, dtype=polars.String))
    if not len(questions) or not len(posed.hashes):
        return []
    candidates = _Candidates(posed, criteria)
    for first in range(0, len(questions), _BATCH):
        candidates.look(Words.of(questions[first : first + _BATCH]), first)
    problems, rows, passages = candidates.pairs(len(questions))
    asked, place = np.unique(rows, return_inverse=True)
    theirs, pairs = Words.of(questions[asked]), (problems, place)
    phrases = _phrases(posed)
    shares = _Shares.of(posed.without(phrases, _PHRASE), theirs.without(phrases, _PHRASE), pairs, criteria.run)
    exact = posed.whole()[problems] == theirs.whole()[place]
    for pair in np.flatnonzero(exact & (np.diff(posed.starts)[problems] < SHORT)):
        exact[pair] = same_question(benchmark[problems[pair]]) == same_question(questions[int(rows[pair])])
    kinds = shares.kinds(criteria, exact, passages)
    kept = [int(place) for place in np.lexsort((problems, rows)) if kinds[place] >= 0]
    figures = [np.round(side, 4).tolist() for side in (shares.coverage, shares.fuzzy)]
    return [Found(int(rows[i]), int(problems[i]), KINDS[kinds[i]], *(side[i] for side in figures)) for i in kept]


def _phrases(posed: Words) -> Hashes:
    """Long runs without numbers that many different problems have: how such problems begin or end."""
    sets = RunSets.of(posed.masked, _PHRASE)
    bare = posed.masked.runs(_PHRASE, bare=True)[0]
    common = Index(sets).runs[_problems(posed, sets) > _RARE]
    return np.intersect1d(common, bare)


def _problems(posed: Words, sets: RunSets) -> Places:
    """How many different problems have each run of the sorted runs of all."""
    runs, place = np.unique(sets.values, return_inverse=True)
    owners = np.unique(posed.whole(), return_inverse=True)[1][sets.owners()]
    return np.bincount(np.unique(place * len(posed) + owners) // len(posed), minlength=len(runs))


class _Candidates:
    """Pairs that are worth a closer look, collected batch by batch."""

    def __init__(self, posed: Words, criteria: Criteria) -> None:
        self._posed, self._run = posed, criteria.run
        self._whole = posed.whole()
        self._long, self._short = RunSets.of(posed, criteria.run), RunSets.of(posed.masked, _LOOK)
        self._by_long, self._by_short = Index(self._long), Index(self._short)
        self._exact: list[tuple[Places, Places]] = []
        self._covered: list[tuple[Places, Places]] = []
        self._hits: list[tuple[Places, Places]] = []

    def look(self, words: Words, first: int) -> None:
        """The next questions, of which the first is at place `first`."""
        order = np.argsort(self._whole)
        left, right = (np.searchsorted(self._whole[order], words.whole(), side) for side in ("left", "right"))
        for row in np.flatnonzero((left < right) & (np.diff(words.starts) > 0)):
            same = order[left[row] : right[row]]
            self._exact.append((same, np.full(len(same), row + first)))
        texts, owners, _ = self._by_long.pairs(*self._by_long.find(*words.runs(self._run)))
        texts, owners, counts = summed(texts, owners, np.ones(len(texts)))
        some = counts >= 0.3 * self._long.sizes[texts]
        self._covered.append((texts[some], owners[some] + first))
        runs, owners = self._by_short.find(*words.masked.runs(_LOOK))
        self._hits.append((runs, owners + first))

    def pairs(self, total: int) -> tuple[Places, Places, Shares]:
        """Benchmark problem and row of every pair, and how much of the problem is a passage that hardly anybody else has."""
        runs, owners = (np.concatenate(side) for side in zip(*self._hits, strict=True))
        forms, rows = _problems(self._posed, self._short), np.bincount(runs, minlength=len(self._by_short.runs))
        weights = np.log((total + len(self._posed)) / np.maximum(1, rows + self._by_short.texts))
        whole = np.bincount(self._short.owners(), weights[np.searchsorted(self._by_short.runs, self._short.values)], len(self._posed))
        usable = forms[runs] <= _RARE
        texts, owners, found = self._by_short.pairs(runs[usable], owners[usable])
        rare = rows[found] <= _RARE
        texts_at, rows_at, shares = summed(texts, owners, weights[found] / np.maximum(whole[texts], 1e-9))
        passages = summed(texts, owners, np.where(rare, weights[found] / np.maximum(whole[texts], 1e-9), 0))[2]
        passages = np.where(summed(texts, owners, rare.astype(float))[2] >= _PASSAGE_RUNS, passages, 0)
        worth = shares >= _WORTH
        sides = [*self._exact, *self._covered, (texts_at[worth], rows_at[worth])]
        problems, places = (np.concatenate(side) for side in zip(*sides, strict=True))
        counted = np.concatenate([np.zeros(len(problems) - worth.sum()), passages[worth]])
        return summed(problems, places, counted)


@dataclass(frozen=True)
class _Shares:
    """How alike the problems of each pair are, from 0 to 1."""

    short: NDArray[np.bool_]
    coverage: Shares
    fuzzy: Shares
    masked_coverage: Shares
    masked_fuzzy: Shares
    numbers: Shares

    @classmethod
    def of(cls, posed: Words, asked: Words, pairs: tuple[Places, Places], run: int) -> "_Shares":
        problems = pairs[0]
        figures, theirs = RunSets.of(posed.figures, 1), RunSets.of(asked.figures, 1)
        same = in_common(figures, theirs, pairs)
        return cls(
            np.diff(posed.starts)[problems] < SHORT,
            _covered(posed, asked, pairs, run), _alike(posed, asked, pairs),
            _covered(posed.masked, asked.masked, pairs, run), _alike(posed.masked, asked.masked, pairs),
            np.where(figures.sizes[problems] == 0, 1.0, same / np.maximum(1, figures.sizes[problems])),
        )  # fmt: skip

    def kinds(self, criteria: Criteria, exact: NDArray[np.bool_], passages: Shares) -> Places:
        """The surest kind of match of each pair by its place in KINDS, -1 for none."""
        alike = (self.masked_coverage >= criteria.coverage) | (self.masked_fuzzy >= criteria.fuzzy)
        one = self.numbers >= _ONE_NUMBERS
        found = {
            "exact": exact, "coverage": one & (self.coverage >= criteria.coverage),
            "fuzzy": one & ~self.short & (self.fuzzy >= criteria.fuzzy),
            "numbers": alike & ~one, "similar": (passages >= _PASSAGE) | (self.masked_fuzzy >= _BUILD),
        }  # fmt: skip
        return np.select([found[kind] for kind in KINDS], range(len(KINDS)), -1)


def _covered(posed: Words, asked: Words, pairs: tuple[Places, Places], run: int) -> Shares:
    ours = RunSets.of(posed, run)
    return _share(in_common(ours, RunSets.of(asked, run), pairs), ours.sizes[pairs[0]])


def _alike(posed: Words, asked: Words, pairs: tuple[Places, Places]) -> Shares:
    ours, theirs = RunSets.of(posed, _FUZZY), RunSets.of(asked, _FUZZY)
    return _share(2 * in_common(ours, theirs, pairs), ours.sizes[pairs[0]] + theirs.sizes[pairs[1]])


def _share(part: Places, whole: Places) -> Shares:
    found: Shares = part / np.maximum(1, whole)
    return found
