"""A pattern that Polars can search with and that finds at least what a Python pattern finds.

Polars' regular expressions have no lookaround and no possessive repeats: without those a pattern matches as often or more.
"""

import re
from functools import lru_cache

_LOOKAROUND = re.compile(r"\(\?<?[=!]")
_POSSESSIVE = re.compile(r"(?<!\\)([*+?}])\+")


@lru_cache(maxsize=64)
def superset(pattern: str, ignore_case: bool = True) -> str:
    """The pattern without lookaround, greedy where it was possessive. Python's group names and escapes must be Rust's too."""
    while found := _LOOKAROUND.search(pattern):
        end = _closing(pattern, found.start())
        pattern = pattern[: found.start()] + "(?:)" + pattern[end + 1 :]
    flags = "(?i)" if ignore_case else ""
    return flags + _POSSESSIVE.sub(r"\1", pattern)


def _closing(pattern: str, start: int) -> int:
    """Where the group that opens at `start` closes."""
    depth, inside, place = 0, False, start
    while True:
        sign = pattern[place]
        if sign == "\\":
            place += 1
        elif inside:
            inside = sign != "]"
        elif sign == "[":
            inside = True
            place += pattern[place + 1 : place + 3] == "^]"
        else:
            depth += (sign == "(") - (sign == ")")
            if depth == 0:
                return place
        place += 1
