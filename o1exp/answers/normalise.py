"""Bring an answer to one spelling, and read it as an exact number where it is one. Nothing is ever evaluated."""

import re
from fractions import Fraction

_WRAPPERS = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}")
_DROPPED = re.compile(r"\\(?:left|right|displaystyle|limits|,|;|!|:| |quad|qquad)(?![a-zA-Z])|\\[()\[\]]|\$|~")
_FRACTION = re.compile(r"^(-?)\\frac\{(-?\d+)\}\{(-?\d+)\}$")
_MIXED = re.compile(r"^(-?)(\d+)\\frac\{(\d+)\}\{(\d+)\}$")
_RATIO = re.compile(r"^(-?\d+(?:\.\d+)?)/(-?\d+(?:\.\d+)?)$")
_DECIMAL = re.compile(r"^-?(?:\d+\.?\d*|\.\d+)$")
_THOUSANDS = re.compile(r"(?<=\d)[,\uff0c](?=\d{3}(?:\D|$))")
_SCIENTIFIC = re.compile(r"^(-?\d+(?:\.\d+)?)(?:\\times|\\cdot|\*|x)10\^\{?(-?\d{1,3})\}?$")
_FULL_WIDTH = {ord(full): ord(full) - 0xFEE0 for full in map(chr, range(0xFF01, 0xFF5F))} | {0x2212: ord("-"), 0x2013: ord("-")}
_LONGEST = 10_000


def normalise(answer: str) -> str:
    """One spelling: wrappers, spacing commands, dollar signs, units of currency and degree, and trailing dots are dropped."""
    text = answer.translate(_FULL_WIDTH).strip()[:_LONGEST]
    text = _WRAPPERS.sub(r"\1", text)
    text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\dbinom", "\\binom").replace("\\$", "")
    text = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?|\\degree|°", "", text)
    text = _DROPPED.sub("", text)
    text = text.replace("\\%", "%").replace("\\{", "{").replace("\\}", "}")
    text = re.sub(r"\s+", "", text).rstrip(".。,")
    text = _THOUSANDS.sub("", text)
    return re.sub(r"^[a-zA-Z]=(?=[^=]+$)", "", text)


def exact(normal: str) -> Fraction | None:
    """The exact value of a normalised integer, decimal, fraction, mixed number, ratio, scientific number or percentage."""
    text = normal.removesuffix("%")
    if match := _FRACTION.match(text):
        top, bottom = int(match[1] + "1") * int(match[2]), int(match[3])
        return Fraction(top, bottom) if bottom else None
    if match := _MIXED.match(text):
        sign, whole, top, bottom = match[1], int(match[2]), int(match[3]), int(match[4])
        return (whole + Fraction(top, bottom)) * (-1 if sign else 1) if bottom else None
    if match := _RATIO.match(text):
        below = Fraction(match[2])
        return Fraction(match[1]) / below if below else None
    if match := _SCIENTIFIC.match(text):
        return Fraction(match[1]) * Fraction(10) ** int(match[2])
    return Fraction(text) if _DECIMAL.match(text) and len(text) < 1000 else None
