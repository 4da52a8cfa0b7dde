"""When are two questions the same? One spelling for all who ask: what is held out together, and what curation finds twice."""

import re
import unicodedata
from hashlib import blake2b

_LAYOUT = re.compile(
    r"\\(?:left|right|bigl?|bigr?|displaystyle|textstyle|limits|qquad|quad|thinspace|enspace)(?![a-z])|\\[,;:!()\[\] ]|[$~]|\*\*"
)
"""LaTeX and Markdown that decide how a text looks, not what it says; the text is in small letters here."""
_FONT = re.compile(r"\\(?:text(?:bf|it|rm|sf)?|math(?:rm|bf|it|sf)|mbox|operatorname\*?)\s*\{([^{}]*)\}")
_COMMAND = re.compile(r"\\[a-z]+")
_ALIKE = {
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\cfrac": "\\frac", "\\le": "≤", "\\leq": "≤", "\\leqslant": "≤", "\\ge": "≥", "\\geq": "≥",
    "\\geqslant": "≥", "\\ne": "≠", "\\neq": "≠", "\\times": "\u00d7", "\\cdot": "·", "\\div": "÷", "\\pm": "±", "\\pi": "π",
    "\\infty": "∞", "\\ldots": "...", "\\dots": "...", "\\cdots": "...", "\\degree": "°", "\\circ": "°",
}  # fmt: skip
_ALONE = re.compile(r"\{\s*(\w)\s*\}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MARKS = re.compile(r"(?<!\d)[.,:]|[.,:](?!\d)|[;?'\"`\u00b4\u2018\u2019\u201c\u201d\u00ab\u00bb]")
"""Punctuation outside numbers; "!" may be a factorial."""
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-") | {"∙": "·", "⋅": "·", "\uff0c": ",", "\u3002": "."})


def same_question(text: str) -> str:
    """The question in one spelling: equal for texts that differ in case, spaces, Unicode forms, LaTeX layout or punctuation only.

    Numbers, letters and operators stay, so that problems with other numbers are other problems.
    """
    found = unicodedata.normalize("NFKC", text).casefold().translate(_DASHES)
    found = "".join(letter for letter in found if unicodedata.category(letter) != "Cf") if not found.isascii() else found
    found = _COMMAND.sub(lambda command: _ALIKE.get(command[0], command[0]), _FONT.sub(r"\1", _LAYOUT.sub(" ", found)))
    found = _MARKS.sub(" ", _THOUSANDS.sub("", _ALONE.sub(r"\1", found)))
    return "".join(found.split()) or text


def question_number(text: str) -> int:
    """A number for all texts of one question, from a hash of its spelling: its size says nothing about the question."""
    spelling = same_question(text).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(spelling, digest_size=8).digest()) >> 1
