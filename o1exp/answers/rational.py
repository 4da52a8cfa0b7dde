"""Exact values of constant expressions, where they are rational and not too long to write down."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from o1exp.answers.nodes import Node

_MOST_BITS = 100_000
_LARGEST_FACTORIAL = 5_000


class TooLarge(Exception):
    """The value exists and is too large to be computed here."""


@lru_cache(maxsize=20_000)
def rational(node: Node) -> Fraction | None:
    """The exact value, None where it is not rational, not constant, undefined or too large."""
    try:
        return _value(node)
    except (TooLarge, ArithmeticError, ValueError):
        return None


def _value(node: Node) -> Fraction | None:
    if node.op == "num":
        assert isinstance(node.value, Fraction)
        return node.value
    if node.op == "sym":
        return None
    values = []
    for part in node.args:
        value = _value(part)
        if value is None:
            return None
        values.append(value)
    compute = _OPERATIONS.get(node.op)
    result = compute(values) if compute else None
    return None if result is None else _bounded(result)


def _product(values: list[Fraction]) -> Fraction:
    result = Fraction(1)
    for value in values:
        result = _bounded(result * value)
    return result


def _sum(values: list[Fraction]) -> Fraction:
    result = Fraction(0)
    for value in values:
        result = _bounded(result + value)
    return result


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > _MOST_BITS:
        raise TooLarge
    return value


def _power(values: list[Fraction]) -> Fraction | None:
    base, exponent = values
    if exponent.denominator == 1:
        return _whole_power(base, exponent.numerator)
    return _root_power(base, exponent) if base >= 0 else None


def _whole_power(base: Fraction, exponent: int) -> Fraction:
    if base in (0, 1, -1):
        return base ** (exponent if base == 0 else exponent % 2)
    if abs(exponent) * max(base.numerator.bit_length(), base.denominator.bit_length()) > _MOST_BITS:
        raise TooLarge
    return base**exponent


def _root_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    degree = exponent.denominator
    if degree > 64:
        return None
    top, bottom = _whole_root(base.numerator, degree), _whole_root(base.denominator, degree)
    return None if top is None or bottom is None else _whole_power(Fraction(top, bottom), exponent.numerator)


def _whole_root(number: int, degree: int) -> int | None:
    """The exact root of a number that is not negative, None where there is none."""
    if number < 2:
        return number
    if number.bit_length() > 4000:
        return None
    low, high = 1, 1 << (number.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= number else (low, middle - 1)
    return low if low**degree == number else None


def _root(values: list[Fraction]) -> Fraction | None:
    base, degree = values
    if degree == 0:
        return None
    if base < 0 and degree.denominator == 1 and degree.numerator % 2:
        positive = _power([-base, 1 / degree])
        return None if positive is None else -positive
    return _power([base, 1 / degree])


def _factorial(values: list[Fraction]) -> Fraction | None:
    number = values[0]
    if number.denominator != 1 or number < 0:
        return None
    if number > _LARGEST_FACTORIAL:
        raise TooLarge
    return Fraction(math.factorial(number.numerator))


def _double_factorial(values: list[Fraction]) -> Fraction | None:
    number = values[0]
    if number.denominator != 1 or number < 0:
        return None
    if number > _LARGEST_FACTORIAL:
        raise TooLarge
    return Fraction(math.prod(range(number.numerator, 0, -2)))


def _binomial(values: list[Fraction]) -> Fraction | None:
    top, bottom = values
    if top.denominator != 1 or bottom.denominator != 1 or top < 0 or bottom < 0:
        return None
    fewer = min(bottom, top - bottom)
    if fewer > _LARGEST_FACTORIAL or top.numerator.bit_length() > 64:
        raise TooLarge
    if fewer > 0 and fewer * (math.floor(top / fewer).bit_length() - 1) > _MOST_BITS:
        raise TooLarge  # the value is at least (top / fewer) ** fewer
    return Fraction(math.comb(top.numerator, bottom.numerator))


def _whole(values: list[Fraction]) -> list[int] | None:
    return [value.numerator for value in values] if all(value.denominator == 1 for value in values) else None


def _gcd(values: list[Fraction]) -> Fraction | None:
    whole = _whole(values)
    return None if whole is None else Fraction(math.gcd(*whole))


def _lcm(values: list[Fraction]) -> Fraction | None:
    whole = _whole(values)
    if whole is None:
        return None
    result = Fraction(1)
    for value in whole:
        result = _bounded(Fraction(math.lcm(result.numerator, value)))
    return result


_OPERATIONS: dict[str, Callable[[list[Fraction]], Fraction | None]] = {
    "add": _sum,
    "mul": _product,
    "pow": _power,
    "root": _root,
    "abs": lambda values: abs(values[0]),
    "floor": lambda values: Fraction(math.floor(values[0])),
    "ceil": lambda values: Fraction(math.ceil(values[0])),
    "fact": _factorial,
    "fact2": _double_factorial,
    "binom": _binomial,
    "gcd": _gcd,
    "lcm": _lcm,
    "max": max,
    "min": min,
    "mod": lambda values: values[0] % values[1],
}
