"""The words of many texts at once, as numbers, and the runs of words in them: what near-duplicates and contamination are found by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_LAYOUT = (
    r"\\(?:left|right|[bB]ig+[lr]?|displaystyle|textstyle|limits|qquad|quad|thinspace|enspace|text(?:bf|it|rm|sf|tt)?|math(?:rm|bf|it|sf|bb|cal)|"
    r"mbox|operatorname|boldsymbol|overline|boxed)\b|\\[,;:! ]|[$~]"
)
"""LaTeX that decides how a text looks, not what it says."""
_SPELLED = (
    (r"\\[dtc]frac\b", r"\frac"),
    (r"\\(le|ge|ne)(?:q|qslant)\b", r"\$1"),
    (r"\\(?:cdots|ldots|dots)\b", "..."),
    (r"\\frac(\d)(\d)", r"\frac $1 $2"),
    (r"(\d)(?:,|\{,\}|\\,)(\d\d\d)\b", "$1$2"),
)
_WORD = r"\\?[a-z]+|\d+|[+*/=<>\x{2212}-]|[^\x00-\x7f\s\p{P}]"
"""A word, a command, a number, an operator, or a sign of another script: in Chinese each is a word of its own."""
_NUMBER = np.uint64(0x9E3779B97F4A7C15)
"""What stands for every number where numbers are masked."""
_BASE = np.uint64(0x100000001B3)
_AT_ONCE = 8192
"""Texts whose words are letters at a time, for the memory's sake."""
SHORT = 13
"""Up to so many words too little is said for words alone to decide: brackets and powers count as well."""


@dataclass(frozen=True)
class Words:
    """The words of texts, one after the other; those of text i begin at `starts[i]` and end at `starts[i + 1]`."""

    hashes: Hashes
    numbers: NDArray[np.bool_]
    starts: Places

    @classmethod
    def of(cls, texts: "polars.Series | Sequence[str]") -> "Words":
        """Equal for texts that differ in case, spaces, punctuation, Unicode forms or LaTeX layout only."""
        import polars

        column = texts if isinstance(texts, polars.Series) else polars.Series(texts, dtype=polars.String)
        parts = [_words(column[first : first + _AT_ONCE]) for first in range(0, max(1, len(column)), _AT_ONCE)]
        hashes, numbers, counts = (np.concatenate(side) for side in zip(*parts, strict=True))
        return cls(hashes, numbers, np.concatenate(([0], np.cumsum(counts, dtype=np.int64))))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def masked(self) -> "Words":
        """The same with one word for all numbers."""
        return Words(np.where(self.numbers, _NUMBER, self.hashes), self.numbers, self.starts)

    @property
    def figures(self) -> "Words":
        """The numbers alone, as they come."""
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(self.numbers, dtype=np.int64)))
        return Words(self.hashes[self.numbers], self.numbers[self.numbers], before[self.starts])

    def runs(self, length: int, bare: bool = False) -> tuple[Hashes, Places]:
        """Every run of `length` words within a text, as a number, and the text it is in; `bare` those without numbers only."""
        owner = np.repeat(np.arange(len(self)), np.diff(self.starts))
        found = rolled(self.hashes, length)
        inside = owner[: len(found)] == owner[length - 1 :]
        if bare:
            inside &= np.convolve(self.numbers, np.ones(length))[length - 1 : length - 1 + len(found)] == 0
        return found[inside], owner[: len(found)][inside]

    def without(self, phrases: Hashes, length: int) -> "Words":
        """The same without the words of those runs, which are given with masked numbers; `phrases` are sorted."""
        runs = rolled(self.masked.hashes, length)
        owner = np.repeat(np.arange(len(self)), np.diff(self.starts))
        there = np.isin(runs, phrases) & (owner[: len(runs)] == owner[length - 1 :])
        change = np.zeros(len(self.hashes) + 1, np.int64)
        np.add.at(change, np.flatnonzero(there), 1)
        np.add.at(change, np.flatnonzero(there) + length, -1)
        kept = np.cumsum(change)[:-1] == 0
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept, dtype=np.int64)))
        return Words(self.hashes[kept], self.numbers[kept], before[self.starts])

    def whole(self) -> Hashes:
        """Each text as one number; all texts without words have the same."""
        place = np.arange(len(self.hashes), dtype=np.uint64) - np.repeat(self.starts[:-1], np.diff(self.starts)).astype(np.uint64)
        mixed = (self.hashes ^ place * _NUMBER) * _BASE
        total = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed ^ mixed >> np.uint64(29), dtype=np.uint64)))
        return total[self.starts[1:]] - total[self.starts[:-1]]


def _words(texts: "polars.Series") -> tuple[Hashes, NDArray[np.bool_], Places]:
    """The words, which are numbers, and how many each text has."""
    plain = texts.str.normalize("NFKC").str.to_lowercase().str.replace_all(_LAYOUT, " ")
    for pattern, spelled in _SPELLED:
        plain = plain.str.replace_all(pattern, spelled)
    lists = plain.str.extract_all(_WORD)
    counts = lists.list.len().to_numpy()
    words = lists.explode(empty_as_null=False)
    return words.hash(0).to_numpy(), words.str.contains(r"^\d").to_numpy(), counts


def rolled(hashes: Hashes, length: int) -> Hashes:
    """Every run of `length` numbers as one."""
    count = max(0, len(hashes) - length + 1)
    found = np.zeros(count, np.uint64)
    for step in range(length):
        found = found * _BASE + hashes[step : step + count]
    return found ^ (found >> np.uint64(29))
