"""Units of measure: which words are units, what they measure, and how those of one kind convert."""

import re
from fractions import Fraction
from functools import lru_cache

_INCH, _POUND = Fraction(254, 10000), Fraction(45359237, 100000)
_JOULE = Fraction(1000)  # in grams, metres and seconds
_GALLON = Fraction(3785411784, 10**12)
_EV = _JOULE * Fraction(1602176634, 10**28)
# what it measures (powers of time T, length L, mass M, current I, amount Q, kinds of money, months Y, angle A): its units, their sizes
_TABLES: dict[str, dict[str, Fraction]] = {
    "T": {
        "ms|毫秒": Fraction(1, 1000), "s|sec|secs|second|seconds|秒|秒钟": Fraction(1), "min|mins|minute|minutes|分钟|分": Fraction(60),
        "h|hr|hrs|hour|hours|小时|时": Fraction(3600), "day|days|天|日": Fraction(86400), "week|weeks|周|星期": Fraction(604800),
    },
    "Y": {"month|months|个月|月": Fraction(1), "year|years|yr|yrs|年": Fraction(12),
          "decade|decades": Fraction(120), "century|centuries|世纪": Fraction(1200)},
    "L": {
        "nm|纳米": Fraction(1, 10**9), "μm|µm|micrometer|micrometers|微米": Fraction(1, 10**6),
        "mm|millimeter|millimeters|毫米": Fraction(1, 1000),
        "cm|centimeter|centimeters|centimetre|centimetres|厘米": Fraction(1, 100), "dm|decimeter|decimeters|分米": Fraction(1, 10),
        "m|meter|meters|metre|metres|米": Fraction(1), "km|kilometer|kilometers|kilometre|kilometres|千米|公里": Fraction(1000),
        "in|inch|inches": _INCH, "ft|foot|feet": 12 * _INCH, "yd|yard|yards": 36 * _INCH, "mi|mile|miles": 63360 * _INCH,
    },
    "L2": {"acre|acres": 4840 * (36 * _INCH) ** 2, "hectare|hectares|公顷": Fraction(10000), "亩": Fraction(2000, 3)},
    "L3": {
        "ml|milliliter|milliliters|millilitre|millilitres|毫升|cc": Fraction(1, 10**6),
        "l|liter|liters|litre|litres|升": Fraction(1, 1000), "cl": Fraction(1, 10**5), "dl": Fraction(1, 10**4),
        "gal|gallon|gallons": _GALLON,
        "quart|quarts|qt": _GALLON / 4, "pint|pints": _GALLON / 8, "cup|cups": _GALLON / 16,
        "tablespoon|tablespoons|tbsp": _GALLON / 256, "teaspoon|teaspoons|tsp": _GALLON / 768,
    },
    "M": {
        "mg|milligram|milligrams|毫克": Fraction(1, 1000), "g|gram|grams|克": Fraction(1),
        "kg|kilogram|kilograms|千克|公斤": Fraction(1000),
        "斤": Fraction(500), "t|ton|tons|tonne|tonnes|吨": Fraction(10**6), "lb|lbs|pound|pounds": _POUND, "oz|ounce|ounces": _POUND / 16,
    },
    "L T-1": {"mps": Fraction(1), "kmh|kph|kmph": Fraction(5, 18), "mph": 63360 * _INCH / 3600},
    "T-1": {
        "hz|hertz|赫兹": Fraction(1), "khz": Fraction(1000), "megahz|mhz": Fraction(10**6), "millihz": Fraction(1, 1000),
        "ghz": Fraction(10**9), "rpm": Fraction(1, 60),
    },
    "L M T-2": {"n|newton|newtons|牛|牛顿": _JOULE, "kn|千牛": 1000 * _JOULE, "millin": _JOULE / 1000, "megan": 10**6 * _JOULE},
    "L2 M T-2": {
        "j|joule|joules|焦|焦耳": _JOULE, "kj|千焦": 1000 * _JOULE, "millij": _JOULE / 1000, "megaj": 10**6 * _JOULE,
        "kwh": 3_600_000 * _JOULE, "cal": Fraction(4184),
        "kcal": Fraction(4184000), "ev": _EV, "milliev": _EV / 1000, "kev": 1000 * _EV, "megaev": 10**6 * _EV, "gev": 10**9 * _EV,
    },
    "L2 M T-3": {
        "w|watt|watts|瓦|瓦特": _JOULE, "kw|千瓦": 1000 * _JOULE, "milliw": _JOULE / 1000, "megaw|兆瓦": 10**6 * _JOULE,
        "gw": 10**9 * _JOULE,
    },
    "L-1 M T-2": {
        "pa|pascal|pascals|帕": _JOULE, "kpa|千帕": 1000 * _JOULE, "millipa": _JOULE / 1000, "megapa|mpa": 10**6 * _JOULE,
        "gpa": 10**9 * _JOULE,
        "bar": 10**5 * _JOULE, "atm": 101325 * _JOULE,
    },
    "I": {"a|amp|amps|ampere|amperes|安|安培": Fraction(1), "millia|毫安": Fraction(1, 1000), "μa|µa": Fraction(1, 10**6)},
    "T I": {"c|coulomb|coulombs|库仑": Fraction(1), "millic": Fraction(1, 1000), "μc|µc": Fraction(1, 10**6)},
    "L2 M T-3 I-1": {"v|volt|volts|伏|伏特": _JOULE, "kv": 1000 * _JOULE, "milliv": _JOULE / 1000, "megav": 10**6 * _JOULE},
    "L2 M T-3 I-2": {"ω|ohm|ohms|欧姆": _JOULE, "kω|kohm": 1000 * _JOULE, "megaω|megaohm": 10**6 * _JOULE},
    "Q": {"mol|mole|moles|摩尔": Fraction(1), "mmol": Fraction(1, 1000), "kmol": Fraction(1000)},
    # each kind of money is a kind of its own; yuan and yen are both written ¥
    "$": {"$|¤|dollar|dollars|usd|buck|bucks|美元": Fraction(1), "¢|cent|cents|美分": Fraction(1, 100)},
    "€": {"€|euro|euros|eur|欧元": Fraction(1)},
    "£": {"£|gbp|pound sterling|pounds sterling|英镑": Fraction(1), "pence|penny|pennies": Fraction(1, 100)},
    "¥": {"¥|yuan|元|块钱|rmb|cny|人民币": Fraction(1), "角": Fraction(1, 10), "分钱": Fraction(1, 100)},
    "J": {"yen|jpy|日元": Fraction(1)},
    "₩": {"won|krw": Fraction(1)}, "₱": {"peso|pesos": Fraction(1)}, "₣": {"franc|francs|chf": Fraction(1)},
    "฿": {"baht|thb": Fraction(1)}, "₺": {"lira|liras|lire": Fraction(1)}, "₪": {"shekel|shekels": Fraction(1)},
    "₭": {"krona|kronor|krone|kroner|crown|crowns": Fraction(1)}, "₴": {"shilling|shillings": Fraction(1)},
    "د": {"dinar|dinars": Fraction(1)}, "ر": {"riyal|riyals": Fraction(1)}, "₰": {"dirham|dirhams": Fraction(1)},
    "₹": {"₹|rupee|rupees|rs|inr|paisa": Fraction(1)},
    "₽": {"₽|ruble|rubles|rouble|roubles|rub|卢布": Fraction(1)},
    "A": {"deg|degree|degrees|度|°": Fraction(1), "rad|radian|radians|弧度": Fraction(0)},
}  # fmt: skip
UNITS = {name: (kind, size) for kind, table in _TABLES.items() for names, size in table.items() for name in names.split("|")}
OTHER_UNITS = frozenset(
    "mw mv ma mev k f t wb h dozen bits bytes bit byte kb mb gb tb "
    "percent units unit people students apples ways square cubic sq cu per times kelvin sr lm lx cd".split()
)
_DATA = frozenset("bit byte kb mb gb tb".split())
"""Sizes of data: not one another, and of 1,000 or 1,024 as one likes."""
_SCALES = {
    **dict.fromkeys(("c", "\u00b0c", "celsius", "degreescelsius", "degreecelsius"), "C"),
    **dict.fromkeys(("f", "\u00b0f", "fahrenheit", "degreesfahrenheit", "degreefahrenheit"), "F"),
    **dict.fromkeys(("k", "kelvin", "kelvins"), "K"),
}
"""Scales of temperature: they do not convert by a factor."""
_EITHER = {"pound": ("M1", "£1"), "pounds": ("M1", "£1"), "¥": ("¥1", "J1")}
"""Units that may measure one of several things."""
_MARKS = re.compile(r"[{}⟦⟧\\$]")
_FACTOR = re.compile(r"[/()]|[^\s/()*·⋅.]+")
_POWERED = re.compile(r"([^\d^-]+)\^?(-?\d{1,2})?")
_MINUS = re.compile(r"[^\s/()*·⋅.^-]+-\d+")
"""`n-2` alone is a difference; in `m s-2` the same is a power."""
_SQUARE = re.compile(
    r"(?<![a-z])(square|sq(?![a-z])|cubic|cu(?![a-z]))\.?\s*([a-z]+)|(平方|立方)([\u4e00-\u9fff]+)|(?<![a-z])([a-z]{1,20})\s+(squared|cubed)"
)
_CASED = re.compile(r"(?<![A-Za-z])([mM])(?=(?:eV|[WVANJCΩ\u2126]|Pa|Hz|[oO]hms?)(?![A-Za-z]))")
"""Where the case of a prefix tells MeV from meV; mw and mev in small letters are either."""
_COUNT = r"\d[\d,]{0,15}(?:\.\d{1,12})?"
_MEASURE = r"(?:(?:square|cubic) )?[A-Za-z\u00b5]{1,14}(?:/[A-Za-z]{1,8})?(?:\^?(?:[23\u00b2\u00b3]|\{[23]\}))?|[\u4e00-\u9fff]{1,3}?"
"""A count and what it counts; these and what joins them are looked at only where a quantity stands."""
_TWICE = re.compile(
    rf"(?P<count>{_COUNT})\s?(?P<unit>{_MEASURE})"
    r"(?:,?\s(?:i\.e\.,?|that is,?|which (?:is|equals)|equivalently,?|or)\s|\s?=\s?|\s?[(\uff08](?:i\.e\.,?\s|that is,?\s|or\s|=\s?|即)?"
    r"|[,\uff0c]?\s?(?:即|也就是|等于))"
    rf"(?P<other>{_COUNT})\s?(?P<measure>{_MEASURE})(?![A-Za-z\d])"
)
_SIGNS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def spelled(unit: str) -> str:
    """One spelling of a unit: without spaces, powers as ^n, lower case."""
    return re.sub(r"\s", "", _plain(unit)).strip("()*")


def _plain(unit: str) -> str:
    text = _CASED.sub(lambda prefix: "mega" if prefix[0] == "M" else "milli", _MARKS.sub(" ", unit)).lower()
    text = re.sub(r"[⁻⁰¹²³⁴-⁹]+", lambda run: "^" + run[0].translate(_SIGNS), text).replace("\u2212", "-").replace("cdot", "*")
    text = _SQUARE.sub(_power, text)
    return re.sub(r"\s*\^\s*", "^", re.sub(r"\bper\b", "/", text)).strip()


def _power(match: "re.Match[str]") -> str:
    word, name = match[1] or match[3] or match[6], match[2] or match[4] or match[5]
    return name + ("^2" if word in ("square", "sq", "平方", "squared") else "^3")


def is_unit(word: str) -> bool:
    """Whether the word, or each part of a compound such as km/h or cm^2, is a known unit."""
    if _MINUS.fullmatch(word.strip()):
        return False
    names = [name for name, _ in _factors(word)]
    return bool(names) and all(name in UNITS or name in OTHER_UNITS for name in names)


def _factors(unit: str) -> list[tuple[str, int]]:
    """The units that a unit is made of, with their powers; none where it is not written as one."""
    found, sign, inside = [], 1, False
    for token in _FACTOR.findall(re.sub(r"(?<=[a-z])per(?=[a-z])", "/", _plain(unit)) if "percent" not in unit.lower() else _plain(unit)):
        if token in "/()":
            inside = (token == "(" and sign < 0) or (inside and token != ")")
            sign = -1 if token == "/" or inside else 1
            continue
        match = _POWERED.fullmatch(token)
        if not match:
            return []
        found.append((match[1], sign * int(match[2] or 1)))
        sign = -1 if inside else 1
    return found


@lru_cache(maxsize=4096)
def converted(unit: str) -> tuple[str, Fraction] | None:
    """What a unit measures, and its size in the base unit of that; None for a unit that does not convert."""
    powers: dict[str, int] = {}
    size = Fraction(1)
    for name, power in _factors(unit):
        if name not in UNITS or not UNITS[name][1] or abs(power) > 9:
            return None
        kind, one = UNITS[name]
        size *= one**power
        for part in kind.split():
            powers[part[0]] = powers.get(part[0], 0) + power * int(part[1:] or 1)
    kept = sorted((name, power) for name, power in powers.items() if power)
    return (" ".join(f"{name}{power}" for name, power in kept), size) if powers else None


def said_twice(text: str, start: int = 0) -> "re.Match[str] | None":
    """Where a text says one quantity in two units from `start` on, as in "60 minutes, i.e. 1 hour"; None where the two are not equal.

    The groups are count, unit, other and measure.
    """
    match = _TWICE.match(text, start)
    sizes = (converted(match["unit"]), converted(match["measure"])) if match else (None, None)
    if match is None or sizes[0] is None or sizes[1] is None or sizes[0][0] != sizes[1][0] or sizes[0] == sizes[1]:
        return None
    one, other = (Fraction(match[name].replace(",", "")) for name in ("count", "other"))
    return match if one * sizes[0][1] == other * sizes[1][1] else None


def same_unit(left: str, right: str) -> bool:
    """Whether two units are one, spelled in any way."""
    if spelled(left) == spelled(right):
        return True
    sizes = converted(left), converted(right)
    if sizes[0] is not None and sizes[1] is not None:  # ms is no plural of m
        return sizes[0] == sizes[1]
    return spelled(left).rstrip("s") == spelled(right).rstrip("s")


def unlike(left: str, right: str) -> bool:
    """Whether two units are known to measure different things, or different kinds of money; pounds may be money."""
    scales = _SCALES.get(spelled(left)), _SCALES.get(spelled(right))
    if scales[0] and scales[1]:
        return scales[0] != scales[1]
    data = [spelled(unit).rstrip("s") for unit in (left, right)]
    if set(data) <= _DATA:
        return data[0] != data[1]
    sizes = converted(left), converted(right)
    if sizes[0] is None or sizes[1] is None:
        return False
    either = [_EITHER.get(spelled(unit), (size[0],)) for unit, size in zip((left, right), sizes, strict=True) if size]
    return not set(either[0]) & set(either[1])
