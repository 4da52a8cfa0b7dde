"""What was found while some rows were encoded: numbers alone, kept in a file of its own for every few thousand rows."""

import json
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from o1exp.train.data.problems import SameProblems

_KINDS = {"lengths": "q", "prompts": "q", "rows": "q", "roles": "b", "kept": "b", "seen": "q", "unreadable": "q"}


def _empty() -> "dict[str, array[int]]":
    return {name: array(kind) for name, kind in _KINDS.items()}


@dataclass
class Found:
    """Of `read` rows: by document that is kept its length, prompt tokens, row and role; by document that was seen whether it is kept, its
    tokens and problem; the rows that are no text; and counts."""

    read: int = 0
    numbers: "dict[str, array[int]]" = field(default_factory=_empty)
    problems: SameProblems = field(default_factory=SameProblems)
    dropped: int = 0
    cut: int = 0
    over: int = 0
    specials: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, list[int]] = field(default_factory=dict)
    """Letters that the tokenizer does not know, each with the rows that hold it."""

    @property
    def tokens(self) -> int:
        return sum(self.numbers["lengths"])

    def array(self, name: str) -> npt.NDArray[np.int64]:
        return np.frombuffer(self.numbers[name], np.dtype(_KINDS[name]))

    def add(self, other: "Found") -> None:
        """Those of the rows behind ours."""
        self.read, self.dropped = self.read + other.read, self.dropped + other.dropped
        self.cut, self.over = self.cut + other.cut, self.over + other.over
        for name, numbers in other.numbers.items():
            self.numbers[name].extend(numbers)
        self.problems.extend(other.problems)
        for text, count in other.specials.items():
            self.specials[text] = self.specials.get(text, 0) + count
        for letter, rows in other.unknown.items():
            self.unknown.setdefault(letter, []).extend(rows)

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        counts = {"read": self.read, "dropped": self.dropped, "cut": self.cut, "over": self.over}
        said = json.dumps({**counts, "specials": self.specials, "unknown": self.unknown})
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            arrays = {name: self.array(name) for name in _KINDS}
            np.savez(file, allow_pickle=False, **arrays, **self.problems.arrays(), said=np.array(said))
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path) -> "Found":
        with np.load(path) as kept:
            numbers = {name: array(kind, kept[name].tobytes()) for name, kind in _KINDS.items()}
            return cls(numbers=numbers, problems=SameProblems.of(kept), **json.loads(str(kept["said"])))


def known(folder: Path, tokens: int) -> Iterator[Found]:
    """What files of the folder hold from the first row on; of those behind the first `tokens` tokens nothing."""
    row, before = 0, 0
    while (path := folder / f"{row}.npz").is_file():
        found = Found.load(path)
        before += found.tokens
        if before > tokens:
            return
        yield found
        row += found.read
