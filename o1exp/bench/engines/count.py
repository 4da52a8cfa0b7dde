"""Where tokens end in a text: marks for token budgets, and the length of the thought."""

from collections.abc import Callable

from o1exp.bench.engines.spec import MARKS_FROM
from o1exp.chat.local.marks import beginning

Marks = tuple[int, ...]


def positions(
    prefix: Callable[[int], str], text: str, tokens: int, think_end: str, opened: bool = False
) -> tuple[Marks, int | None]:  # fmt: skip
    """Characters of `text` after 16, 32, 64 ... of its `tokens`, and the number of tokens up to the end of the thought.

    `prefix(n)` is the text of the first n tokens. A thought that was begun, by the text or by its prompt (`opened`), and not ended has all
    tokens; without any mark it is None.
    """
    return _marks(prefix, text, tokens), _thinking(prefix, text, (tokens, opened), think_end)


def _marks(prefix: Callable[[int], str], text: str, tokens: int) -> Marks:
    found, size = [], MARKS_FROM
    while size < tokens:
        # Half a character at the end of a prefix is shown as a replacement sign; it is not there yet.
        found.append(min(len(prefix(size).rstrip("\ufffd")), len(text)))
        size *= 2
    return tuple(found)


def _thinking(prefix: Callable[[int], str], text: str, written: tuple[int, bool], think_end: str) -> int | None:
    if not think_end:
        return None
    tokens, opened = written
    if think_end not in text:
        mark = beginning(think_end)
        return tokens if opened or (mark and text.lstrip().startswith(mark)) else None
    low, high = 0, tokens  # the prefix of `high` tokens holds the mark, that of `low` does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if think_end in prefix(middle) else (middle, high)
    return high
