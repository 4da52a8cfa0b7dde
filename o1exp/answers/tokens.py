"""Split a cleaned expression into tokens."""

import re
from typing import NamedTuple


class Token(NamedTuple):
    """`kind` is num, name (a function, a symbol or a command) or op; `spaced` says whether a space stands before it."""

    kind: str
    text: str
    spaced: bool


class Unreadable(Exception):
    """The text is no expression of the grammar."""


MOST_TOKENS = 1500
FUNCTIONS = frozenset(
    "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot asin acos atan log ln lg exp sqrt gcd lcm max min abs f"
    "loor ceil "
    "binom frac det cis tg ctg arctg sgn operatorname comb choose cbrt mod".split()
)
LONG_NAMES = {
    "pi": "\u03c0", "infinity": "\u221e", "inf": "\u221e", "oo": "\u221e",
    "Theta": "\u0398", "Omega": "\u03a9", "gamma": "\u03b3", "delta": "\u03b4", "omega": "\u03c9", "phi": "\u03c6",
    "theta": "\u03b8", "alpha": "\u03b1", "beta": "\u03b2", "lambda": "\u03bb", "infty": "\u221e",
}  # fmt: skip
_TOKEN = re.compile(
    r"(?P<space>\s*)(?:(?P<num>\d+(?:\.\d+)?|\.\d+)|(?P<cmd>\\[A-Za-z]+)|(?P<word>[A-Za-z]+)|(?P<op>\*\*|[^\w\s\\]|"
    r"_)|(?P<letter>[\u00a2\u00b5\u0131\u0138\u0237\u0370-\u03ff\u2100-\u214f]))"
)
_SPLIT = re.compile("(" + "|".join(sorted([*FUNCTIONS, *LONG_NAMES], key=len, reverse=True)) + ")")


def tokens(text: str) -> list[Token]:
    """The tokens of a cleaned expression. Errors: Unreadable where a sign has no place in one, or there are too many."""
    found: list[Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if not match:
            raise Unreadable(text[place : place + 10])
        place = match.end()
        spaced = bool(match["space"])
        if match["num"]:
            found.append(Token("num", match["num"], spaced))
        elif match["cmd"]:
            found.append(Token("name", match["cmd"][1:], spaced))
        elif match["word"]:
            found += _letters(match["word"], spaced)
        elif match["letter"]:
            found.append(Token("name", match["letter"], spaced))
        else:
            found.append(Token("op", "^" if match["op"] == "**" else match["op"], spaced))
        if len(found) > MOST_TOKENS:
            raise Unreadable("too long")
    return found


def _letters(word: str, spaced: bool) -> list[Token]:
    """A run of letters: a function, or single letters side by side."""
    if len(word) == 1:
        return [Token("name", word, spaced)]
    if word in FUNCTIONS or word in LONG_NAMES:
        return [Token("name", LONG_NAMES.get(word, word), spaced)]
    parts: list[Token] = []
    for piece in _SPLIT.split(word) if len(word) < 12 else [word]:
        if piece in FUNCTIONS or piece in LONG_NAMES:
            parts.append(Token("name", LONG_NAMES.get(piece, piece), spaced))
        else:
            parts += [Token("name", letter, spaced) for letter in piece]
    return parts
