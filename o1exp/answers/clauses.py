"""The clauses of a cleaned answer: its pieces at the top level, outside all brackets and text, and the condition that follows it."""

import re
from collections.abc import Collection
from typing import NamedTuple

from o1exp.answers.glyphs import without_marks

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


_NUMBERS = r"(?:arbitrary|integers?|real|constants?)"
_CONDITION = re.compile(
    r"\u27e6\s*+,?\s*+(?:where|for|with|if|when|iff)\b"
    r"|\(\s*+(?:\u27e6\s*+)?(?:since|because|as|note|i\.e\.)\b|\u27e6\s*+\((?:since|because|as|note|i\.e\.)\b"
    r"|(?<![A-Za-z])(?:where|for (?:all|any|some|every|each|[a-z](?=\s*[\u2265>=\u2208]))|"
    r"for (?:an? )?(?:(?:positive|negative|non-?negative|non-?zero|whole|natural|real|odd|even|prime) )*"
    r"(?:integers?|numbers?|reals?|constants?)"
    r"|with [a-z] (?:an? |any )?(?:arbitrary )?(?:integer|real|constant))\b"
    r"|[\s,(]\s*+(?:any |an? )?(?:integer|real(?: number)?|constant)s? [a-zA-Z](?=\W*$)"
    rf"|[,(\s]\s*+[a-zA-Z]\s*+(?:\u27e6 ?)?(?:(?:is|are) )?(?:an?|any)? ?(?:arbitrary )?(?:\u27e6 ?)?{_NUMBERS}\b"
    r"|[,(\s]\s*+(?:其中|对于?任意|对所有|对一切)|[,(\s]\s*+[a-zA-Z]\s*+(?:为|是)(?:任意|任何|一切)?的?(?:整数|实数|常数|正整数|自然数)"
)
_COUNTING = re.compile(r"[,(\s]\s*+[a-z]\s*+=\s*+[01]\s*+,[\d,\u00b1 ]*+\u2026\s*+\)?$")
_DOMAIN = re.compile(r"[,(]\s*+[a-z]\s*+[\u2265>]\s*+[01]\s*+\)?$")
_BELONGS = re.compile(r"\u2208\s*+(?:\u2124|\u2115|\u211d|\u211a|\\?[ZNRQ])[+*]?(?:\s*+[\^_]\s*+(?:\{[^{}]*\}|[^\s{]))*\s*+\)?$")
_LETTERS_BACKWARD = re.compile(r"\s*+[a-zA-Z](?![A-Za-z\\])(?:\s*+,\s*+[a-zA-Z](?=\s*+[,(]))*")
_KINDS = r"real|integers?|numbers?|constants?|values? of|positive|primes?|odd|even|natural|rational|complex|non-?(?:negative|zero)"
_FREE = re.compile(
    r"(?<![A-Za-z])([a-zA-Z])\s*+(?:[\u2208\u2265>=]|(?:is |are )?(?:an? |any |arbitrary )?(?:integer|real|constant|arbitrary"
    r"|positive|natural)|为|是)"
    rf"|(?:any|all|every|each|some|integers?|real|constants?|任意|所有|一切)\s+(?:(?:{_KINDS}|非零|实数|整数)\s*+){{0,4}}+([a-zA-Z])(?![A-Za-z])"
)


def _single(text: str) -> bool:
    """Whether a text is one answer without a bound of its own: no comma stands at its top level."""
    return not any(sign in text for sign in "<>\u2264\u2265") and ("," not in text or len(cut(text, ",")) == 1)


class Conditioned(NamedTuple):
    """An answer, the condition that follows it, and the parameter that this leaves free; "" for what is not there."""

    answer: str
    condition: str
    free: str


def conditioned(text: str) -> Conditioned:
    """An answer and its condition."""
    if not any(sign in text for sign in " ,("):
        return Conditioned(text, "", "")
    starts = [found.start() for found in (_CONDITION.search(text), _COUNTING.search(text)) if found]
    if (belongs := _BELONGS.search(text)) and (letters := _LETTERS_BACKWARD.match(text[: belongs.start()][::-1])):
        starts.append(belongs.start() - letters.end())
    if (domain := _DOMAIN.search(text)) and _single(text[: domain.start()]):
        starts.append(domain.start())
    rest = text[: min(starts, default=0)].rstrip(" ,;(")
    if not rest or rest.endswith(("|", ":", "\u2983")):
        return Conditioned(text, "", "")
    condition = without_marks(text[len(rest) :])
    free = _FREE.search(condition)
    return Conditioned(rest, condition, (free[1] or free[2]) if free else "")


# what a condition makes of its parameter: the kind of number, and the least ones that it may mean (None: there is none)
_KINDS_OF_NUMBERS: tuple[tuple["re.Pattern[str]", str, tuple[int | None, ...]], ...] = (
    (re.compile(r"\bodd\b|奇数"), "odd", (None,)),
    (re.compile(r"\beven\b|偶数"), "even", (None,)),
    (re.compile(r"\bprimes?\b|质数|素数"), "prime", (None,)),
    (re.compile(r"(?<!non)(?<!non-)negative integers?|(?<!非)负整数"), "negative", (None,)),
    (re.compile(r"\bpositive (?:integers?|whole)|正整数|\u2208\s*[\u2124\u2115ZN]\s*[\^_]?\s*\{?\s*[+*]"), "whole", (1,)),
    (re.compile(r"\bnon-?negative (?:integers?|whole)|非负整数|\u2208\s*[\u2115N]\s*_\s*\{?\s*0"), "whole", (0,)),
    (re.compile(r"\bnaturals?\b|自然数|\u2208\s*[\u2115N]"), "whole", (0, 1)),
    (re.compile(r"\bintegers?\b|整数|\u2208\s*[\u2124Z]"), "whole", (None,)),
    (re.compile(r"\brationals?\b|有理数|\u2208\s*[\u211aQ]"), "rational", (None,)),
    (re.compile(r"\bcomplex\b|复数|\u2208\s*[\u2102C]"), "complex", (None,)),
    (re.compile(r"\breals?\b|实数|\u2208\s*[\u211dR]"), "real", (None,)),
)
_BOUND = re.compile(r"[a-zA-Z]\s*([\u2265>])\s*(-?\d{1,9})|(-?\d{1,9})\s*([\u2264<])\s*[a-zA-Z]")
_COUNTED_FROM = re.compile(r"=\s*(-?\d{1,9})\s*,\s*(\u00b1)?")

Domain = frozenset[tuple[str, int | None, bool]]


def domain(condition: str) -> Domain:
    """What a condition may make of its parameter: (kind of number, least value, whether that is left out); empty where it says nothing."""
    kind, least = next(((kind, least) for pattern, kind, least in _KINDS_OF_NUMBERS if pattern.search(condition)), ("", (None,)))
    if bound := _BOUND.search(condition):
        value, left_out = int(bound[2] or bound[3]), (bound[1] or bound[4]) in "><"
        whole, other = ("whole", value + left_out, False), (kind or "real", value, left_out)
        return frozenset({whole} if kind == "whole" else {other} if kind else {whole, other})
    if counted := _COUNTED_FROM.search(condition):
        return frozenset({("whole", None if counted[2] else int(counted[1]), False)})
    return frozenset((kind, value, False) for value in least) if kind else frozenset()


_EXACT = re.compile(
    r"(?:\(|,\s*(?:or\s+)?)\s*(?:\u27e6\s*)?(?:exactly|precisely|the exact value is|精确值[是为]?|准确值[是为]?|恰好)\s*:?\s*(?:\u27e7\s*)?"
    r"((?:[^()]|\([^()]*\))+?)\)?[.\s]*$"
)
_ROUGHLY = re.compile(
    r"(?<=[\w)}])\s?\((?:\u27e6\s*)?(?:(?:which is )?(?:about|approximately|approx\.?|roughly|around|nearly)\b|"
    r"[\u2248~]|大?约)[^()]*\)[.\s]*$"
)


def exact_side(text: str) -> str:
    """What an answer says exactly, where it also says it roughly: 998 of "about 1,000 (exactly 998)" and of "998 (about 1,000)"."""
    if "(" not in text and "," not in text:
        return text
    exact = _EXACT.search(text)
    return exact[1].strip() if exact else _ROUGHLY.sub("", text)
