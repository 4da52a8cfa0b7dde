"""Cut a cleaned answer at its top level, outside all brackets and text."""

import re
from collections.abc import Collection

_OPENING = frozenset("([{\u2983\u27e6\u230a\u2308")
_CLOSING = frozenset(")]}\u2984\u27e7\u230b\u2309")
_LINK = re.compile(
    "(?<![A-Za-z])(?:and/or|and|or)(?![A-Za-z])|并且|且|\u27e6\\s*+,?\\s*+(?:and|or|\u548c|\u6216|\u6216\u8005|"
    "且|并且|\u53ca|\u4e0e)\\s*+\u27e7|\u548c|\u6216\u8005|\u6216|\u4ee5\u53ca|\u4e0e"
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
    pieces, depth, start, counted = [], 0, 0, 0
    for match in _LINK.finditer(text):
        depth += _opened(text[counted : match.start()])
        counted = match.start()
        if depth == 0 and _asked(match[0], words):
            pieces.append(text[start : match.start()].strip(" ,"))
            start = match.end()
    return [*pieces, text[start:].strip(" ," if pieces else None)]


def _asked(link: str, words: Collection[str]) -> bool:
    is_or = "or" in link.replace("and/or", "or") or "\u6216" in link
    return ("or" if is_or else "and") in words


def _opened(text: str) -> int:
    """How many brackets open in the text and stay open; negative where more close."""
    return sum((letter in _OPENING) - (letter in _CLOSING) for letter in text)


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
