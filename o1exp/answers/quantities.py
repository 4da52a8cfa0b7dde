"""One number or expression, with its percent sign, degree sign, unit or currency."""

import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import product

from o1exp.answers.glyphs import CURRENCIES, MONEY, without_marks
from o1exp.answers.kinds import Answer, Many, Value
from o1exp.answers.nodes import Node, contains, mul, negative, num
from o1exp.answers.normalise import thousands_joined
from o1exp.answers.parse import parse
from o1exp.answers.tokens import FUNCTIONS, LONG_NAMES, Unreadable
from o1exp.answers.units import converted, is_unit, said_twice
from o1exp.answers.words import CHINESE_NUMBER, chinese_number, digits_for_numerals, mixed_joined, powers_in_signs, spelled_number

_LEAD = re.compile(
    r"^(?:\u27e6\s*)?(?:an?(?=\s\d)|approximately|approx\.?|about|around|roughly|exactly|only|a total of|total of|"
    r"US|HK|\u7ea6|\u5927\u7ea6|\u5171|\u4e00\u5171|\u603b\u5171|\u7b2c|\u662f|\u4e3a|\u6709)"
    r"(?:\s*\u27e7)?\s*(?=[\d\\.(\u221a\u00a4\u20ac\u00a3\u00a5\u20b9-]|[\u96f6\u4e00\u4e8c\u4e24\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341])",
    re.IGNORECASE,
)
_WRITTEN_UNIT = r"[/*]?+\s*+\{?+\u27e6[^\u27e7]*+\u27e7\}?+(?:\s*+\^\s*+\{?+-?\d\}?+)?\s*+"
_TEXT_UNIT = re.compile(rf"^(?P<math>[^\u27e6]*?[^\u27e6\s/*])\s*+(?P<unit>(?:{_WRITTEN_UNIT})+)$")
_FRACTION_UNIT = re.compile(r"\\frac\s*\{\s*\u27e6([^\u27e7]*)\u27e7\s*\}\s*\{\s*\u27e6([^\u27e7]*)\u27e7((?:\s*\^\s*\{?\d\}?)?)\s*\}")
_WORD_UNIT = re.compile(
    r"^(?P<math>.*[\d)}\]!%\u03c0])(?P<space>\s*)(?P<unit>[A-Za-z\u00a2\u00b5\u03bc\u03a9\u00b0]"
    r"(?:[A-Za-z/*^{}\d. \u00b5-]{0,120}[A-Za-z\d}])"
    r"?)$"
)
_CHINESE_UNIT = re.compile(
    r"^(?P<lead>[\u4e00-\u9fff]*+)\s*+(?P<math>[^\u4e00-\u9fff]*+)(?P<unit>(?![\u548c\u6216\u4e0e])"
    r"[\u4e00-\u9fff][\u4e00-\u9fff/\d^{}a-zA-Z]*+)?$"
)
_QUANTIFIED = re.compile(r"[\d)}\]%\u03c0]")
# 3又2分之1, 2分之根号3, 根号2: a sign, the whole part, the denominator, whether a root, the numerator
_SPOKEN = re.compile(r"(负的?|-)?(?:(\d{1,9})\s?又)?(?:(\d{1,9}(?:\.\d{1,9})?)\s?分之)?(?:(根号)|)([\d./\u03c0]{1,20})")
_CHINESE_COUNT = re.compile(
    "^(\u8d1f?[\u3007\u96f6\u4e00-\u9fff]+?)([\u4e2a\u53ea\u6761\u4eba\u672c\u652f\u5f20\u5929\u5143\u5c81\u6b21\u5757\u68f5\u8f86\u540d"
    "\u7c73\u79cd](?:(?![没无不也都半])[\u4e00-\u9fff]){0,3})?$"
)
_ORDINAL = re.compile(r"^(\d+)\s*(?:(?:\^\s*\{?)?\s*\u27e6\s*(?:st|nd|rd|th)\s*\u27e7\s*\}?|(?:\^\{)?(?:st|nd|rd|th)\}?)$")
_REMARK = re.compile(r"^(.*\d)\s*\((?:[A-Za-z]{3,}[A-Za-z -]*)\)$")
_CHOSEN = re.compile(r"^(?:\{\})?[\^_]\s*\{?(\w+)\}?\s*C\s*_\s*\{?(\w+)\}?$")
_SCALES = {
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "hundred": 100,
    "\u4e07": 10**4, "\u4ebf": 10**8, "\u767e\u4e07": 10**6, "\u5343\u4e07": 10**7,
}  # fmt: skip
_SCALED = re.compile(r"^(" + "|".join(sorted(_SCALES, key=len, reverse=True)) + r")(?![a-z])\s*(.*)$", re.IGNORECASE)
_SCALED_END = re.compile(r"^(.*[\d)}])\s*(" + "|".join(sorted(_SCALES, key=len, reverse=True)) + ")$", re.IGNORECASE)
_SHORT_SCALE = re.compile(r"^(\d[\d.,]*) ?([kKMB])$")
_POWERS_OF_SCALES = {"K": 3, "M": 6, "B": 9}
_LONG_WORD = re.compile(r"(?<!\\)(?<![A-Za-z])[A-Za-z]{4,}")
_NO_UNITS = frozenset(
    "more less than if when for is are to or and not greater fewer where with mod of even odd solution solutions no".split()
)
_LETTER_END = re.compile(r"[A-Za-z\u03a9\u00a2](?:\^?\{?(?:[23]|-[1-4])\}?)?$")
_DERIVATIVE = re.compile(r"\\frac ?\{ ?(?:d|\\partial) ?\}\{ ?(?:d|\\partial) ?[a-z] ?\}")
_MIXED = re.compile(r"^(-?)\s*(\d+)\s+(\d+)\s*/\s*(\d+)$|^(-?)\s*(\d+)-(\d+)/(\d+)$")
_CHANCE = re.compile(r"^(\d{1,9}) (?:in|out of) (\d{1,9})$")
_POWER_OF_TEN = re.compile(r"(?<=[\d.])\s*[xX]\s*(?=10\s*\^)")
_BRACED_THOUSANDS = re.compile("(?<!\\d)([1-9]\\d{0,2})((?:\u201a\\d{3})+)(?!\\d|\u201a)")
_SWISS = re.compile(r"(?<![\d'])\d{1,3}(?:'\d{3}){1,6}(?![\d'])")
_OTHER_GROUPS = re.compile(r"^-?(?:\d{1,3}(?:\.\d{3})+,\d{1,9}|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d{1,9})?)$")
"""1.234,5 as in Europe and 12,34,567 as in India."""
_DECIMAL_COMMA = re.compile(r"^-?(?:\d+,\d{1,2}|\d+,\d{4,}|0,\d+)$")
_REPEATED = re.compile(r"^(?=-?\d*+\.\d++(?:\u2026|\.\.\.)$)(-?\d*+\.\d*?)(\d{1,4}?)(?=(\2{2,}))\3\d{0,3}(?:\u2026|\.\.\.)$")
_BRACKET_REPEAT = re.compile(r"(?<!\d)(\d*+\.\d*)(?:\((\d{1,40})\)|\\overline \{\s*(\d{1,40})\s*\})")
_DOT_REPEAT = re.compile(r"(?<!\d)(\d*+\.\d*)((?:\\dot \{?\d\}?)\d*(?:\\dot \{?\d\}?)?)")
_DOTTED_THOUSANDS = re.compile(r"^-?\d{1,3}(?:\.\d{3}){2,}$")
_DEGREES_MINUTES = re.compile(r"^(-?\d+(?:\.\d+)?)\u00b0\s*(\d+(?:\.\d+)?)'\s*(?:(\d+(?:\.\d+)?)'')?$")
_COMPOUND = re.compile(r"\s*+([\d.]++(?:/\d++)?|\\frac\{\d+\}\{\d+\})\s*+([^\s\d,;\u27e6\u27e7]+(?:\^\d)?)")
_FEET = re.compile(r"(?<!\d)(\d{1,6})\s?'\s?(\d{1,2}(?:\.\d{1,6})?)\s?(?:''|\")$")
_PERCENT = re.compile(r"(?:%|\u27e6\s*+(?:%|percent|per cent|percentage points?)\s*+\u27e7|percent|per cent)$", re.IGNORECASE)
_DEGREES = re.compile(r"(?:\u00b0(?:\s*+\u27e6?\s*+[CF]\s*+\u27e7?)?|\u27e6\s*+degrees?\.?\s*+\u27e7|degrees?|\u5ea6)$", re.IGNORECASE)
_HEADED = re.compile(
    r"(?<=[A-Za-z\u00b0%])\s?\u27e6?\s?(?:due |to the )?(?:north|south|east|west|(?:(?:counter|anti)-?)?clockwise)\s?\u27e7?$"
)
"""Where a quantity heads; `compare` tells north from south."""
_SCALE = re.compile(r"[CF](?=[\s\u27e7]*$)")
_SINGLE = re.compile(r"[A-Za-z](?:\^?\{?-?[1-4]\}?)?(?:\s?[/* ]\s?[A-Za-z](?:\^?\{?-?[1-4]\}?)?)+")
_LETTER_POWER = re.compile(r"[A-Za-ln-z]\s?\^.*")  # 2n^2 is no area of newtons
_RATES = re.compile(
    r"[mglLNJWVACK](?:\^?\{?[23]\}?)?\s?(?:/\s?[shlLmgK]|[* ]?\s?[smK]\s?\^?\{?-[1-4]\}?)(?:\^?\{?[2-4]\}?)?|[NJWVA]\s?[* ]\s?[msh]"
)
"""Units of single letters without marks around them: m/s, g/l, m s^-2; n/m and m n are letters of mathematics."""
_ANGLED = re.compile(r"sin|cos|tan|cot|sec|csc|cis|tg")
_SIGNED_MONEY = re.compile(
    rf"^([-+]?)\s*(?:\u27e6\s*)?([{CURRENCIES}]|(?:USD|EUR|GBP|RMB|CNY|JPY|INR|Rs\.?)(?=\s*\u27e7?\s*[-+\d.\\]))\s*\u27e7?\s*([-+]?)\s*",
    re.IGNORECASE,
)


def quantity(text: str, decimal_comma: bool) -> list[Answer]:
    """The readings of a text as one quantity; none where it is not one."""
    text = powers_in_signs(text)
    if not text.isascii():
        text = mixed_joined(text)
        text = f"-{text[2:]}" if text.startswith("零下") else text
    text = _FRACTION_UNIT.sub(lambda match: f"\u27e6{match[1]}/{match[2]}{match[3]}\u27e7", text)
    text = _LEAD.sub("", text)
    text = _REMARK.sub(r"\1", _CHANCE.sub(r"\1/\2", _ORDINAL.sub(r"\1", _CHOSEN.sub(r"\\binom {\1}{\2}", text))))
    if text.endswith("\u27e7") and text.startswith("\u27e6") and text.count("\u27e6") == 1:
        text = text[1:-1].strip()
    if (whole := compound(text)) is not None:
        return [whole, *_in_larger_unit(text, whole)]
    unit, money = "", _SIGNED_MONEY.match(text)
    if money:
        name = "dollars" if money[2] == MONEY else money[2].lower().rstrip(".")
        text, _, each = (money[1] + money[3] + text[money.end() :]).partition("/")
        by_unit = each and not re.search(r"\d", each) and is_unit(each)
        text, unit = text if by_unit or not each else f"{text}/{each}", f"{name}/{each}" if by_unit else name
        if short := _SHORT_SCALE.match(text):
            text = f"{short[1]}*10^{{{_POWERS_OF_SCALES[short[2].upper()]}}}"
        if scaled := _SCALED_END.match(text):
            text, unit = scaled[1], f"{scaled[2]} {unit}"
    elif text[-1:] in CURRENCIES and text[:-1].strip():
        text, unit = text[:-1].rstrip(), "dollars" if text[-1] == MONEY else text[-1]
    found = _marked(text, unit)
    if decimal_comma and _DECIMAL_COMMA.match(text):
        found += _marked(text.replace(",", "."), unit)
    elif decimal_comma and _OTHER_GROUPS.match(text):
        comma = text.rfind(",") > text.rfind(".") > 0
        found += _marked(text.replace(".", "").replace(",", ".") if comma else text.replace(",", ""), unit)
    return found


def _marked(text: str, unit: str) -> list[Answer]:
    """With the percent sign, degree sign or unit taken off its end."""
    if text[-1:].isalpha() or text[-1:] == "\u27e7":
        text = _HEADED.sub("", text)
    if match := _PERCENT.search(text):
        return _values(text[: match.start()], unit, percent=True)
    if match := _DEGREES_MINUTES.match(text):
        parts = [Fraction(part or 0) for part in match.groups()]
        sign = -1 if text.startswith("-") else 1
        return [Value(num(sign * (abs(parts[0]) + parts[1] / 60 + parts[2] / 3600)), unit, degrees=True)]
    match = None if _ANGLED.search(text) else _DEGREES.search(text)
    if match and (scale := _SCALE.search(match[0])):
        unit = f"\u00b0{scale[0]}"
    if match and match.start() and (found := _values(text[: match.start()], unit, degrees=True)):
        return found
    if found := _values(text, unit):
        extra = _word_unit(text, unit) if _LETTER_END.search(text) else []
        # "5cm" parses as a product too; the unit is what was meant
        return extra or found
    return _text_unit(text, unit) or _word_unit(text, unit) or _chinese_unit(text, unit)


def _text_unit(text: str, unit: str) -> list[Answer]:
    match = _TEXT_UNIT.match(text)
    if not match:
        return []
    words = without_marks(match["unit"])
    if set(re.findall(r"[a-z]+", words.lower())) & _NO_UNITS:
        return []
    return _values(match["math"], unit or words.strip(" /*"))


def _word_unit(text: str, unit: str) -> list[Answer]:
    match = _WORD_UNIT.match(text)
    if not match:
        return []
    word = match["unit"]
    letters = re.findall(r"[A-Za-z\u00a2\u00b5\u03bc\u03a9]+", word)
    if not letters or len(letters) > 5 or {part.lower() for part in letters} & _NO_UNITS:
        return []
    if letters[0] in FUNCTIONS and not is_unit(word):
        return []
    if (_SINGLE.fullmatch(word) and not _RATES.fullmatch(word)) or _LETTER_POWER.fullmatch(word):
        return []
    long = len(letters[0]) >= 3 and bool(match["space"])
    if not ((is_unit(word) and (len(word) > 1 or not word.isascii())) or (long and not re.search(r"\d", word))):
        return []
    return _values(match["math"], unit or word)


def _chinese_unit(text: str, unit: str) -> list[Answer]:
    if (match := _SPOKEN.fullmatch(digits_for_numerals(text.strip()))) and any(match.groups()[:4]):
        sign, whole, bottom, root, top = match.groups()
        part = (f"\\sqrt{{{top}}}" if root else top) + (f"/({bottom})" if bottom else "")
        return _marked(f"{'-' if sign else ''}({whole or 0}+{part})", unit)
    if (value := spelled_number(text.strip())) is not None:
        return _marked(value, unit)
    match = _CHINESE_UNIT.match(text)
    if match and _QUANTIFIED.search(match["math"]) and (match["lead"] or match["unit"]):
        return _marked(match["math"].rstrip(), unit or match["unit"] or "") if len(match["lead"]) <= 6 else []
    if (counted := CHINESE_NUMBER.match(text)) and converted(text[counted.end() :]) and (count := chinese_number(counted[0])) is not None:
        return _values(count, text[counted.end() :])
    if (match := _CHINESE_COUNT.match(text)) and match[2] and (count := chinese_number(match[1])) is not None:
        return _values(count, match[2])
    return []


def in_two_units(text: str) -> list[Answer]:
    """One quantity that is said twice, once in each unit."""
    plain = " ".join(text.split()).rstrip(").\uff09 ")
    both = said_twice(plain)
    if not both or both.end() < len(plain):
        return []
    said = ((both["count"], both["unit"]), (both["other"], both["measure"]))
    return [Value(num(Fraction(count.replace(",", ""))), unit) for count, unit in said]


def compound(text: str) -> Value | None:
    """Several units of one kind in a row, as in 9 hours 48 minutes."""
    plain = _in_a_row(text)
    parts, place = [], 0
    while match := _COMPOUND.match(plain, place):
        parts.append((match[1], match[2]))
        place = match.end()
    if len(parts) < 2 or plain[place:].strip():
        return None
    sizes = [converted(unit) for _, unit in parts]
    kinds = {size[0] for size in sizes if size is not None}
    if None in sizes or len(kinds) != 1 or len(set(sizes)) < len(sizes):
        return None
    smallest = min(size[1] for size in sizes if size is not None)
    try:
        total = sum((_fraction(count) * size[1] for (count, _), size in zip(parts, sizes, strict=True) if size is not None), Fraction(0))
    except (ValueError, ZeroDivisionError):
        return None
    unit = next(unit for (_, unit), size in zip(parts, sizes, strict=True) if size is not None and size[1] == smallest)
    return Value(num(total / smallest), unit)


def _in_a_row(text: str) -> str:
    return _FEET.sub(r"\1 ft \2 in", without_marks(text).replace(" and ", " ").replace(",", " "))


def _in_larger_unit(text: str, whole: Value) -> list[Answer]:
    """2 hours 30 minutes as 2.5 hours."""
    unit = _COMPOUND.match(_in_a_row(text))
    sizes = (converted(unit[2]) if unit else None), converted(whole.unit)
    return [Value(mul(whole.node, num(sizes[1][1] / sizes[0][1])), unit[2])] if unit and sizes[0] and sizes[1] else []


def _fraction(text: str) -> Fraction:
    match = re.match(r"\\frac\{(\d+)\}\{(\d+)\}", text)
    return Fraction(int(match[1]), int(match[2])) if match else Fraction(text)


def _values(text: str, unit: str, percent: bool = False, degrees: bool = False) -> list[Answer]:
    """The expression, or the several that its plus-minus signs stand for."""
    node = expression(text)
    if node is None:
        return []
    if match := _SCALED.match(unit):
        node, unit = mul(node, num(_SCALES[match[1].lower()])), match[2]
    signed = signs(node)
    if len(signed) == 1:
        return [Value(signed[0], unit, percent, degrees)]
    return [Many("bare", tuple(Value(each, unit, percent, degrees) for each in signed))]


def expression(text: str) -> Node | None:
    """The tree of a text, None where it is no expression."""
    text = text.strip()
    if (
        not text
        or "\u27e6" in text
        or _DERIVATIVE.search(text)
        or any(word not in FUNCTIONS and word not in LONG_NAMES for word in _LONG_WORD.findall(text))
    ):
        return None
    if match := _MIXED.match(text):
        sign, whole, top, bottom = match[1] or match[5], *(int(part) for part in (match.groups()[1:4] if match[2] else match.groups()[5:8]))
        if 0 < top < bottom:
            value = whole + Fraction(top, bottom)
            return num(-value if sign else value)
    try:
        return parse(_numbers(text))
    except (Unreadable, RecursionError, ValueError):
        return None


def expressions(pieces: Iterable[str]) -> list[Node] | None:
    """The trees of several texts, None where one is no expression."""
    nodes = [expression(piece) for piece in pieces]
    found = [node for node in nodes if node is not None]
    return found if len(found) == len(nodes) else None


def _numbers(text: str) -> str:
    """Thousands joined, decimal commas and repeating decimals in one notation."""
    if "," in text:
        text = thousands_joined(text)
    if "'" in text:
        text = _SWISS.sub(lambda match: match[0].replace("'", ""), text)
    if "\u201a" in text:
        text = _BRACED_THOUSANDS.sub(lambda match: match[1] + match[2].replace("\u201a", ""), text)
        text = text.replace("\u201a", ".")
    if _DOTTED_THOUSANDS.match(text):
        text = text.replace(".", "")
    if match := _REPEATED.match(text):
        text = _repeating(match[1], match[2])
    if "." in text:
        text = _BRACKET_REPEAT.sub(lambda match: _repeating(match[1], match[2] or match[3]), text)
        text = _DOT_REPEAT.sub(lambda match: _repeating(match[1], re.sub(r"[^0-9]", "", match[2])), text)
    return _POWER_OF_TEN.sub("*", text)


def _repeating(start: str, digits: str) -> str:
    """The fraction that a repeating decimal is: `start` and then `digits` for ever."""
    sign, start = ("-", start[1:]) if start.startswith("-") else ("", start)
    places = len(start.partition(".")[2])
    value = Fraction(start.rstrip(".") or 0) + Fraction(int(digits), (10 ** len(digits) - 1) * 10**places)
    return f"{sign}({value.numerator}/{value.denominator})"


def signs(node: Node) -> list[Node]:
    """The expressions that plus-minus signs stand for: both signs of each, minus-plus signs opposite to the plus-minus ones."""
    if not contains(node, frozenset({"pm", "mp"})):
        return [node]
    count = min(_count(node, "pm"), 4)
    if contains(node, frozenset({"mp"})) or count == 0:
        return [_signed(node, [up] * 20, up) for up in (True, False)]
    return list(dict.fromkeys(_signed(node, list(ups), True) for ups in product((True, False), repeat=count)))


def _count(node: Node, op: str) -> int:
    return (node.op == op) + sum(_count(part, op) for part in node.args)


def _signed(node: Node, ups: list[bool], down: bool) -> Node:
    if node.op == "pm":
        up = ups.pop() if ups else True
        inner = _signed(node.args[0], ups, down)
        return inner if up else negative(inner)
    if node.op == "mp":
        inner = _signed(node.args[0], ups, down)
        return negative(inner) if down else inner
    return Node(node.op, tuple(_signed(part, ups, down) for part in node.args), node.value)
