"""Problems of a benchmark among those for training: found by their words, and told apart from those that only sound alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from o1exp.curate.candidates import RARE, Candidates, Shares, problems_with
from o1exp.curate.criteria import Criteria, Leak
from o1exp.curate.rule import Framed
from o1exp.curate.shared import Index, RunSets, in_common
from o1exp.curate.words import SHORT, Hashes, Places, Words
from o1exp.records.question import same_question

KINDS: tuple[Leak, ...] = get_args(Leak)
_FUZZY, _PHRASE = 3, 8
"""Words of a run by which pairs are compared; of a common phrase."""
_ONE_NUMBERS, _BUILD, _PASSAGE = 0.9, 0.45, 0.18
"""Share of the numbers that one problem keeps; what makes two similar: masked runs of both, or a rare passage."""


@dataclass(frozen=True)
class Found:
    """One pair: the place of a question, its row in the source, id and text, the problem's place, the kind of match, two shares."""

    place: int
    row: int
    id: str
    question: str
    problem: int
    kind: Leak
    coverage: float
    likeness: float


def contaminated(table: Framed, benchmark: Sequence[str], criteria: Criteria, folder: Path) -> Iterator[Found]:
    """All pairs of a question and a benchmark problem that match, in the order of the questions.

    What most of a benchmark's problems say, such as "where m and n are relatively prime positive integers", is no match by itself.
    The table is read twice, part by part. What its first reading finds lies in the folder.
    """
    import polars

    posed = Words.of(polars.Series(benchmark, dtype=polars.String))
    if not len(posed.hashes):
        return
    candidates, closer, first = Candidates(posed, criteria.run), _Closer(posed, benchmark, criteria), 0
    candidates.look(table, folder)
    for frame, (problems, places, passages) in zip(table.frames(("row", "id", "question")), candidates.pairs(), strict=True):
        asked, which = np.unique(places, return_inverse=True)
        some = frame[asked]
        kinds, coverage, likeness = closer.look(some["question"].to_list(), (problems, which), passages)
        cells = some.select("row", "id", "question").rows()
        for pair in np.flatnonzero(kinds >= 0).tolist():
            place = first + int(places[pair])
            row, name, text = cells[which[pair]]
            yield Found(place, row, name, text, int(problems[pair]), KINDS[kinds[pair]], float(coverage[pair]), float(likeness[pair]))
        first += frame.height


class _Closer:
    """Compares the problems of a benchmark with some questions."""

    def __init__(self, posed: Words, benchmark: Sequence[str], criteria: Criteria) -> None:
        self._posed, self._benchmark, self._criteria = posed, benchmark, criteria
        self._phrases = _phrases(posed)
        self._bare = posed.without(self._phrases, _PHRASE)

    def look(self, questions: Sequence[str], pairs: tuple[Places, Places], passages: Shares) -> tuple[Places, Shares, Shares]:
        """The kind of match of each pair of problem and question, by its place in KINDS or -1, and both shares, rounded."""
        (problems, places), theirs = pairs, Words.of(questions)
        shares = _Shares.of(self._bare, theirs.without(self._phrases, _PHRASE), pairs, self._criteria.run)
        exact = self._posed.whole()[problems] == theirs.whole()[places]
        for pair in np.flatnonzero(exact & (np.diff(self._posed.starts)[problems] < SHORT)):
            exact[pair] = same_question(self._benchmark[problems[pair]]) == same_question(questions[places[pair]])
        return shares.kinds(self._criteria, exact, passages), np.round(shares.coverage, 4), np.round(shares.fuzzy, 4)


def _phrases(posed: Words) -> Hashes:
    """Long runs without numbers that many different problems have: how such problems begin or end."""
    sets = RunSets.of(posed.masked, _PHRASE)
    bare = posed.masked.runs(_PHRASE, bare=True)[0]
    common = Index(sets).runs[problems_with(posed, sets) > RARE]
    return np.intersect1d(common, bare)


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
