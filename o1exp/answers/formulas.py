r"""Formulas between dollar signs or LaTeX brackets: where they stand, and which dollar signs are money."""

import re

from o1exp.answers.glyphs import MONEY
from o1exp.answers.units import is_unit

_MATH = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$(?!\$)([^$\n]+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_JOIN = re.compile(r"\s*+(?:,|\uff0c|\u3001|;)?\s*+(?:and|or|和|或)?\s*+")
_OPENER = re.compile(r"[$\\]")
_ESCAPED = re.compile(r"(?<!\$)\\\$(?=\s?\.?\d)")
_AMOUNT = re.compile(r"(?<!\\)\$(?=\s?[-+\u2212]?\s?\.?\d)")
_DOLLAR = re.compile(r"(?<!\\)\$")
_PROSE = re.compile(r"(?<!\\)(?<![A-Za-z{\\])[A-Za-z]{3,}|[\u4e00-\u9fff]")
_UNIT = re.compile(r"\s*((?:(?:square|cubic)\s)?[A-Za-z/%\u00b0\u00b5]+(?:\^?\d)?|\\%|[\u4e00-\u9fff]{1,4})?(?=[.,;)\s\u3002\uff0c]|$)")
_MARKS = "*`_ \t\n.,;:\u3002\uff0c\uff01!\u2705\u2714"
_TEXT = re.compile(r"\\(?:text[a-z]{0,6}|mathrm|mathbf|mbox)\s?\{[^{}]{0,60}\}")
_FARTHEST = 400  # letters between two dollar signs of one line


def money_marked(text: str) -> str:
    """The text with every dollar sign that stands for money under another sign, so that those that are left open and close formulas.

    A dollar sign before a digit opens a formula only where another closes it on the same line: one with no digit behind it and no words
    before it. That is how typesetters of Markdown tell them apart.
    """
    text = _ESCAPED.sub(MONEY, text)
    if "$" not in text:
        return text
    places = [match.start() for match in _DOLLAR.finditer(text)]
    amounts = {match.start() for match in _AMOUNT.finditer(text)}
    if not amounts:
        return text
    kept, opened = list(text), False
    for number, place in enumerate(places):
        if opened:
            opened = False
        elif place in amounts and not _closes(text, place, places[number + 1 : number + 2]):
            kept[place] = MONEY
        else:
            opened = True
    return "".join(kept)


def _closes(text: str, place: int, following: list[int]) -> bool:
    """Whether the next dollar sign closes a formula that this one opens."""
    if not following:
        return False
    stop = following[0]
    if stop == place + 1:  # $$ opens a formula of its own
        return True
    content = _TEXT.sub("", text[place + 1 : min(stop, place + _FARTHEST)])
    if text[stop + 1 : stop + 2].isdigit() or "\n" in content or stop - place > _FARTHEST or _PROSE.search(content):
        return False
    return not (content[:1].isdigit() and content[-1:].isspace() and content.rstrip()[-1:] in "=+-*/(")


def first_formula(text: str, stop: int) -> "re.Match[str] | None":
    """The first formula that starts before `stop`."""
    formulas = (_MATH.match(text, opener.start()) for opener in _OPENER.finditer(text, 0, stop))
    return next((formula for formula in formulas if formula), None)


def with_followers(text: str, first: "re.Match[str]") -> str:
    """The formulas that follow one another over a comma, "and" or "or", with the unit behind the last."""
    found, place = [_content(first)], first.end()
    while following := _MATH.search(text, place):
        between = text[place : following.start()]
        if not between.strip() or not _JOIN.fullmatch(between):
            break
        found.append(_content(following))
        place = following.end()
    unit = _UNIT.match(text, place)
    return ", ".join(found) + (_as_unit(unit[1]) if unit and unit[1] else "")


def at_the_end(text: str) -> str:
    """The formula, or list of formulas, that ends the text, with a few words behind it at most; "" where none does."""
    tail = text.rstrip()[-2000:]
    formulas = list(_MATH.finditer(tail))
    if not formulas:
        return ""
    behind = tail[formulas[-1].end() :].strip(_MARKS + "()")
    if len(behind.split()) > 4 or re.search(r"\d", behind):
        return ""
    first = len(formulas) - 1
    while first and (between := tail[formulas[first - 1].end() : formulas[first].start()]).strip() and _JOIN.fullmatch(between):
        first -= 1
    return ", ".join(_content(each) for each in formulas[first:]) + _as_unit(behind)


def _content(match: "re.Match[str]") -> str:
    return next(group for group in match.groups() if group is not None).strip().rstrip(".,")


def _as_unit(word: str) -> str:
    if word in ("%", "\\%", "\u00b0"):
        return word
    return rf"\text{{ {word}}}" if len(word) < 40 and is_unit(word) else ""
