"""Answers with a notation of their own: clock times, bases, congruences, matrices, statements by number."""

import re
from fractions import Fraction

from o1exp.answers.clauses import cut, linked
from o1exp.answers.glyphs import ROW, UNIT_VECTORS, without_marks
from o1exp.answers.kinds import Answer, Based, Choice, Clock, Congruence, Grid, Many, Named, Ratio, Value, Words
from o1exp.answers.nodes import ONE, ZERO, Node, add, mul, num, replaced, symbols
from o1exp.answers.quantities import compound, expression, expressions
from o1exp.answers.values import rational
from o1exp.answers.words import digits_for_numerals, progression, spelled_number

_CIRCLED = re.compile(r"[\u2460-\u2473]|(?<=\()\d{1,2}(?=\))")
_STATEMENTS = re.compile(r"^(?:(?:[\u2460-\u2473]|\(\d{1,2}\))\s*(?:[,;和与及]|and\b)?\s*)++$")
_CLOCK = re.compile(r"^(\d{1,2})(?:\s*:\s*(\d{2}))?\s*\u27e6?\s*(?:([ap])\.?\s*m\.?)?\s*\u27e7?$", re.IGNORECASE)
_HOURS = {"noon": "12:00 pm", "midnight": "12:00 am", "12 noon": "12:00 pm", "12 midnight": "12:00 am"}
_PAST = re.compile(r"(?:a )?(half|quarter) (past|to) (\d{1,2}|[a-z]{3,6})")
_PART_OF_DAY = re.compile(r"(\d{1,2})(:\d\d)? (in the morning|in the afternoon|in the evening|at night)")
_HOUR = re.compile("点(?=.{1,3}分|.刻|半|整|$)")
_CHINESE_CLOCK = re.compile(r"^(上午|早上|早晨|凌晨|中午|下午|傍晚|晚上)?\s?(\d{1,2})\s?[点时:]\s?(?:(\d{1,2})\s?分?|([13])刻|(半)|(整))?$")
_MATRIX = re.compile(
    r"^(?P<factor>.*?)(?:[\[(]\s*)?\\begin \{(?P<kind>[pbBvV]?matrix|smallmatrix|array)\}\s*(?:\{[lcr|]*\})"
    r"?(?P<body>.*?)\\end \{[a-zA-Z]+\}(?:\s*[\])])?(?P<turned>\s?\^\s?\{?\s?(?:T|\\top)\s?\}?)?$",
    re.DOTALL,
)
_BINOMIAL = re.compile(r"^\\binom ?\{([^{}]*)\} ?\{([^{}]*)\}$")
_BASED = re.compile(
    r"^\(?\s*(?P<digits>[0-9A-Za-z][0-9A-Za-z., ]*?)\s*\)?\s*(?:_\s*\{?\s*\u27e6?\s*(?:base\s*)?(?P<base>\d{1,2}|"
    r"two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen)\s*\u27e7?\s*\}?"
    r"|\s*[\u27e6(]*\s*(?:in\s+)?base\s*[-\u27e6\u27e7{]*\s*(?P<other>\d{1,2}|two|three|four|five|six|seven|"
    r"eight|nine|ten|twelve|sixteen)[\u27e6\u27e7) }]*)$"
)
_PREFIXED = re.compile(r"0(?:(?=x[0-9a-fA-F]+$|b[01]+$|o[0-7]+$))([xbo])([0-9a-fA-F]+)")
_CONGRUENCE = re.compile(
    r"^(?:[^\u2261]*+\u2261)?(?P<residues>[^\u2261]+?)\\?(?:pmod|bmod|mod|modulo)\s*+[\u27e7{(]*+\s*+(?P<modulus>\d++)\s*+[)}\u27e7]*+$"
)


def statements(plain: str) -> list[Answer]:
    """The set that ①③, ①和③ or (1)(3) is."""
    numbers = _CIRCLED.findall(plain) if _STATEMENTS.match(plain) else []
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        return []
    circled = [chr(0x245F + int(number)) if number.isdigit() and number.isascii() else number for number in numbers]
    return [Many("set", tuple(Choice(number) for number in circled))]


def _chinese_clock(text: str) -> list[Answer]:
    """8点15分, 下午3点半: hours from noon on count on to 24, as they are spoken."""
    match = _CHINESE_CLOCK.match(digits_for_numerals(_HOUR.sub("时", text))) if re.search("[点时午上晨晚]", text) else None
    if not match or (text.endswith("时") and not match[1]) or match[0].endswith(":"):
        return []
    hour, minute = int(match[2]), 30 if match[5] else 15 * int(match[4] or 0) + int(match[3] or 0)
    if hour > 24 or minute > 59:
        return []
    late = match[1] in ("下午", "傍晚", "晚上") or (match[1] == "中午" and hour < 10)
    clock = Clock((hour % 12 + 12 if late else hour) * 60 + minute, False)
    return [clock, *([whole] if (whole := compound(text)) else [])]


def _in_figures(text: str) -> str:
    """A time of day that is told in words as it stands on a clock: half past three, 3:30 in the afternoon, noon."""
    plain = " ".join(without_marks(text).lower().split())
    if plain in _HOURS:
        return _HOURS[plain]
    if match := _PAST.fullmatch(plain):
        hour = int(spelled_number(match[3]) or 99) if match[3].isalpha() else int(match[3])
        part = 30 if match[1] == "half" else 15
        return f"{hour}:{part}" if match[2] == "past" else f"{(hour - 2) % 12 + 1}:{60 - part}"
    match = _PART_OF_DAY.fullmatch(plain)
    return f"{match[1]}{match[2] or ':00'} {'am' if match[3] == 'in the morning' else 'pm'}" if match else text


def clock(text: str) -> list[Answer]:
    """A time of day; 3:30 without a.m. or p.m. could be a ratio as well."""
    if not text.isascii() and (found := _chinese_clock(text)):
        return found
    match = _CLOCK.match(_in_figures(text) if text[-1:].isalpha() or " past " in text or " to " in text else text)
    if not match or not (match[2] or match[3]):
        return []
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if hour > 24 or minute > 59:
        return []
    clock = Clock((hour % 12 + (12 if half == "p" else 0)) * 60 + minute if half else hour * 60 + minute, bool(half))
    return [clock] if half else [Ratio((num(hour), num(minute)), timely=True), clock]


def grid(text: str) -> list[Answer]:
    """A matrix, or the value of a determinant."""
    if "\\begin" not in text or not (match := _MATRIX.match(text)) or "\\begin" in match["body"]:
        return []
    factor = expression(match["factor"].rstrip(" *")) if match["factor"].strip() and match["factor"].strip() != "-" else None
    if match["factor"].strip() == "-":
        factor = num(-1)
    elif match["factor"].strip() and factor is None:
        return []
    rows: list[tuple[Node, ...]] = []
    for row in match["body"].split(ROW):
        if row.strip():
            cells = expressions(row.split("&"))
            if cells is None:
                return []
            rows.append(tuple(cell if factor is None else mul(factor, cell) for cell in cells))
    if not rows:
        return []
    if match["kind"] in ("vmatrix", "Vmatrix"):
        return [Value(_determinant(rows))] if all(len(row) == len(rows) <= 5 for row in rows) else []
    return [Grid(tuple(zip(*rows, strict=True)) if match["turned"] and len({len(row) for row in rows}) == 1 else tuple(rows))]


def column(text: str) -> list[Answer]:
    r"""A binomial, and the column vector that \binom may be set for."""
    if not (match := _BINOMIAL.match(text)) or (node := expression(text)) is None:
        return []
    return [Value(node), Grid(tuple((cell,) for cell in expressions(match.groups()) or ()))]


def vector(text: str) -> list[Answer]:
    """A sum over unit vectors, and the point with its components; a third one that is not written is zero."""
    if not any(name in text for name in UNIT_VECTORS) or (node := expression(text)) is None:
        return []
    parts: dict[str, list[Node]] = {}
    for term in node.args if node.op == "add" else (node,):
        factors = _factors(term)
        names = [factor for factor in factors if factor.op == "sym" and str(factor.value) in UNIT_VECTORS]
        rest = [factor for factor in factors if factor not in names]
        if len(names) != 1 or any(symbols(factor) & set(UNIT_VECTORS) for factor in rest):
            return []
        parts.setdefault(str(names[0].value), []).append(mul(*rest) if rest else ONE)
    components = [Value(add(*parts[name]) if name in parts else ZERO) for name in UNIT_VECTORS]
    points = [components] if UNIT_VECTORS[2] in parts else [components[:2], components]
    return [Value(node), *(Many("tuple", tuple(point)) for point in points)]


def _factors(node: Node) -> list[Node]:
    return [factor for part in node.args for factor in _factors(part)] if node.op == "mul" else [node]


def _determinant(rows: list[tuple[Node, ...]]) -> Node:
    if len(rows) == 1:
        return rows[0][0]
    terms = []
    for place, cell in enumerate(rows[0]):
        minor = _determinant([row[:place] + row[place + 1 :] for row in rows[1:]])
        terms.append(mul(num(-1 if place % 2 else 1), cell, minor))
    return add(*terms)


_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "sixteen": 16}


def based(text: str) -> list[Answer]:
    """Digits with their base written beside them."""
    if prefixed := _PREFIXED.fullmatch(text):
        return [Based(prefixed[2].upper().lstrip("0") or "0", {"x": 16, "b": 2, "o": 8}[prefixed[1].lower()])]
    match = _BASED.match(text)
    if not match:
        return []
    name = match["base"] or match["other"]
    base = _BASES.get(name) or int(name)
    digits = re.sub(r"[ ,]", "", match["digits"]).upper()
    if not 2 <= base <= 36 or not all(letter == "." or _digit(letter) < base for letter in digits):
        return []
    if not any(letter.isdigit() for letter in digits) and (base < 11 or not match["digits"].isupper() or len(digits) < 2):
        return []
    return [Based(digits.lstrip("0") or "0", base)]


def _digit(letter: str) -> int:
    return int(letter, 36)


def congruence(text: str) -> list[Answer]:
    """Residues modulo a number, and the remainder that a mod b is."""
    match = _CONGRUENCE.match(text) if "mod" in text else None
    if not match or int(match["modulus"]) == 0:
        return []
    modulus = Fraction(match["modulus"])
    residues = expressions(piece for part in linked(match["residues"].rstrip().rstrip("(\u27e6")) for piece in cut(part, ",") if piece)
    values = [node.value for node in residues or () if node.op == "num"]
    if not residues or len(values) != len(residues):
        return []
    found: list[Answer] = [Congruence(frozenset(value % modulus for value in values if isinstance(value, Fraction)), modulus)]
    if len(values) == 1:
        found += progression(Fraction(str(values[0])), modulus)
    remainder = expression(text) if "\u2261" not in text and "pmod" not in text and "(" not in text else None
    return found if remainder is None else [*found, Value(remainder)]


def all_whole(found: list[Answer], free: str) -> list[Words]:
    """What a k + b for all whole k is called as a set: the congruent numbers, the odd ones."""
    one = found[0].value if isinstance(found[0], Named) and not found[0].argument else found[0]
    if not isinstance(one, Value) or symbols(one.node) != {free}:
        return []
    at = [rational(replaced(one.node, free, num(place))) for place in (0, 1, 2)]
    if at[0] is None or at[1] is None or at[2] is None or at[2] - at[1] != at[1] - at[0]:
        return []
    return progression(at[0], at[1] - at[0])
