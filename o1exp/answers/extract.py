r"""Find the final answer in a model's text.

What the text announces as final last stands: a complete \boxed, an <answer> tag, `#### x`, "the answer is", a chosen letter. A box stands
before an announcement that leads up to it and behind one that follows it. Where nothing is announced: a hint ("the roots are"), a formula
at the end, the last expression in prose. Only what follows the last closed thought is searched.
"""

import re
from dataclasses import dataclass

from o1exp.answers.cues import announced, hinted, last_word
from o1exp.answers.glyphs import MONEY, half_width
from o1exp.answers.marked import at_the_end, bold_at_the_end, boxed, last_box, money_marked, tagged, unclosed_box
from o1exp.answers.normalise import restored
from o1exp.answers.prose import factorials_kept, last_expression, without_place
from o1exp.answers.thought import parted
from o1exp.answers.words import powers_in_signs

__all__ = ["Found", "extract", "last_box"]

_TAIL = 20_000
_POINTS_BACK = re.compile(r"\b(?:box(?:ed)?|above|below|approximately|approx|about|roughly)\b|\u2248|\\approx|\u7ea6", re.IGNORECASE)
_SURE = re.compile(r"\n[^\w\n]{0,6}(?:confidence|certainty|置信度|信心)[^\n]{0,40}\s*\Z", re.IGNORECASE)
_LETTER_BEHIND = re.compile(r"\$?\s*\(([A-J])\)\W*\Z")
_LETTER_BEFORE = re.compile(r"(?:[Aa]nswer(?: is|:)|[Oo]ption|[Cc]hoice)\s*\**\s*\(?([A-J])(?:\)[:,.]?|[.:,])?\**\s*\(?\$?\s?\Z")
_PROPERTY = re.compile(r"(?!(?:yes|no|true|false)\b)[a-z]{3,}(?: [a-z]+){0,2}")
_WORDS = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}")


@dataclass(frozen=True)
class Found:
    """The answer's text ("" if none), how it was found (boxed, hashes, cue, end, number, none), and whether the text broke off."""

    text: str
    method: str
    truncated: bool = False


def extract(text: str, truncated: bool = False) -> Found:
    """The final answer of a response; in truncated output only a complete box counts, and an unclosed thought holds no answer."""
    parts = parted(text)
    tail = restored(parts.answer)
    if not tail and not parts.unclosed:
        tail, truncated = restored(parts.thought), True
    return _found(tail, truncated or parts.unclosed)


def _found(tail: str, truncated: bool) -> Found:
    box, end = boxed(tail)
    if truncated:
        return Found(box, "boxed" if box else "none", True)
    if not box and unclosed_box(tail):
        return Found("", "none", True)
    if (tag := tagged(tail)) and tag[1] >= end - 1:
        return _inside(tag[0])
    rest = money_marked(half_width(powers_in_signs(factorials_kept(tail[max(end, len(tail) - _TAIL) :]))))
    said = announced(rest)
    if box and not (said and said.firm and _overrules(said.text, box)):
        return Found(_with_letter(tail, box, end), "boxed")
    if said:
        return Found(_plain(said.text), said.method)
    rest = without_place(_SURE.sub("", rest))
    for method, find in (("end", bold_at_the_end), ("cue", hinted), ("end", at_the_end), ("number", last_expression), ("end", last_word)):
        if found := find(rest):
            return Found(_plain(found), method)
    return Found("", "none")


def _with_letter(tail: str, box: str, end: int) -> str:
    """A boxed value with the letter of its option, where that stands right before or behind the box."""
    if not re.search(r"\d", box):
        return box
    start = tail.rfind("\\", 0, end - len(box)) if "box" in tail[max(0, end - len(box) - 20) : end] else end
    letter = _LETTER_BEHIND.match(tail, end) or _LETTER_BEFORE.search(tail, max(0, start - 40), start)
    return f"({letter[1]}) {box}" if letter else box


def _inside(content: str) -> Found:
    """The answer in a tag: found in it where it is a text of its own."""
    if len(content.split()) > 6 or "boxed" in content or "\n" in content:
        found = _found(content, False)
        if found.text:
            return found
    return Found(content, "cue")


def _overrules(said: str, box: str) -> bool:
    """Whether an announcement behind a box is an answer of its own, not a word about the box ("is positive") or its rounded value."""
    if _PROPERTY.fullmatch(said) and re.search(r"\d", box):
        return False
    return not _POINTS_BACK.search(said) and len(_WORDS.findall(said)) <= 3


def _plain(found: str) -> str:
    return found.replace(MONEY, "$").strip()
