"""Cut a cleaned answer at its top level, outside all brackets and text."""

import re
from collections.abc import Collection

_OPENING = frozenset("([{\u2983\u27e6\u230a\u2308")
_CLOSING = frozenset(")]}\u2984\u27e7\u230b\u2309")
_LINK = re.compile(
    "\\s*(?:(?<![A-Za-z])(?:and/or|and|or)(?![A-Za-z])|\u27e6\\s*,?\\s*(?:and|or|\u548c|\u6216|\u6216\u8005|"
    "\u53ca|\u4e0e)\\s*\u27e7|\u548c|\u6216\u8005|\u6216|\u4ee5\u53ca|\u4e0e)\\s*"
)


def cut(text: str, separators: Collection[str]) -> list[str]:
    """The pieces between one-letter separators at the top level, stripped; one piece where there is none."""
    pieces, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        if letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif depth == 0 and letter in separators:
            pieces.append(text[start:place].strip())
            start = place + 1
    pieces.append(text[start:].strip())
    return pieces


def operators(text: str, signs: Collection[str]) -> tuple[list[str], list[str]]:
    """The pieces and the signs between them, at the top level."""
    pieces = cut(text, signs)
    found, depth = [], 0
    for letter in text:
        depth += (letter in _OPENING) - (letter in _CLOSING)
        if depth == 0 and letter in signs:
            found.append(letter)
    return pieces, found


def linked(text: str, words: Collection[str] = ("and", "or")) -> list[str]:
    """The pieces between "and", "or" and their Chinese forms at the top level; `words` limits to one of them."""
    marked = _LINK.sub(lambda match: "\u2063" if _asked(match[0], words) and _top(text, match.start()) else match[0], text)
    return [piece.strip() for piece in marked.split("\u2063")]


def _asked(link: str, words: Collection[str]) -> bool:
    is_or = "or" in link.replace("and/or", "or") or "\u6216" in link
    return ("or" if is_or else "and") in words


def _top(text: str, place: int) -> bool:
    depth = 0
    for letter in text[:place]:
        depth += (letter in _OPENING) - (letter in _CLOSING)
    return depth == 0


def enclosed(text: str) -> bool:
    """Whether the first bracket closes with the last letter."""
    if len(text) < 2 or text[0] not in _OPENING or text[-1] not in _CLOSING:
        return False
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in _OPENING) - (letter in _CLOSING)
        if depth == 0:
            return place == len(text) - 1
    return False


def balanced(text: str) -> bool:
    """Whether every brace of a cleaned answer closes."""
    depth = 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            return False
    return depth == 0
