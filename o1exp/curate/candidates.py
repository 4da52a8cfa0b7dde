"""Pairs of a question and a benchmark problem that are worth a closer look, found part by part and kept on disk."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from o1exp.curate.rule import Framed
from o1exp.curate.shared import Index, RunSets, summed
from o1exp.curate.words import Places, Words

if TYPE_CHECKING:
    from polars import Series

Shares = NDArray[np.float64]
RARE = 3
"""The most texts that share what is none of a common phrase."""
_LOOK = 5
"""Words of a run by which pairs are found."""
_PASSAGE_RUNS, _WORTH, _SOME = 4, 0.05, 0.3
"""Rare runs that make a passage; the least share of a problem in rare runs, or in long ones, that is worth a look."""
_BATCH = 8192


class Candidates:
    """The candidates of a table: `look` reads it, then `pairs` gives them for each of its parts."""

    def __init__(self, posed: Words, run: int) -> None:
        self._posed, self._run = posed, run
        self._whole = posed.whole()
        self._order = np.argsort(self._whole)
        self._long, self._short = RunSets.of(posed, run), RunSets.of(posed.masked, _LOOK)
        self._by_long, self._by_short = Index(self._long), Index(self._short)
        self._usable = problems_with(posed, self._short) <= RARE
        self._rows = np.zeros(len(self._by_short.runs), np.int64)
        """How many questions have each run."""
        self._total = 0
        self._files: list[Path] = []

    def look(self, table: Framed, folder: Path) -> None:
        """Find what all questions have in common with the problems; a part whose file is there is not looked at again."""
        folder.mkdir(parents=True, exist_ok=True)
        for frame in table.frames(("question",)):
            path = folder / f"{self._total}-{frame.height}.npz"
            if not path.is_file():
                _save(path, self._found(frame["question"]))
            with np.load(path) as found:
                self._rows[found["runs"]] += found["rows"]
            self._files.append(path)
            self._total += frame.height

    def pairs(self) -> Iterator[tuple[Places, Places, Shares]]:
        """By part of the table: problem and place in the part of every pair, and how much of the problem is a passage that hardly anybody
        else has."""
        short, texts = self._short, self._by_short.texts
        weights = np.log((self._total + len(self._posed)) / np.maximum(1, self._rows + texts))
        of_runs = weights[np.searchsorted(self._by_short.runs, short.values)]
        whole = np.bincount(short.owners(), of_runs, len(self._posed)).astype(np.float64)
        for path in self._files:
            with np.load(path) as found:
                sure, hits = found["sure"].astype(np.int64), found["hits"].astype(np.int64)
            yield self._worth(sure, hits, weights, whole)

    def _found(self, questions: "Series") -> Mapping[str, NDArray[Any]]:
        """`sure`: pairs of problem and place that are worth it; `hits`: pairs of a usable run and place; `rows` of each of the `runs`."""
        sure, hits = [np.zeros((2, 0), np.int64)], [np.zeros((2, 0), np.int64)]
        for first in range(0, len(questions), _BATCH):
            words = Words.of(questions[first : first + _BATCH])
            sure += [np.stack((problems, places + first)) for problems, places in (self._exact(words), self._covered(words))]
            runs, places = self._by_short.find(*words.masked.runs(_LOOK))
            hits.append(np.stack((runs, places + first)))
        found = np.concatenate(hits, axis=1)
        runs, rows = np.unique(found[0], return_counts=True)
        usable = found[:, self._usable[found[0]]]
        return {"sure": np.concatenate(sure, axis=1).astype(np.int32), "hits": usable.astype(np.int32), "runs": runs, "rows": rows}

    def _exact(self, words: Words) -> tuple[Places, Places]:
        left, right = (np.searchsorted(self._whole[self._order], words.whole(), side) for side in ("left", "right"))
        counts = np.where(np.diff(words.starts) > 0, right - left, 0)
        places = np.repeat(np.arange(len(words)), counts)
        inside = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._order[left[places] + inside], places

    def _covered(self, words: Words) -> tuple[Places, Places]:
        texts, places, _ = self._by_long.pairs(*self._by_long.find(*words.runs(self._run)))
        texts, places, counts = summed(texts, places, np.ones(len(texts)))
        some = counts >= _SOME * self._long.sizes[texts]
        return texts[some], places[some]

    def _worth(self, sure: Places, hits: Places, weights: Shares, whole: Shares) -> tuple[Places, Places, Shares]:
        texts, places, runs = self._by_short.pairs(hits[0], hits[1])
        said, rare = weights[runs] / np.maximum(whole[texts], 1e-9), self._rows[runs] <= RARE
        texts_at, places_at, shares = summed(texts, places, said)
        passages = summed(texts, places, np.where(rare, said, 0))[2]
        passages = np.where(summed(texts, places, rare.astype(float))[2] >= _PASSAGE_RUNS, passages, 0)
        worth = shares >= _WORTH
        problems, owners = np.concatenate((sure, np.stack((texts_at[worth], places_at[worth]))), axis=1)
        return summed(problems, owners, np.concatenate((np.zeros(sure.shape[1]), passages[worth])))


def problems_with(posed: Words, sets: RunSets) -> Places:
    """How many different problems have each run of the sorted runs of all."""
    runs, place = np.unique(sets.values, return_inverse=True)
    owners = np.unique(posed.whole(), return_inverse=True)[1][sets.owners()]
    return np.bincount(np.unique(place * len(posed) + owners) // len(posed), minlength=len(runs))


def _save(path: Path, found: Mapping[str, NDArray[Any]]) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **found)
    os.replace(part, path)
