"""Rows on their way, and the pages that they hold."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from o1exp.chat.local.rows import Decoded, DecodeRequest


@dataclass
class Row:
    """What is asked, what is written, and the pages that hold its keys and values, in order."""

    number: int
    request: DecodeRequest
    written: Decoded
    pages: list[int] = field(default_factory=list)

    @property
    def text(self) -> tuple[int, ...]:
        """Prompt and answer so far."""
        return (*self.request.prompt, *self.written.ids)

    @property
    def size(self) -> int:
        """Tokens of the text."""
        return len(self.request.prompt) + len(self.written.ids)

    @property
    def whole(self) -> int:
        """Tokens of the text at most."""
        return len(self.request.prompt) + self.request.limit

    @property
    def left(self) -> int:
        """Tokens that may still be written."""
        return self.request.limit - self.written.tokens


@dataclass(frozen=True)
class Told:
    """Who is told of rows that have ended, by number, and who of how many new tokens."""

    ended: Callable[[list[tuple[int, Decoded]]], None]
    wrote: Callable[[int], None]


class Pages:
    """Which pages are free; page 0 belongs to nobody."""

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self._free = deque(range(1, count))

    def needed(self, tokens: int) -> int:
        """Pages for so many tokens."""
        return -(-tokens // self.size)

    def fits(self, row: Row, others: int) -> bool:
        """Is there room for its text, and for a page more of it and of so many others?"""
        return self.needed(row.size) + others + 1 <= len(self._free)

    def grow(self, row: Row, tokens: int) -> bool:
        """Give a row pages for so many tokens; False where there are too few, and it has got those that were there."""
        while len(row.pages) < self.needed(tokens):
            if not self._free:
                return False
            row.pages.append(self._free.popleft())
        return True

    def free(self, row: Row) -> None:
        """Take a row's pages back."""
        self._free.extend(row.pages)
        row.pages.clear()
