"""Names and texts of people as each medium takes them: whatever stands in them, it is shown and does nothing."""

import re
import unicodedata
from collections.abc import Iterable

LABEL = 48
"""Characters of a name in a figure."""
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Signs that turn the direction of the text behind them."""
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", **{sign: "\\" + sign for sign in "&%$#_{}"}}
_FORMULA = ("=", "+", "-", "@")


def straight(text: str) -> str:
    """The text without signs that would turn the direction of what stands behind it."""
    return _TURNING.sub("", text)


def one_line(text: str) -> str:
    """The text without line breaks, control signs and signs that turn the direction of what follows."""
    plain = (" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp", "Cs") else sign for sign in straight(text))
    return " ".join("".join(plain).split())


def clipped(text: str, most: int) -> str:
    """At most so many characters, the middle left out: the ends tell names apart."""
    head = most // 2
    return text if len(text) <= most else f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"


def label(text: str) -> str:
    """A name in a figure. matplotlib leaves names that begin with "_" out of its legends: a sign of no width stands before them."""
    shown = clipped(one_line(text), LABEL)
    return "\u200b" + shown if shown.startswith("_") else shown or "-"


def labels(names: Iterable[str]) -> dict[str, str]:
    """A label for each name; names that look the same when they are cut get a number."""
    found: dict[str, str] = {}
    for name in names:
        shown, number = label(name), 1
        while shown in found.values() and name not in found:
            number += 1
            shown = f"{label(name)} ({number})"
        found.setdefault(name, shown)
    return found


def latex(text: str) -> str:
    """Text as LaTeX shows it, also as the first cell of a row, where [ and * would belong to the line break before them."""
    shown = "".join(_TEX.get(sign, sign) for sign in one_line(text))
    return f"{{{shown[0]}}}{shown[1:]}" if shown[:1] in ("[", "*") else shown


def csv_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    shown = value.replace("\x00", "")
    return "'" + shown if shown.lstrip("\t\r\n ").startswith(_FORMULA) else shown


def markdown_cell(value: object) -> str:
    """Text that cannot leave its cell of a Markdown table, and is no emphasis, link, formula or HTML there."""
    return re.sub(r"([\\`*\[\]<>|$~]|(?<!\w)_|_(?!\w))", r"\\\1", one_line(str(value)))


def file_name(text: str) -> str:
    """Letters, digits and - _ . pass; the rest, and a point in front, becomes "_"."""
    safe = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in text)
    return re.sub(r"^\.+", "_", safe)[:120] or "_"
