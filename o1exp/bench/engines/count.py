"""Where tokens end in a text: marks for token budgets, and the length of the thought."""

from collections.abc import Callable

from o1exp.bench.engines.spec import MARKS_FROM

Marks = tuple[int, ...]
BEGINNINGS = {"</think>": "<think>", "</Thought>": "<Thought>", "<|end_of_thought|>": "<|begin_of_thought|>"}
"""The mark that opens a thought, by the one that ends it; a cut-off answer may have the first alone."""


def positions(prefix: Callable[[int], str], text: str, tokens: int, think_end: str) -> tuple[Marks, int | None]:
    """Characters of `text` after 16, 32, 64 ... of its `tokens`, and the number of tokens up to the end of the thought.

    `prefix(n)` is the text of the first n tokens. A thought that was begun and not ended has all tokens; without any mark it is None.
    """
    return _marks(prefix, text, tokens), _thinking(prefix, text, tokens, think_end)


def _marks(prefix: Callable[[int], str], text: str, tokens: int) -> Marks:
    found, size = [], MARKS_FROM
    while size < tokens:
        # Half a character at the end of a prefix is shown as a replacement sign; it is not there yet.
        found.append(min(len(prefix(size).rstrip("\ufffd")), len(text)))
        size *= 2
    return tuple(found)


def _thinking(prefix: Callable[[int], str], text: str, tokens: int, think_end: str) -> int | None:
    if not think_end:
        return None
    if think_end not in text:
        opened = text.lstrip().startswith(BEGINNINGS.get(think_end, "\0"))
        return tokens if opened else None
    low, high = 0, tokens  # the prefix of `high` tokens holds the mark, that of `low` does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if think_end in prefix(middle) else (middle, high)
    return high
