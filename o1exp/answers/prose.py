r"""The expression that plain prose ends with.

It is read as a whole (12\u03c0, 3\u221a2, 10^6, 2:3, 5 1/2, (2, 5), x + 1, -7) or not at all: half of an expression is another answer.
"""

import re
from dataclasses import dataclass

from o1exp.answers.clauses import exact_side
from o1exp.answers.tokens import FUNCTIONS, LONG_NAMES
from o1exp.answers.units import converted, is_unit, said_twice

_LONGEST, _AROUND = 4000, 300  # letters: how far from the end an expression is looked for, and how long one may be
_SPOKEN_SIGN = re.compile(r"(?:(\d\S{0,9})\s)?\b(?:negative|minus)\s$|(?:负|零下)\s?$", re.IGNORECASE)
_DIGITS = "0123456789\u03c0\u221a\u221b\u221e\u00bc\u00bd\u00be"
_TOKEN = re.compile(
    r"(?P<clock>\d{1,9}(?:\.\d{1,9})?\s?比\s?\d{1,9}|\d{1,2}(?::\d\d|[\u70b9\u65f6]\d{1,2}\u5206)(?::\d\d)?(?!\d)(?:\s?[ap]\.?m\b\.?)?)"
    r"|(?P<number>(?:[1-9]\d{0,2}(?:[\u202f\u2009\u00a0]\d{3}| 0\d\d(?: \d{3})*)(?!\d)|\d[\d,]*\d|\d)(?:\.\d+)?(?:[eE][-+]?\d+)?"
    r"(?:\s?(?:%|\\%|[\u4e07\u4ebf]+|(?:thousand|million|billion|trillion|hundred)\b))?|\.\d+)"
    r"|(?P<command>\\(?:[A-Za-z]+|[,;:! {}%]))"
    r"|(?P<word>d/d[a-z](?![A-Za-z])|[A-Za-z]+'{0,3})"
    r"|(?P<sign>\*\*(?=\d)|[-+*/^=:<>!_|\u00b1\u2213\u2212\u2013\uff0d\u00d7\u00f7\u00b7\u22c5\u2264\u2265\u2260\u2248\u222a\u2229\u2208\u223c~])"
    r"|(?P<open>[(\[{\uff08])|(?P<close>[)\]}\uff09])"
    r"|(?P<glyph>[\u03c0\u221a\u221b\u221e\u00b0\u00b2\u00b3\u00b9\u2070-\u209f\u00bc-\u00be\u2150-\u215e\u0391-\u03c9\u00a4\u20ac\u00a3\u00a5\uffe5\u20b9\u2460-\u2473])"
    r"|(?P<comma>[,\uff0c\u3001;])|(?P<dot>\.)|(?P<blank>[^\S\n]+)|(?P<other>.)",
    re.DOTALL,
)
_ADDRESS = re.compile(r"https?://\S+")
_REMARKED = re.compile(r"(?<=[\w%)}\]])\s?\((?:[A-Za-z]{2,}|\u89c1|\u5373)[^()\n]{0,80}\)[.\s]*$")
_SENTENCE = re.compile(r"[.!?]\s+(?=[A-Z])|\n|\u3002")
_ASIDE = re.compile(
    r",?\s(?:(?:which (?:is|was|equals|makes)|rather than|instead of|compared (?:to|with)|because|since|up from|down from)\s"
    r"|(?<!\bis\s)(?<!\bare\s)(?<!\bwas\s)(?<!\bdo\s)(?<!\bdoes\s)(?<!\bdid\s)(?<!\bcan\s)not\s"
    r"|(?:or|which is) (?:about|approximately|roughly|around|nearly)\s|(?<=[a-z]\s)out of\s(?=\d)"
    r"|(?<=(?:left|ning|ther|otal)\s)(?:after|for|in|on|over)\s(?=\d))"
    r"|\uff0c(?:而不是|不是|因为|比)"
)
_GOES_ON = re.compile(r"\b(?:so|thus|therefore|hence|giving|making|leaving|then|but)\b|=|所以|因此|则|故")
_CONCLUDES = re.compile(r"\b(?:so|thus|therefore|hence|giving|then|but)\b|所以|因此|则|故")
_DIGIT = re.compile(r"\d")
_EXCLAIMED = re.compile(r"(?<![A-Za-z\d.,!\\])(\d{1,3}|[nkm])!{1,2}(?=\*\*(?![\w(])|\s*+(?:\Z|[A-Z])|[^\S\n]*+\n)")
_FACTORIAL = re.compile(
    r"(?<![A-Za-z\d.,!])\d{1,2}!{1,2}(?=[$})\\]|\s?(?:[=/+\u00d7\u00b7\u00f7-]|\*(?!\*))|\s(?:ways|possib|arrang|permut|order))"
)
_ARRANGED = re.compile(r"\b(?:factorial|permut|arrang|order(?:s|ings?|ed)?\b|shuffl|lined? up|seat|queue)|排列|排法|阶乘", re.IGNORECASE)
_RESULT = re.compile(r"=\s?\$?(\d{1,3})(?![\d!])")
_STOP = re.compile(r"[.!?]\s|\n")
_KEPT = re.compile(r"!{1,2}\.(?!\S)")
_REFERRED = re.compile(
    r"\b(?:steps?|equations?|eqs?\.|solution|example|figure|video|theorem|lemma|corollary|proposition|section|appendix)\s?\Z", re.IGNORECASE
)
_BASED = re.compile(r"log_\d+$")
_DENIED = re.compile(
    r"(?:\bnot|n't|\bnever|\bcannot)(?: equal(?: to)?| be)?\s?\W{0,3}$|(?:不是|不等于|不为|并非)\s?\W{0,3}$", re.IGNORECASE
)
_ASKED = re.compile(r"[^.!\n\u3002\uff01]{0,80}?[?\uff1f]\W{0,4}(?:no|not|nope|wrong)\b", re.IGNORECASE)
_WRONG = re.compile(r"\W{0,3}(?:is|was) (?:not (?:the|my|our|a|an|right|correct)\b|wrong|incorrect)", re.IGNORECASE)
_WORDS = FUNCTIONS | frozenset(LONG_NAMES) | {"x"}
_CHANCE = re.compile(r"\b(?:chances?|probability|odds|likelihood)\b[^.\n]{0,80}?\s(\d{1,9})\s(?:in|out of)\s(\d{1,9})\Z", re.IGNORECASE)
_UNIT = re.compile(
    r"(?P<words>(?:(?:square|cubic|sq|cu)\.?[^\S\n])?[A-Za-z\u00b5\u03a9]{1,12}(?:\^?\{?[23\u00b2\u00b3]\}?)?(?:\s?/\s?[A-Za-z]{1,8}(?:\^?[23\u00b2\u00b3])?)?"
    r"|[\u4e00-\u9fff]{1,4})"
)
_MONEY = "\u00a4\u20ac\u00a3\u00a5\uffe5\u20b9"
_SIGNS = "-\u2212\u2013\uff0d+\u00b1"
_LETTERS = re.compile(r"[A-Za-z]")
_COUNTED = re.compile(r"(?<![\w.,/])\d[\d,.]{0,12}\s[a-z]{3,15}(?:,\s|,?\sand\s)\Z")
_COUNTED_CHINESE = re.compile(
    "[\u4e00-\u9fff]{1,6}\\d{1,9}[\u4e00-\u9fff]{1,3}[\uff0c\u3001,]\\s?(?!\u4e00?\u5171|\u603b|\u5408|\u6240\u4ee5|\u5219|\u6545|\u56e0\u6b64)[\u4e00-\u9fff]{1,6}\\Z"
)
_THINGS = re.compile(r"\s[a-z]{3,15}\b")
_EXTREME = (
    r"(?:\b(?:min(?:imum|imal)?|max(?:imum|imal)?|largest|smallest|greatest|least)\b[^.\n]{0,60}?\s(?:is|of|equals|=)"
    "|\u6700[\u5927\u5c0f]\u503c\\s?(?:\u4e3a|\u662f|\u7b49\u4e8e|=))"
)
_ATTAINED = re.compile(
    rf"{_EXTREME}\s?\**\$?(?=[-\u2212+\d\\\u00a4\u20ac\u00a3\u00a5\uffe5\u20b9])[^\s,\uff0c]{{1,40}}(?:\s[a-z]{{1,15}}){{0,2}}?"
    r"(?P<aside>,?\s(?:(?:which|and)\s(?:it\s)?)?(?:is\s)?(?:attained|achieved|reached|occur(?:s|ring)|obtained|when|at|for|if)\s"
    "|\uff0c(?:\u6b64\u65f6|\u5f53|\u5728))",
    re.IGNORECASE,
)
_LINKS = frozenset({"and", "or", "\u548c", "\u6216", "\u4e0e"})


@dataclass(frozen=True)
class _Run:
    """A run of mathematics in a text, from `start` to `end`; `digit` says whether a number stands in it."""

    start: int
    end: int
    digit: bool


def without_place(text: str) -> str:
    """The text without where its last sentence says that the least or greatest value is attained."""
    first = max(0, len(text) - _AROUND)
    start = max((match.end() for match in _SENTENCE.finditer(text.rstrip("\u3002. \n"), first)), default=first)
    match = _ATTAINED.search(text, start)
    return text if not match or _CONCLUDES.search(text, match.end()) else text[: match.start("aside")]


def last_expression(text: str) -> str:
    """The last expression with a number in it that stands in prose, with its sign and unit; "" where there is none."""
    text = _calm(_REMARKED.sub("", exact_side((_ADDRESS.sub(" ", text) if "://" in text else text)[-_LONGEST:].rstrip())))
    last = max(text.rfind(digit) for digit in _DIGITS)
    if last < 0:
        return ""
    cut = _word_start(text, last - _AROUND)
    text = _before_aside(text[cut : last + _AROUND])
    runs = [run for run in _runs(text) if run.digit and not _names_a_place(text, run.start)]
    if not runs:
        return ""
    last = len(runs) - 1
    start, end = _trimmed(text, runs[last])
    if chance := _CHANCE.search(text, max(0, start - 120), end):
        return f"{chance[1]}/{chance[2]}"
    unit = _unit_behind(text, end)
    while last and not unit and _joined(text, runs[last - 1], start):
        last -= 1
        start = _trimmed(text, runs[last])[0]
    if not unit and (things := _counted_before(text, start, end)):
        return things
    if both := _said_twice(text, start, end):
        return both
    if unit and last:
        start = _with_larger_unit(text, runs[last - 1], start, unit)
    if sign := _SPOKEN_SIGN.search(text[max(0, start - 40) : start]):
        return "" if sign[1] else f"-{text[start:end]}{unit}"  # "10 minus 3" is a calculation
    if (
        _DENIED.search(text[max(0, start - 20) : start]) or _ASKED.match(text, end) or _WRONG.match(text, end)
    ):  # "it is not 40", "is it 40? No"
        return ""
    if cut and start == 0:  # longer than what is looked at: its end is another expression
        return ""
    return (_value(text[start:end]) + unit).strip()


def _names_a_place(text: str, start: int) -> bool:
    """Whether the number that starts here is the one of a step, an equation, a solution: "Solution 2", and not "Solution: 2"."""
    return text[start] != ":" and bool(_REFERRED.search(text[max(0, start - 16) : start]))


def _calm(text: str) -> str:
    """The text without the exclamation marks at its end and the signs among and behind them."""
    end = len(text)
    while end and not (text[end - 1].isalnum() or text[end - 1] == "_"):
        end -= 1
    first = text.find("!", end)
    if factorial := _KEPT.match(text, end):
        return text[: factorial.end() - 1]
    return text if first < 0 else text[:first]


def factorials_kept(text: str) -> str:
    """The text with a full stop behind each "5!" at the end of a sentence that is a factorial, and in place of the mark where it is none.

    It is one where the text writes the same one elsewhere, or the sentence speaks of orders; not where the text also says "= 24".
    """
    if "!" not in text:
        return text
    known, results = set(_FACTORIAL.findall(text)), set(_RESULT.findall(text))

    def kept(match: "re.Match[str]") -> str:
        before = text[max(0, match.start() - _AROUND) : match.start()]
        meant = match[0] in known or match[1].isalpha() or _ARRANGED.search(_STOP.split(before)[-1])
        return f"{match[0] if meant and match[1] not in results else match[1]}."

    return _EXCLAIMED.sub(kept, text)


def _counted_before(text: str, start: int, end: int) -> str:
    """All that is counted, where another count stands before this one: 7 chickens and 12 rabbits."""
    if (things := _THINGS.match(text, end)) and (first := _COUNTED.search(text, max(0, start - 40), start)):
        return text[first.start() : things.end()]
    first = _COUNTED_CHINESE.search(text, max(0, start - 30), start)
    return text[first.start() :].rstrip("。.\uff01! ") if first and len(text) - end < 5 else ""


def _word_start(text: str, place: int) -> int:
    return 0 if place <= 0 else text.find(" ", place, place + _AROUND) + 1 or place


def _before_aside(text: str) -> str:
    """The text without what its last sentence adds to a number: "which is 3 more", "not 15"."""
    start = max((match.end() for match in _SENTENCE.finditer(text)), default=0)
    aside = _ASIDE.search(text, start)
    counts = aside and _DIGIT.search(text, start, aside.start()) and not _GOES_ON.search(text, aside.end())
    return text[: aside.start()] if aside and counts else text


def first_expression(text: str) -> tuple[str, str]:
    """The expression that a text begins with, with its unit, and what stands behind it; ("", text) where it begins with words."""
    run = next(iter(_runs(text)), None)
    if run is None or not run.digit or run.start > 0:
        return "", text
    start, end = _trimmed(text, run)
    unit = _unit_behind(text, end)
    return (_value(text[start:end]) + unit).strip(), text[end:].lstrip().removeprefix(unit.strip())


def _runs(text: str) -> list[_Run]:
    """All runs of mathematics."""
    runs: list[_Run] = []
    start, end, digit, depth = -1, -1, False, 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        inside = kind in ("clock", "number", "command", "sign", "open", "close", "glyph")
        if kind == "word":
            inside = _is_symbol(match[0], digit and end == match.start() and text[end - 1] not in "([{=,+-*")
        elif kind in ("comma", "dot"):
            inside = depth > 0 and start >= 0 and kind == "comma"
        elif kind == "blank" and start >= 0:
            continue
        if not inside:
            if start >= 0:
                runs.append(_Run(start, end, digit))
            start, digit, depth = -1, False, 0
            continue
        if kind == "number" and start >= 0 and _side_by_side(text[start:end], text[end : match.start()], match, text):
            runs.append(_Run(start, end, digit))
            start, digit, depth = -1, False, 0
        if start < 0:
            start = match.start()
        end = match.end()
        digit |= kind in ("number", "clock") or (kind == "glyph" and match[0] in "\u221e\u03c0\u221a\u221b\u00bc\u00bd\u00be")
        depth = max(0, depth + (kind == "open") - (kind == "close"))
    if start >= 0:
        runs.append(_Run(start, end, digit))
    return runs


def _side_by_side(before: str, blank: str, match: "re.Match[str]", text: str) -> bool:
    """Whether a number stands behind another one with a blank between, and is not the fraction of a mixed number."""
    if not blank or not before[-1:].isdigit() or _BASED.search(before[-12:]):
        return False
    return not re.match(r"\s?/\s?\d", text[match.end() : match.end() + 4])


def _is_symbol(word: str, attached: bool) -> bool:
    """Whether a run of letters is mathematics: a function, one letter, or letters written onto a number, as in 2xy or 5cm."""
    bare = word.rstrip("'")
    return word in _WORDS or word.startswith("d/") or (len(bare) == 1 and word not in ("a", "I")) or (attached and len(bare) <= 4)


def _trimmed(text: str, run: _Run) -> tuple[int, int]:
    """Where the run starts and ends without the marks of the sentence around it."""
    start, end = run.start, run.end
    while True:
        piece = text[start:end]
        lead = re.match(r"(?:[-=]+>|[*:=<>!^_~/|\u00d7\u00f7\u00b7\u22c5\u2248\u223c)\]}\uff09]|\\[,;:! ])\s*", piece)
        letter = re.match(rf"[A-Za-z](?=\s+(?:[\d.\\{_MONEY}]|-\S))\s+|[A-Za-z]\s*:\s*(?=\S)", piece)
        bullet = re.match(rf"[{_SIGNS}]\s+", piece) if not _signed_with_blank(text, start) else None
        tail = re.search(r"\s*(?:[-*:=<>^_~/|+(\[{\uff08\u2212\u2013\u00d7\u00f7]|\\[,;:! ]|(?<![\d)}!\u03c0a-zA-Z])!)$", piece)
        if cut := lead or letter or bullet:
            start += cut.end()
        elif tail:
            end = start + tail.start()
        elif piece and _open_more(piece) and piece[0] in "([{\uff08":
            start += 1
        elif piece and _open_more(piece) < 0 and piece[-1] in ")]}\uff09":
            end -= 1
        else:
            return (start, end) if start < end else (run.end, run.end)


def _signed_with_blank(text: str, start: int) -> bool:
    """Whether a sign with a blank behind it is meant as a sign: after an equality sign, not after a word or at the start of a line."""
    return text[:start].rstrip()[-1:] in tuple("=(<>\u2264\u2265\uff1d")


def _open_more(piece: str) -> int:
    return sum((letter in "([{\uff08") - (letter in ")]}\uff09") for letter in piece)


def _value(piece: str) -> str:
    """What a calculation without letters comes to: what stands behind its last equality sign."""
    left, equals, right = piece.rpartition("=")
    return right if equals and right.strip() and (left.startswith("d/d") or not _LETTERS.search(left)) else piece


def _unit_behind(text: str, end: int) -> str:
    match = _UNIT.match(text, end + len(text[end : end + 2]) - len(text[end : end + 2].lstrip(" ")))
    if not match:
        return ""
    words = match["words"]
    if "\u4e00" <= words[0] <= "\u9fff":
        return next((words[:size] for size in range(len(words), 0, -1) if converted(words[:size])), "")
    behind = text[match.end() : match.end() + 1]
    if behind.isalpha() or not is_unit(words) or (len(words) == 1 and words in "aAcCkKfFvVtT"):
        return ""
    return " " + words


def _said_twice(text: str, start: int, end: int) -> str:
    """The quantity that ends the text in both its units, where the one before is the same: 60 minutes, i.e. 1 hour."""
    for place in _DIGIT.finditer(text, max(0, start - 40), start):
        both = said_twice(text, place.start()) if text[place.start() - 1 : place.start()] not in tuple("0123456789.,") else None
        if both and both.start("other") == start and end in (both.end("other"), both.end("measure")):
            return both[0]
    return ""


def _joined(text: str, before: _Run, start: int) -> bool:
    """Whether a comma, "and" or "or" joins the run before to the one that starts there."""
    between = text[before.end : start].strip()
    words = between.strip(",\uff0c\u3001; ").lower()
    return bool(between) and len(between) < 12 and (not words or words in _LINKS) and "." not in between and "\n" not in between


def _with_larger_unit(text: str, before: _Run, start: int, unit: str) -> int:
    """Where 9 hours of "9 hours and 48 minutes" start; `start` where the number before is another quantity."""
    first, end = _trimmed(text, before)
    between = re.sub(r"\band\b", " ", text[end:start]).strip(" ,")
    sizes = converted(between) if len(between) < 20 else None, converted(unit)
    return first if sizes[0] and sizes[1] and sizes[0][0] == sizes[1][0] and sizes[0][1] > sizes[1][1] else start
