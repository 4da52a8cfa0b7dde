"""How a long thought reads: its length and its markers, per trace (Part 1, Table 3), in English and Chinese."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

MARKERS: dict[str, tuple[str, ...]] = {
    "wait": ("wait", "等等", "等一下", "且慢"),
    "alternatively": ("alternatively", "或者", "换一种", "换个"),
    "but": ("but", "但是", "但", "可是", "不过"),
    "let me": ("let me", "让我"),
    "therefore": ("therefore", "因此"),
    "so": ("so", "所以"),
    "thus": ("thus", "从而", "于是"),
    "consider": ("consider", "considering", "considers", "考虑"),
    "if": ("if", "如果", "假如", "若"),
    "possible": ("possible", "possibly", "可能"),
    "verify": ("verify", "verifying", "verified", "验证", "验算"),
    "double-check": ("double-check", "double check", "double-checking", "double checking", "再检查", "复查", "重新检查"),
    "first": ("first", "firstly", "首先"),
}
"""What is counted, by the name of the marker: the words of Part 1 (English), and what a Chinese thought says for them (ours)."""
_OTHER = {"但": "(?<!不)但(?!愿|凡)", "若": "(?<![倘假])若(?!干|无其事)", "或者": "或者(?!说)"}
"""Chinese forms that are parts of other words."""
_PIECE = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|\d+(?:[.,]\d+)*")


def _pattern() -> re.Pattern[str]:
    """All forms, the longest first, each in a group of its marker."""
    forms = sorted(((form, place) for place, forms in enumerate(MARKERS.values()) for form in forms), key=lambda one: -len(one[0]))
    latin = "|".join(rf"(?P<l{place}_{at}>{re.escape(form)})" for at, (form, place) in enumerate(forms) if form.isascii())
    other = "|".join(
        rf"(?P<o{place}_{at}>{_OTHER.get(form, re.escape(form))})" for at, (form, place) in enumerate(forms) if not form.isascii()
    )
    return re.compile(rf"(?<![A-Za-z-])(?:{latin})(?![A-Za-z-])|{other}", re.IGNORECASE)


_MARKER, _NAMES = _pattern(), tuple(MARKERS)


@dataclass(frozen=True)
class Style:
    """Means over traces: `tokens` (words, numbers, signs: no model's), `words`, `lines` that are not empty, `words_per_line`, and how often
    each marker stands in a trace. `longest` and `median_tokens` are of single traces.
    """

    traces: int
    tokens: float
    median_tokens: float
    longest: int
    words: float
    lines: float
    words_per_line: float
    markers: dict[str, float]

    def plain(self) -> dict[str, float | dict[str, float]]:
        """As JSON values, two digits behind the point."""
        numbers = {name: round(value, 2) for name, value in vars(self).items() if name != "markers"}
        return {**numbers, "markers": {name: round(value, 2) for name, value in self.markers.items()}}


def pieces(text: str) -> int:
    """Words, numbers, single signs and single ideographs: a count that needs no model, and is not that of any model."""
    return len(_PIECE.findall(_IDEOGRAPH.sub(" x ", text)))


def words(text: str) -> int:
    """Words and numbers; of Chinese, which has no spaces, the ideographs."""
    return len(_WORD.findall(_IDEOGRAPH.sub(" x ", text)))


def markers(text: str) -> Counter[str]:
    """How often each marker stands in a text, whatever its case; a longer form counts once ("double-check")."""
    found = Counter[str]()
    for match in _MARKER.finditer(text):
        assert match.lastgroup is not None
        found[_NAMES[int(match.lastgroup[1:].split("_")[0])]] += 1
    return found


def style(texts: Iterable[str]) -> Style | None:
    """The style of these traces; None for none."""
    tokens, spoken, lines, counted = list[int](), 0, 0, Counter[str]()
    for text in texts:
        tokens.append(pieces(text))
        spoken += words(text)
        lines += sum(bool(line.strip()) for line in text.splitlines())
        counted += markers(text)
    if not tokens:
        return None
    traces = len(tokens)
    return Style(
        traces, sum(tokens) / traces, median(tokens), max(tokens), spoken / traces, lines / traces, spoken / max(lines, 1),
        {name: counted[name] / traces for name in MARKERS},
    )  # fmt: skip
