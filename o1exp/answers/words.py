"""Answers in words: one spelling, synonyms, and numbers spelled out in English and Chinese."""

import re

from o1exp.answers.glyphs import chinese_number

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = re.compile(r"[^\w\s%+<>=/.-]|_|(?<!\d)\.|\.(?!\d)|(?<!\w)-|-(?!\w)")
_LETTERS = re.compile(r"[A-Za-z]{2,}|[\u4e00-\u9fff]")
_SYNONYMS = {
    "true": "yes", "correct": "yes", "\u662f": "yes", "\u5bf9": "yes", "\u6b63\u786e": "yes",
    "false": "no", "incorrect": "no", "\u5426": "no", "\u9519": "no",
    "\u9519\u8bef": "no", "\u4e0d\u662f": "no", "\u5947\u6570": "odd", "\u5076\u6570": "even",
    "dne": "undefined", "does not exist": "undefined", "not defined": "undefined",
    "no solutions": "no solution", "no real solutions": "no solution", "no real solution": "no solution", "none": "no solution",
    "\u65e0\u89e3": "no solution", "no such number exists": "no solution", "infinitely many": "infinite", "infinity": "infinite",
    "infinitely many solutions": "infinite", "\u65e0\u7a77\u591a": "infinite", "empty set": "no solution", "\u7a7a\u96c6": "no solution",
    "all real numbers": "reals", "all reals": "reals", "any real number": "reals", "real numbers": "reals", "all real x": "reals",
    "impossible": "impossible", "not possible": "impossible",
}  # fmt: skip
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {word: place for place, word in enumerate(_ONES)} | {word: 10 * place for place, word in enumerate(_TENS) if place > 1}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_HUNDREDTHS = "\u767e\u5206\u4e4b"
_PARTS = re.compile("(?P<bottom>.+)\u5206\u4e4b(?P<top>.+)")


def wordy(text: str) -> bool:
    """Whether the text holds a word rather than single letters."""
    return bool(_LETTERS.search(text))


def plain_words(text: str) -> str:
    """Lower case, no articles, no punctuation, synonyms under one word."""
    text = re.sub(r"[\u27e6\u27e7{}\u2983\u2984]", " ", text).lower().replace("n't", " not").replace("'s", "s")
    text = " ".join(_ARTICLES.sub(" ", _PUNCTUATION.sub(" ", text)).split())
    return _SYNONYMS.get(text, text)


def spelled_number(text: str) -> str | None:
    """The number a phrase spells, as a plain expression: "twenty-four" is 24, the Chinese for two thirds 2/3; None where it spells none."""
    if text.isascii():
        return _english(text)
    if text.startswith(_HUNDREDTHS) and (value := chinese_number(text[3:])) is not None:
        return value + "%"
    if (match := _PARTS.fullmatch(text)) and (top := chinese_number(match["top"])) and (bottom := chinese_number(match["bottom"])):
        return f"{top}/{bottom}"
    return chinese_number(text)


def _english(text: str) -> str | None:
    words = text.lower().replace("-", " ").split()
    sign = ""
    if words and words[0] in ("minus", "negative"):
        sign, words = "-", words[1:]
    words = [word for word in words if word != "and"]
    if not words or not all(word in _SMALL or word in _SCALES for word in words):
        return None
    total, section = 0, 0
    for word in words:
        if word in _SMALL:
            section += _SMALL[word]
        elif word == "hundred":
            section = (section or 1) * 100
        else:
            total, section = total + (section or 1) * _SCALES[word], 0
    return sign + str(total + section)
