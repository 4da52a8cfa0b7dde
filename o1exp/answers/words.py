"""Answers in words: one spelling, synonyms, and numbers spelled out in English and Chinese."""

import re
from collections.abc import Iterable
from fractions import Fraction

from o1exp.answers.kinds import Words

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = re.compile(r"[^\w\s%+<>=/.-]|_|(?<!\d)\.|\.(?!\d)|(?<!\w)-|-(?!\w)")
_LETTERS = re.compile(r"[A-Za-z]{2,}|[\u4e00-\u9fff]")
_WEEKDAYS = dict(zip(
    "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u65e5\u5929",
    "monday tuesday wednesday thursday friday saturday sunday sunday".split(),
    strict=True,
))  # fmt: skip
_SYNONYMS = {
    "true": "yes", "correct": "yes", "\u662f": "yes", "\u5bf9": "yes", "\u6b63\u786e": "yes",
    "false": "no", "incorrect": "no", "\u5426": "no", "\u9519": "no",
    "\u9519\u8bef": "no", "\u4e0d\u662f": "no", "\u5947\u6570": "odd", "\u5076\u6570": "even",
    "dne": "undefined", "does not exist": "undefined", "not defined": "undefined",
    "no solutions": "no solution", "no real solutions": "no solution", "no real solution": "no solution", "none": "no solution",
    "\u65e0\u89e3": "no solution", "no such number exists": "no solution", "infinitely many": "infinite", "infinity": "infinite",
    "infinitely many solutions": "infinite", "\u65e0\u7a77\u591a": "infinite", "empty set": "no solution", "\u7a7a\u96c6": "no solution",
    "all real numbers": "reals", "all reals": "reals", "any real number": "reals", "real numbers": "reals", "all real x": "reals",
    **dict.fromkeys("全体实数 一切实数 所有实数 任意实数 实数集".split(), "reals"),
    "impossible": "impossible", "not possible": "impossible",
    **dict.fromkeys(["positive infinity", "plus infinity", "divergent to infinity", "divergent to positive infinity"], "infinite"),
    **dict.fromkeys(["negative infinity", "minus infinity", "divergent to negative infinity"], "negative infinite"),
    **dict.fromkeys(["not enough information", "insufficient information", "can not be determined"], "cannot be determined"),
    **{f"{week}{day}": name for week in ("\u661f\u671f", "\u5468", "\u793c\u62dc") for day, name in _WEEKDAYS.items()},
    **dict.fromkeys("无实数根 没有实数根 无实根 没有实根 无实数解 没有实数解 没有解 不存在实数根".split(), "no solution"),
    "no real roots": "no solution", "no roots": "no solution",
    **dict.fromkeys(["no solution exists", "there is no solution", "there are no solutions", "there is no real solution"], "no solution"),
    "there are infinitely many solutions": "infinite", "there are infinitely many": "infinite",
    **dict.fromkeys("是的 对的 能 可以 会".split(), "yes"), **dict.fromkeys("不对 不正确 不能 不可以 不会".split(), "no"),
}  # fmt: skip
_SIGN_WORDS = frozenset("positive negative nonnegative nonpositive nonzero".split())
_NAMED_SET = re.compile(
    r"(?:(?:exactly |only |precisely )?(?:when|if|iff|for|whenever)(?: and only (?:when|if))? )?(?:set of )?(?:(?:all|any|every|each) )?"
    r"(?:(?:values of )?[a-z] (?:(?:that|which) (?:is|are) |is |are |must be |can be any )?)?(?:(?:all|any|set of) )?"
    r"(?P<kind>(?:(?:positive|negative|nonnegative|nonpositive|nonzero|odd|even|prime|composite|natural|whole|rational|irrational"
    r"|complex) ?){0,3})(?P<noun>(?:integer|number|rational|irrational|natural|prime|composite)s?)?"
    r"(?: ?(?:(?:that|which) (?:is|are) )?(?:multiples? of|divisible by) (?P<multiple>\d{1,9}))?(?: ?[a-z])?"
)
_POSITIVE, _FROM_ZERO = "positive integers", "nonnegative integers"
_PARITY: list[set[str]] = [set(), {"number"}, {"integer"}, {"whole", "number"}]
"""Nouns that may stand beside odd, even and prime: they say nothing more."""
_SETS: tuple[tuple[list[set[str]], list[str]], ...] = (
    ([{"odd", *noun} for noun in _PARITY], ["1 mod 2"]), ([{"even", *noun} for noun in _PARITY], ["0 mod 2"]),
    ([{"prime", *noun} for noun in _PARITY], ["primes"]), ([{"odd", "prime", *noun} for noun in _PARITY], ["odd primes"]),
    ([{"composite", *noun} for noun in _PARITY], ["composites"]), ([{"integer"}], ["integers"]),
    ([{"natural", "number"}, {"natural"}], [_POSITIVE, _FROM_ZERO]),
    ([{"whole", "number"}], [_FROM_ZERO, "integers"]), ([{"rational", "number"}, {"rational"}], ["rationals"]),
    ([{"irrational", "number"}, {"irrational"}], ["irrationals"]), ([{"complex", "number"}], ["complex numbers"]),
)  # fmt: skip
_LETTER_SETS = {
    "\u2124": ["integers"], "\u2115": [_POSITIVE, _FROM_ZERO], "\u211a": ["rationals"], "\u2102": ["complex numbers"],
    **{name: [_POSITIVE] for name in "\u2124+ \u2115+ \u2115* \u2124>0 \u2115>0 \u2124\u22651 \u2115\u22651".split()},
    **{name: [_FROM_ZERO] for name in "\u21150 \u2124\u22650 \u2115\u22650 \u2115\u222a\u29830\u2984".split()},
    **{name: ["negative integers"] for name in "\u2124- \u2124<0".split()}, "\u211a+": ["positive rationals"],
    "\u2124\u2216\u29830\u2984": ["nonzero integers"], "\u211d\u2216\u211a": ["irrationals"],
}  # fmt: skip
_SET_MARKS = re.compile(r"^\s*[a-zA-Z]\s*\u2208|[\s^_{}]")
_EQUATION = re.compile("^(?:该|原|此)?(?:方程组?|不等式组?)(?=无|没|不)")
_PLACED = re.compile("^(?:位于|在)(?=第)|(?<=必要|充分|充要)条件$")
_SET_OF = re.compile("^set of (?=(?:all )?real)|^(?:it|this|that) (?=(?:cannot|can not) be )")
_PROPERTY = re.compile(r"\b(converg|diverg)es\b")
_VERDICT = re.compile(
    r"(yes|no|true|false|correct|incorrect|是的?|不是|否|能|不能|会|不会|可以|不可以|对|不对|正确|错误)"
    r"(?:\s*[,.;:\u2014\u2013]\s*|\s+-\s+|\s+(?=because|since|as|,))(?=\S)",
    re.IGNORECASE,
)
_REASONED = re.compile(r"[\d=<>]")
_PRONOUNS = ("it", "this", "that", "they")
_BEING = re.compile("([^是为]{2,12})(?<!不)(?:是|为)([\u4e00-\u9fff]{2,10})")
_SUBJECT = re.compile(r"((?!there\b|not\b)[a-z ]{1,40}?) (?:is|are) ((?:not )?[a-z]+(?: [a-z]+)?)")
_DOING = re.compile(
    r"((?:[a-z]+ )?(?:it|sequence|series|limit|integral|function|sum|product)(?: [a-z ]{0,40}?)?) (convergent|divergent|exists"
    r"|increases|decreases|does not exist|undefined)"
)
_MONTHS = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAY = re.compile(r"(\d{4})-(0\d|1[0-2])-([0-3]\d)|(?:(\d{4})\s?\u5e74\s?)?(\d{1,2})\s?\u6708\s?(\d{1,2})\s?[\u65e5\u53f7]")
_DATE = re.compile(
    rf"(?:{_MONTHS}\s+(\d{{1,2}})(?:st|nd|rd|th)?|(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTHS})(?:,?\s+(\d{{4}}))?", re.IGNORECASE
)
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
    text = _SET_OF.sub("", _PLACED.sub("", text))
    text = _PROPERTY.sub(lambda match: match[1] + "ent", _EQUATION.sub("", text))
    return _SYNONYMS.get(text, text)


def stated(text: str) -> list[Words]:
    """What a text in words says: as a whole, and its property apart from the subject."""
    plain = plain_words(text)
    if not plain:
        return []
    match = _SUBJECT.match(plain) or _DOING.match(plain) or _BEING.match(plain)
    if match is None:
        return [Words(plain)]
    about = "" if match[1] in _PRONOUNS else match[1]
    return [Words(plain), Words(_SYNONYMS.get(match[2], match[2]), about)]


def named_set(text: str) -> list[Words]:
    """The set of numbers that a text names, "all odd integers" or \u2124, under one name each; none where it names none."""
    if names := _LETTER_SETS.get(_SET_MARKS.sub("", text)):
        return [Words(name) for name in names]
    plain = plain_words(text.replace("on-", "on"))
    match = _NAMED_SET.fullmatch(plain)
    if not match or not (match["kind"] or match["noun"] or match["multiple"]):
        return []
    words = match["kind"].split()
    sign = next((word for word in words if word in _SIGN_WORDS), "")
    if match["multiple"]:
        return [Words(f"{sign} 0 mod {match['multiple'].lstrip('0')}".strip())] if set(words) <= _SIGN_WORDS else []
    rest = {word for word in words if word != sign} | ({match["noun"].rstrip("s")} if match["noun"] else set())
    for told, names in _SETS:
        if rest in told:
            return [Words(f"{sign} {name}".strip()) for name in names]
    return []


def progression(start: Fraction, step: Fraction) -> list[Words]:
    """start + step k for all whole k, by the name that `named_set` gives it."""
    if start.denominator != 1 or step.denominator != 1 or abs(step) < 2:
        return []
    return [Words(f"{start % abs(step)} mod {abs(step)}")]


def reasoned(text: str) -> list[Words]:
    """The yes or no that a text begins with; its reason counts where it holds more than words."""
    match = _VERDICT.match(text.strip())
    if not match:
        return []
    reason = plain_words(text.strip()[match.end() :])
    return [Words(plain_words(match[1]), reason if _REASONED.search(reason) else "")]


def dated(text: str) -> str:
    """One spelling of a date whose month is written out, "" where the text is none."""
    if ("-" in text or "\u6708" in text) and (day := _DAY.fullmatch(text.strip().rstrip("."))):
        month = int(day[2] or day[5])
        return " ".join([_MONTH_NAMES[month - 1], (day[3] or day[6]).lstrip("0"), day[1] or day[4] or ""]).strip() if 0 < month < 13 else ""
    match = _DATE.fullmatch(text.strip().rstrip("."))
    if not match:
        return ""
    return " ".join([(match[1] or match[4])[:3].lower(), (match[2] or match[3]).lstrip("0"), match[5] or ""]).strip()


def spelled_number(text: str) -> str | None:
    """The number a phrase spells, as a plain expression: "twenty-four" is 24, the Chinese for two thirds 2/3; None where it spells none."""
    if text.isascii():
        return _english(text)
    sign, text = ("-", text[1:].lstrip("的")) if text[0] == "负" else ("", text)
    if text.startswith(_HUNDREDTHS) and (value := chinese_number(text[3:])) is not None:
        return sign + value + "%"
    if tenths := _TENTHS.fullmatch(text):
        digits = "".join(digit if digit.isdigit() and digit.isascii() else str(_DIGITS[digit]) for digit in tenths.groups("") if digit)
        return f"{sign}{digits:0<2}%"
    if text in ("一半", "二分之一"):
        return sign + "1/2"
    whole, mixed, part = text.rpartition("又")
    count = chinese_number(whole) if mixed else "0"
    if (match := _PARTS.fullmatch(part)) and (top := chinese_number(match["top"])) and (bottom := chinese_number(match["bottom"])):
        return f"{sign}({count}+{top}/{bottom})" if mixed and count else None if mixed else f"{sign}{top}/{bottom}"
    value = chinese_number(text)
    return None if value is None else sign + value


def _english(text: str) -> str | None:
    words = text.lower().replace("-", " ").split()
    sign = ""
    if words and words[0] in ("minus", "negative"):
        sign, words = "-", words[1:]
    if (fraction := _fraction(words)) is not None:
        return sign + fraction
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


_HALVES = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4}
_ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_BOTTOMS = _HALVES | {name + end: place for place, name in enumerate(_ORDINALS, 3) for end in ("", "s")}


def _fraction(words: list[str]) -> str | None:
    """Two thirds, a half, one and three quarters."""
    if not words or words[-1] not in _BOTTOMS:
        return None
    *rest, last = words
    whole, top = (rest[: rest.index("and")], rest[rest.index("and") + 1 :]) if "and" in rest else ([], rest)
    top = ["one"] if top in ([], ["a"], ["one"]) else top
    if len(top) != 1 or top[0] not in _SMALL or (whole and (count := _english(" ".join(whole))) is None):
        return None
    part = f"{_SMALL[top[0]]}/{_BOTTOMS[last]}"
    return f"({count}+{part})" if whole else part


_NUMERALS = "\u3007\u96f6\u4e00\u4e8c\u4e24\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d"
_ZEROS = "\u3007\u96f6"
_DIGITS = dict(zip(_NUMERALS, (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_CHINESE_TENS = {"\u5341": 10, "\u767e": 100, "\u5343": 1000}
_MYRIADS = {"\u4e07": 10**4, "\u4ebf": 10**8}
_CHINESE = "".join([*_DIGITS, *_CHINESE_TENS, *_MYRIADS])
_DIGITS_OR_UNIT = re.compile(r"\d{1,12}(?:\.\d{1,12})?|[百千万亿]")
_MIXED_NUMERALS = re.compile(r"(?<![\d.])(?:\d{1,12}(?:\.\d{1,12})?[百千万亿]{1,3}(?![克米瓦卡焦牛帕赫升])){1,}+")
_LARGEST = 10**600  # Python writes out and reads back no number much longer than this
_TENTHS = re.compile(f"打?([{_NUMERALS}\\d])[.点]?([{_NUMERALS}\\d]?)[成折]([{_NUMERALS}\\d]?)")  # 七折, 8.5折, 三成五: in per cent
_POWERS = re.compile(
    r"(?<=[\d)}a-zA-Z])\s+(?:(squared)|(cubed)|(?:raised )?to the power (?:of )?(-?\d{1,4}|[a-z]))(?![A-Za-z])", re.IGNORECASE
)
CHINESE_NUMBER = re.compile(f"\u8d1f?[{_CHINESE}]+(?:\u70b9[{''.join(_DIGITS)}]+)?")


def chinese_number(word: str) -> str | None:
    """The decimal digits of a number written in Chinese numerals, None where the word is none or the number is absurdly large."""
    if not CHINESE_NUMBER.fullmatch(word):
        return None
    sign, word = ("-", word[1:]) if word[0] == "\u8d1f" else ("", word)
    whole, _, decimals = word.partition("\u70b9")
    if not any(glyph in _CHINESE_TENS or glyph in _MYRIADS for glyph in whole):
        digits = "".join(str(_DIGITS[glyph]) for glyph in whole)
    elif (value := _counted(whole)) is not None:
        digits = str(value)
    else:
        return None
    return sign + digits + ("." + "".join(str(_DIGITS[glyph]) for glyph in decimals) if decimals else "")


def _counted(parts: Iterable[str]) -> Fraction | None:
    """The value of digits and the units behind them: each large unit multiplies what stands between it and a larger one."""
    total = part = section = digit = Fraction(0)
    last = 1  # the unit of the last digit, where a digit alone stands for tens of a smaller one: 一百一 is 110
    for glyph in parts:
        if glyph in _CHINESE_TENS:
            section, digit, last = section + (digit or 1) * _CHINESE_TENS[glyph], Fraction(0), _CHINESE_TENS[glyph]
        elif glyph == "\u4e07":
            part, section, digit, last = (part + section + digit) * 10**4, Fraction(0), Fraction(0), 10**4
        elif glyph == "\u4ebf":
            total, part, section, digit, last = (total + part + section + digit) * 10**8, Fraction(0), Fraction(0), Fraction(0), 10**8
        else:
            digit, last = Fraction(_DIGITS.get(glyph, glyph)), 1 if glyph in _ZEROS else last
        if max(total, part) > _LARGEST:
            return None
    return total + part + section + digit * (last // 10 if last > 10 else 1)


def powers_in_signs(text: str) -> str:
    """The text with 4^2 for "4 squared"."""
    if "squared" not in text and "cubed" not in text and "power" not in text:
        return text
    return _POWERS.sub(lambda match: "^2" if match[1] else "^3" if match[2] else f"^{{{match[3]}}}", text)


def mixed_joined(text: str) -> str:
    """The text with 25000 for 2万5千: digits, each with its own unit, that add up."""
    return _MIXED_NUMERALS.sub(_mixed, text)


def _mixed(run: "re.Match[str]") -> str:
    total = _counted(_DIGITS_OR_UNIT.findall(run[0])) or Fraction(0)
    return str(total) if total.denominator == 1 else str(float(total))


def digits_for_numerals(text: str) -> str:
    """The text with digits for every number in Chinese numerals."""
    return CHINESE_NUMBER.sub(lambda run: chinese_number(run[0]) or run[0], text)
