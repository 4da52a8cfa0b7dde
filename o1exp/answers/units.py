"""Units of measure: which words are units, and how those of one kind convert."""

import re
from fractions import Fraction

# unit -> (kind, size in the kind's base unit)
_TABLES: dict[str, dict[str, Fraction]] = {
    "time": {
        "ms": Fraction(1, 1000), "s|sec|secs|second|seconds|\u79d2|\u79d2\u949f": Fraction(1),
        "min|mins|minute|minutes|\u5206\u949f|\u5206": Fraction(60),
        "h|hr|hrs|hour|hours|\u5c0f\u65f6|\u65f6": Fraction(3600), "day|days|\u5929|\u65e5": Fraction(86400),
        "week|weeks|\u5468|\u661f\u671f": Fraction(604800),
    },
    "length": {
        "nm": Fraction(1, 10**9), "mm|millimeter|millimeters|\u6beb\u7c73": Fraction(1, 1000),
        "cm|centimeter|centimeters|centimetre|centimetres|\u5398\u7c73": Fraction(1, 100),
        "dm|decimeter|decimeters|\u5206\u7c73": Fraction(1, 10), "m|meter|meters|metre|metres|\u7c73": Fraction(1),
        "km|kilometer|kilometers|kilometre|kilometres|\u5343\u7c73|\u516c\u91cc": Fraction(1000),
        "in|inch|inches": Fraction(254, 10000), "ft|foot|feet": Fraction(3048, 10000), "yd|yard|yards": Fraction(9144, 10000),
        "mi|mile|miles": Fraction(1609344, 1000),
    },
    "mass": {
        "mg|milligram|milligrams": Fraction(1, 1000), "g|gram|grams|\u514b": Fraction(1),
        "kg|kilogram|kilograms|\u5343\u514b|\u516c\u65a4": Fraction(1000), "t|ton|tons|tonne|tonnes|\u5428": Fraction(10**6),
        "lb|lbs|pound|pounds": Fraction(45359237, 100000), "oz|ounce|ounces": Fraction(45359237, 1600000),
    },
    "volume": {
        "ml|milliliter|milliliters|millilitre|millilitres|\u6beb\u5347": Fraction(1, 1000),
        "l|liter|liters|litre|litres|\u5347": Fraction(1),
        "gal|gallon|gallons": Fraction(3785411784, 10**9),
    },
    "speed": {
        "m/s|mps|meterspersecond|metrespersecond": Fraction(1),
        "km/h|kmh|kph|kmph|kilometersperhour|kilometresperhour|"
        "\u5343\u7c73/\u65f6|\u5343\u7c73/\u5c0f\u65f6": Fraction(5, 18),
        "mph|mi/h|milesperhour|miles/hour": Fraction(44704, 100000),
    },
    "money": {
        "$|\u00a4|dollar|dollars|usd|yuan|\u5143|rmb|euro|euros|eur|rupee|rupees|rubles|rub": Fraction(1),
        "\u00a2|cent|cents|pence": Fraction(1, 100),
        "\u89d2": Fraction(1, 10),
    },
    "angle": {"deg|degree|degrees|\u5ea6|\u00b0": Fraction(1), "rad|radian|radians|\u5f27\u5ea6": Fraction(0)},
}  # fmt: skip
UNITS = {name: (kind, size) for kind, table in _TABLES.items() for names, size in table.items() for name in names.split("|")}
OTHER_UNITS = frozenset(
    "hz khz mhz j kj n kn w kw mw v mv a ma pa kpa atm k mol c f ohm ohms kwh cal kcal acre acres hectare hectares rpm bits bytes bi"
    "t byte kb mb gb "
    "\u03c9 \u03bcm \u00b5m cc dozen "
    "percent units unit people students apples ways square cubic sq cu per times year years month months".split()
)
_SPACES = re.compile(r"[\s{}\u27e6\u27e7*.]|\\")
_POWER = re.compile(r"\^?-?(?<!\d)\d+$")
_SQUARE = re.compile(r"^(square|sq|cubic|cu|\u5e73\u65b9|\u7acb\u65b9)(.+)$")


def spelled(unit: str) -> str:
    """One spelling of a unit: without spaces, powers as ^n, lower case."""
    text = _SPACES.sub("", unit).lower().strip("()")
    if match := _SQUARE.match(text):
        text = match[2] + ("^2" if match[1] in ("square", "sq", "\u5e73\u65b9") else "^3")
    return text


def is_unit(word: str) -> bool:
    """Whether the word, or each part of a compound such as km/h or cm^2, is a known unit."""
    text = spelled(word)
    parts = [_POWER.sub("", part) for part in re.split(r"[/*\u00b7-]|per", text) if part]
    return text in UNITS or (bool(parts) and all(part in UNITS or part in OTHER_UNITS for part in parts))


def converted(unit: str) -> tuple[str, Fraction] | None:
    """The kind of a unit and its size in the kind's base unit; None for a unit that does not convert."""
    text = spelled(unit)
    if text in UNITS:
        kind, size = UNITS[text]
        return (kind, size) if size else None
    if (match := re.match(r"^(.+?)\^?([23])$", text)) and match[1] in UNITS and UNITS[match[1]][0] == "length":
        power = int(match[2])
        return f"length^{power}", UNITS[match[1]][1] ** power
    return None


def same_unit(left: str, right: str) -> bool:
    """Whether two units are one, spelled in any way."""
    if spelled(left) == spelled(right) or spelled(left).rstrip("s") == spelled(right).rstrip("s"):
        return True
    sizes = converted(left), converted(right)
    return sizes[0] is not None and sizes[0] == sizes[1]
