"""Answers that are announced ("the answer is", and its Chinese forms), that end the text as mathematics, or that are its last number."""

import re

_CUE = re.compile(
    r"(?:(?:final|correct|right)\s*+)?\banswers?\b\s*+(?:choice|option)?\s*+(?:\*\*|__)?\s*+(?:(?:to|for) (?:this|the)"
    r"(?: \w+){1,2}\s*+)?(?:is|are|would be|will be|should be|must be|=|:|\uff1a)(?:\s*+[:\uff1a])?(?:\*\*|__)"
    r"?"
    r"|\b(?:final answer|final result)\b[^\S\n]*+(?:\*\*|__)?[^\S\n]*+[:\uff1a]?[^\S\n]*+(?:\*\*|__)?(?=\s*\n)"
    r"|\b(?:correct|right|best) (?:option|choice|statement)\b\s*+(?:is|:)|\b(?:solutions|roots|values|zeros)"
    r"\b(?: of [^.\n]{1,30}?)? (?:are|is)\b\s*+:?"
    r"|^[^\w\n]*+answer\W*$|^[^\S\n]*+A:"
    r"|(?:\u6700\u7ec8|\u6b63\u786e)?(?:\u7b54\u6848|\u7ed3\u679c)(?:\u5e94\u8be5|\u5e94)?(?:\u662f|\u4e3a|\u9009)?\s*+[:\uff1a]?"
    r"|(?:\u6545|\u6240\u4ee5|\u56e0\u6b64|\u5e94|\u6b63\u786e\u9009\u9879(?:\u662f|\u4e3a)?)\u9009?\u62e9?(?:\u9879)"
    r"?(?<=[\u9009\u62e9\u9879\u662f\u4e3a])\s*+[:\uff1a]?|(?:^|[\u3002\n])[^\S\n]*+\u7b54\s*+[:\uff1a]|(?:\u56e0\u6b64|"
    r"\u6240\u4ee5|\u6545)[^\u3002\n]{0,12}(?:\u7b49\u4e8e|\u662f|\u4e3a)\s*+[:\uff1a]?",
    re.IGNORECASE | re.MULTILINE,
)
_MATH = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$(?!\$)([^$\n]+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_JOIN = re.compile(r"\s*+(?:,|\uff0c|\u3001|;)?\s*+(?:and|or|\u548c|\u6216)?\s*+")
_SENTENCE_END = re.compile(r"\n\s*\n|\n(?=\s*\S)|\u3002|[.!?](?=\s|$|\*)|\uff1b")
_ASIDE = re.compile(
    r"(?<!\s)\s*+(?:\((?:since|because|as|note|which|where|i\.e\.|that is|approximately)\b|,?\s*+\b(?:because|since|"
    r"which|where|as (?:shown|we|required|desired|expected)|so that|when|given that)\b"
    r"|\uff0c\s*+(?:\u56e0\u4e3a|\u5176\u4e2d)|\uff08)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])-?\\?\$?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?(?:\\?%)?|\.\d+")
_LEADING = re.compile(r"^(?:\s|\*|:|\uff1a|=|`|_(?=\w)|>)+|^(?:that|therefore|thus|hence|simply|just|indeed)\b[,\s]*", re.IGNORECASE)
_OPENER = re.compile(r"[$\\]")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_MARKS = "*`_ \t\n.,;:\u3002\uff0c"
_MOST_WORDS = 6
_SPAN = 600


def cued(text: str) -> str:
    """What the last cue announces, "" where there is no cue."""
    for match in reversed(list(_CUE.finditer(text))):
        if found := _announced(text[match.end() : match.end() + _SPAN]):
            return found
    return ""


def _announced(rest: str) -> str:
    """The answer at the start of what follows a cue."""
    while (lead := _LEADING.match(rest)) and lead.end():
        rest = rest[lead.end() :]
    end = _SENTENCE_END.search(rest)
    math = _first_math(rest, end.start() if end else len(rest))
    if math and not _NUMBER.search(rest[: math.start()]):
        before = rest[: math.start()].strip()
        joined, stop = _joined_math(rest, math)
        unit = re.match(r"\s*(?:[A-Za-z/%\u00b0]+\d?)?(?=[.,;)\s]|$)", rest[stop:])
        if unit and unit[0].strip() in ("%", "\\%", "\u00b0"):
            joined += unit[0].strip()
        if len(before.split()) <= 12:
            return joined
    sentence = rest[: end.start()] if end else rest
    aside = _ASIDE.search(sentence)
    sentence = (sentence[: aside.start()] if aside and aside.start() else sentence).strip(_MARKS).replace("**", "")
    if not sentence:
        return ""
    formula = not set(re.findall(r"[A-Za-z]{2,}", sentence)) - {"and", "or"}
    if formula or len(sentence.split()) <= _MOST_WORDS or re.match(r"[(\[\\]", sentence):
        return _without_lead(sentence)
    numbers = _NUMBER.findall(sentence)
    return str(numbers[-1]).strip() if numbers else sentence


def _without_lead(sentence: str) -> str:
    """A short announcement without the words around its one number."""
    numbers = _NUMBER.findall(sentence)
    if len(numbers) == 1 and len(_CHINESE.findall(sentence)) > 3:
        return str(numbers[0]).strip()
    words = re.findall(r"[A-Za-z]{2,}", sentence)
    if len(numbers) == 1 and len(words) >= 3 and not re.search(r"[\\=<>^]", sentence):
        return str(numbers[0]).strip()
    return sentence


def _joined_math(text: str, first: "re.Match[str]") -> tuple[str, int]:
    """The formulas that follow one another over a comma, "and" or "or", and where they end."""
    found, place = [_content(first)], first.end()
    while following := _MATH.search(text, place):
        between = text[place : following.start()]
        if not between.strip() or not _JOIN.fullmatch(between):
            break
        found.append(_content(following))
        place = following.end()
    return ", ".join(found), place


def _first_math(text: str, stop: int) -> "re.Match[str] | None":
    """The first formula that starts before `stop`."""
    formulas = (_MATH.match(text, opener.start()) for opener in _OPENER.finditer(text, 0, stop))
    return next((formula for formula in formulas if formula), None)


def _content(match: "re.Match[str]") -> str:
    return next(group for group in match.groups() if group is not None).strip().rstrip(".,")


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
    return ", ".join(_content(each) for each in formulas[first:])


def last_number(text: str) -> str:
    """The last number of the text, "" where there is none."""
    numbers = _NUMBER.findall(text[-4000:])
    return numbers[-1].strip().rstrip(",") if numbers else ""
