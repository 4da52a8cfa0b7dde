"""What is found while rows are encoded: arrays on disk that grow with them, and a line of counts for every few thousand rows."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from o1exp.train.data.growing import Growing, growing, grown

LONG = "starts", "prompts", "rows", "units", "lengths_seen", "unreadable", "questions", "names"
KINDS: dict[str, npt.DTypeLike] = {"ids": np.int32, "roles": np.int8, "kept": np.int8, **dict.fromkeys(LONG, np.int64)}
"""The arrays: of each document that is kept where it starts, its prompt tokens, row, unit and role; of each that was seen its tokens,
whether it is kept, and the numbers of its question and its problem's id; and the rows that are no text."""
COUNTS = "found.jsonl"
NAMED = 6
"""Rows that are kept for a letter: one more than a message names."""


@dataclass
class Noticed:
    """Of `read` rows: documents and tokens that the length cap took, special tokens, and `unknown`, the letters that the tokenizer lacks,
    each with the first rows that hold it; `unreadable` and `unknown_rows` count rows."""

    read: int = 0
    dropped: int = 0
    cut: int = 0
    over: int = 0
    unreadable: int = 0
    unknown_rows: int = 0
    specials: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, list[int]] = field(default_factory=dict)

    def add(self, other: "Noticed") -> None:
        """Those of the rows behind ours."""
        for one in fields(Noticed):
            if one.type is int:
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
        for text, count in other.specials.items():
            self.specials[text] = self.specials.get(text, 0) + count
        for letter, rows in other.unknown.items():
            self.unknown[letter] = [*self.unknown.get(letter, ()), *rows][:NAMED]


class Found:
    """Open arrays in a folder, and the counts of what stands in them."""

    def __init__(self, arrays: dict[str, Growing], counts: Noticed, said: IO[bytes], tokens: int) -> None:
        self._arrays, self._said, self._tokens, self.counts, self.ids = arrays, said, tokens, counts, arrays["ids"]
        if not arrays["starts"].count:
            arrays["starts"].extend([0])

    def add(self, part: Noticed, numbers: dict[str, list[int]]) -> None:
        """What was found in the next rows; `lengths` are the tokens of the documents that are kept, whose ids have been written."""
        ends = self._tokens + np.cumsum(numbers.pop("lengths"), dtype=np.int64)
        self._arrays["starts"].extend(ends)
        self._tokens = int(ends[-1]) if len(ends) else self._tokens
        for name, some in numbers.items():
            self._arrays[name].extend(some)
        for array in self._arrays.values():
            array.flush()
        sizes = {name: array.count for name, array in self._arrays.items()}
        self._said.write(json.dumps({"sizes": sizes, **vars(part)}).encode() + b"\n")
        self._said.flush()
        self.counts.add(part)


@contextmanager
def found_in(folder: Path) -> Iterator[Found]:
    """What a kill left in the folder, to go on with, or nothing yet."""
    counts, sizes, size = _known(folder)
    with ExitStack() as opened, (folder / COUNTS).open("r+b" if size else "wb") as said:
        said.seek(size)
        said.truncate()
        arrays = {name: opened.enter_context(growing(_file(folder, name), kind, sizes.get(name, 0))) for name, kind in KINDS.items()}
        yield Found(arrays, counts, said, sizes.get("ids", 0))


def _known(folder: Path) -> tuple[Noticed, dict[str, int], int]:
    """The counts of all parts whose arrays are there, the sizes of these, and the bytes of the lines that say so."""
    counts, sizes, size = Noticed(), dict[str, int](), 0
    if not (folder / COUNTS).is_file():
        return counts, sizes, size
    there = {name: grown(_file(folder, name), kind) for name, kind in KINDS.items()}
    with (folder / COUNTS).open("rb") as file:
        for line in file:
            said: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
            held = said.pop("sizes", None)
            if held is None or any(there[name] < count for name, count in held.items()):
                break
            counts.add(Noticed(**said))
            sizes, size = held, size + len(line)
    return counts, sizes, size


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"
