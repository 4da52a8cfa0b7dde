"""MinHash signatures of the questions of a table, kept on disk by row group: what likely duplicates are found by."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from o1exp.curate.rule import Framed
from o1exp.curate.words import Hashes, Places, Words

RUN = 3
"""Words of a run."""
BANDS, _ROWS, _SEED = 16, 5, 0
"""The signature is 16 bands of 5 minima, by which 99.8 % of the pairs that share 80 % of their runs meet."""
_NONE = np.uint64(0)
"""The band of a text without words, which meets no other."""
_BATCH = 4096
_FEW = 10
"""Up to fewer pairs of neighbouring numbers than so many all of them have to stand in the other problem."""


@dataclass(frozen=True)
class Signatures:
    """A file for each row group: its first row to last hold a number for each question, a band or the marks of its numbers."""

    files: tuple[Path, ...]
    total: int

    @classmethod
    def of(cls, table: Framed, folder: Path) -> "Signatures":
        """136 bytes of disk for each question; of a group whose file is there nothing is computed again."""
        folder.mkdir(parents=True, exist_ok=True)
        files, first = list[Path](), 0
        for frame in table.frames(("question",)):
            path = folder / f"{first}-{frame.height}.npy"
            if not path.is_file():
                questions = frame["question"]
                parts = [_signed(Words.of(questions[place : place + _BATCH])) for place in range(0, frame.height, _BATCH)]
                _save(path, np.concatenate(parts, axis=1))
            files.append(path)
            first += frame.height
        return cls(tuple(files), first)

    def band(self, number: int, places: Places) -> Hashes:
        """One band of these questions."""
        found = np.empty(self.total, np.uint64)
        first = 0
        for path in self.files:
            part = np.load(path, mmap_mode="r")[number]
            found[first : first + len(part)] = part
            first += len(part)
        return found if len(places) == self.total else found[places]

    def marks(self, places: Places) -> Hashes:
        """The numbers of these questions: a bit for each pair of neighbours, all bits where there are many."""
        return self.band(BANDS, places)


def met(band: Hashes, together: int) -> Iterator[tuple[Places, Places]]:
    """Pairs of places that agree in a band, each with the first of those that do and with the one before it, `together` at a time."""
    order = np.argsort(band, kind="stable")
    ordered = band[order]
    new = np.concatenate(([True], ordered[1:] != ordered[:-1]))[: len(band)]
    starts, same = np.flatnonzero(new), np.flatnonzero(~new & (ordered != _NONE))
    del ordered, new
    for place in range(0, len(same), together):
        some = same[place : place + together]
        first = starts[np.searchsorted(starts, some, side="right") - 1]
        yield np.concatenate((order[first], order[some - 1])), np.tile(order[some], 2)


def may_agree(ours: Hashes, theirs: Hashes) -> NDArray[np.bool_]:
    """Whether the numbers of the one may stand in the other: never false where they do."""
    found: NDArray[np.bool_] = ((ours & ~theirs) == 0) | ((theirs & ~ours) == 0)
    return found


def _save(path: Path, numbers: Hashes) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, numbers)
    os.replace(part, path)


def _signed(words: Words) -> Hashes:
    """The bands and the marks of some texts. Shape: (bands + 1, texts)."""
    luck = np.random.default_rng(_SEED)
    factors = luck.integers(1, 1 << 63, BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
    values, starts, texts = _grouped(words, RUN)
    found = np.full((BANDS + 1, len(words)), _NONE)
    for number in range(BANDS if len(texts) else 0):
        found[number, texts] = _band(values, starts, factors[number * _ROWS : (number + 1) * _ROWS])
    found[BANDS] = _marks(words.figures)
    return found


def _grouped(words: Words, length: int) -> tuple[Hashes, Places, Places]:
    """The runs of each text, one text after the other, where each begins, and the texts; a shorter text is one run."""
    sizes = np.diff(words.starts)
    long, short = np.flatnonzero(sizes >= length), np.flatnonzero((sizes > 0) & (sizes < length))
    counts = np.concatenate((sizes[long] - length + 1, np.ones(len(short), np.int64)))
    values = np.concatenate((words.runs(length)[0], words.whole()[short]))
    return values, np.cumsum(counts) - counts, np.concatenate((long, short))


def _band(values: Hashes, starts: Places, factors: Hashes) -> Hashes:
    band = np.zeros(len(starts), np.uint64)
    for factor in factors:
        mixed = values * factor
        mixed ^= mixed >> np.uint64(32)
        mixed *= factor
        band = band * np.uint64(0x100000001B3) + np.minimum.reduceat(mixed, starts)
    return np.maximum(band, _NONE + np.uint64(1))


def _marks(figures: Words) -> Hashes:
    values, starts, texts = _grouped(figures, 2)
    found = np.zeros(len(figures), np.uint64)
    if len(texts):
        many = np.diff(starts, append=len(values)) >= _FEW
        bits = np.bitwise_or.reduceat(np.uint64(1) << (values >> np.uint64(58)), starts)
        found[texts] = np.where(many, ~np.uint64(0), bits)
    return found
