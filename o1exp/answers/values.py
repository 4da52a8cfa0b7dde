"""The values of expressions: exact where they are rational, else at points, in floats for speed and in 60 digits where needed.

Every step is bounded.
"""

import cmath
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

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
    return reduce(lambda one, other: _bounded(one * other), values, Fraction(1))


def _sum(values: list[Fraction]) -> Fraction:
    return reduce(lambda one, other: _bounded(one + other), values, Fraction(0))


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


def _factorial(values: list[int]) -> int | None:
    if values[0] > _LARGEST_FACTORIAL:
        raise TooLarge
    return None if values[0] < 0 else math.factorial(values[0])


def _double_factorial(values: list[int]) -> int | None:
    if values[0] > _LARGEST_FACTORIAL:
        raise TooLarge
    return None if values[0] < 0 else math.prod(range(values[0], 0, -2))


def _binomial(values: list[int]) -> int | None:
    top, bottom = values
    if top < 0 or bottom < 0:
        return None
    fewer = min(bottom, top - bottom)
    if fewer > _LARGEST_FACTORIAL or top.bit_length() > 64:
        raise TooLarge
    if fewer > 0 and fewer * (math.floor(Fraction(top, fewer)).bit_length() - 1) > _MOST_BITS:
        raise TooLarge  # the value is at least (top / fewer) ** fewer
    return math.comb(top, bottom)


def _lcm(values: list[int]) -> int:
    return reduce(lambda one, other: int(_bounded(Fraction(math.lcm(one, other)))), values, 1)


def _whole(compute: Callable[[list[int]], int | None]) -> Callable[[list[Fraction]], Fraction | None]:
    """The operation on whole numbers, without a value for others."""

    def whole(values: list[Fraction]) -> Fraction | None:
        result = compute([value.numerator for value in values]) if all(value.denominator == 1 for value in values) else None
        return None if result is None else Fraction(result)

    return whole


_OPERATIONS: dict[str, Callable[[list[Fraction]], Fraction | None]] = {
    "add": _sum,
    "mul": _product,
    "pow": _power,
    "root": _root,
    "abs": lambda values: abs(values[0]),
    "floor": lambda values: Fraction(math.floor(values[0])),
    "ceil": lambda values: Fraction(math.ceil(values[0])),
    "fact": _whole(_factorial),
    "fact2": _whole(_double_factorial),
    "binom": _whole(_binomial),
    "gcd": _whole(lambda values: math.gcd(*values)),
    "lcm": _whole(_lcm),
    "max": max,
    "min": min,
    "mod": lambda values: values[0] % values[1],
}


DIGITS = 60
_LARGEST_ANGLE = 1e12
_LARGEST_EXPONENT = 1e12
_LARGEST_GAMMA = 1e6
_LARGEST_FLOAT = 1e300  # beyond, sums and absolute values of complex floats overflow


class Undefined(Exception):
    """The expression has no (real) value there."""


class NumberSystem:
    """Numbers of one kind: `real` refuses what leaves the real numbers, otherwise values may be complex."""

    def __init__(self, functions: Any, number: Callable[[Any], Any], epsilon: float, real: bool) -> None:
        self.functions, self.number, self.epsilon, self.real = functions, number, epsilon, real
        self.constants: dict[str, Any] = {"\u03c0": functions.pi, "e": functions.e}
        if not real:
            self.constants["i"] = functions.mpc(0, 1) if self.precise else 1j

    @property
    def precise(self) -> bool:
        return self.functions is not math and self.functions is not cmath

    def power(self, base: Any, exponent: Any) -> Any:
        if base == 0:
            if _real(exponent) <= 0:
                raise Undefined
            return base
        if abs(exponent) > _LARGEST_EXPONENT:
            raise Undefined
        if self.real and base < 0 and exponent != int(exponent):
            raise Undefined
        return base**exponent

    def root(self, base: Any, degree: Any) -> Any:
        if degree == 0:
            raise Undefined
        if not _imaginary(base) and not _imaginary(degree) and _real(base) < 0 and _real(degree) % 2 == 1:
            return -self.power(-base, 1 / degree)
        return self.power(base, 1 / degree)

    def call(self, name: str, value: Any) -> Any:
        if name in _TRIGONOMETRIC and abs(value) > _LARGEST_ANGLE:
            raise Undefined
        if self.real and ((name == "log" and value <= 0) or (name in ("asin", "acos") and abs(value) > 1)):
            raise Undefined
        if name == "log" and value == 0:
            raise Undefined
        return getattr(self.functions, name)(value)

    def factorial(self, value: Any) -> Any:
        if _imaginary(value) or abs(value) > _LARGEST_GAMMA or (value < 0 and value == int(_real(value))):
            raise Undefined
        value = _real(value)
        return self.functions.gamma(value + 1) if self.precise else math.gamma(value + 1)

    def floor(self, value: Any) -> Any:
        if _imaginary(value) or abs(value) > 1e40:
            raise Undefined
        return self.number(Fraction(math.floor(_real(value) + self.epsilon)))


_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh", "exp"})
_FLOATS = NumberSystem(math, float, 1e-9, True)
_COMPLEX = NumberSystem(cmath, complex, 1e-9, False)


@lru_cache(maxsize=2)
def precise(real: bool) -> NumberSystem:
    """Numbers with 60 digits."""
    from mpmath import MPContext

    context = MPContext()
    context.dps = DIGITS
    kind = context.mpf if real else context.mpc
    return NumberSystem(context, lambda value: kind(value.numerator) / value.denominator, 1e-40, real)


def floats(real: bool) -> NumberSystem:
    """NumberSystem with Python's own floats."""
    return _FLOATS if real else _COMPLEX


def evaluate(node: Node, point: Mapping[str, Fraction | complex], numbers: NumberSystem) -> Any:
    """The value at a point. Errors: Undefined where there is none, where it leaves the real numbers, or where it is out of bounds."""
    try:
        value = _evaluate(node, point, numbers)
        small = numbers.precise or abs(value) < _LARGEST_FLOAT
    except (ValueError, ArithmeticError, TypeError, RecursionError, MemoryError) as error:
        raise Undefined from error
    if not small:
        raise Undefined
    if numbers.real and numbers.precise and _imaginary(value):
        raise Undefined
    return value


def _evaluate(node: Node, point: Mapping[str, Fraction | complex], numbers: NumberSystem) -> Any:
    op = node.op
    if op == "num":
        return numbers.number(node.value)
    if op == "sym":
        if node.value in numbers.constants:
            return +numbers.constants[str(node.value)]
        if node.value == "i":
            raise Undefined
        return numbers.number(point[str(node.value)])
    compute = _AT_A_POINT.get(op)
    if compute is None or (op in _REAL_ONLY and not numbers.real):
        raise Undefined
    return compute(numbers, *(_evaluate(part, point, numbers) for part in node.args))


def _real(value: Any) -> Any:
    return value.real


def _imaginary(value: Any) -> Any:
    return value.imag


_NAMES = {
    "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "ln": "log", "log": "log",
}  # fmt: skip
_RECIPROCAL = {"cot": "tan", "sec": "cos", "csc": "sin", "coth": "tanh"}
_REAL_ONLY = frozenset({"max", "min", "mod", "sgn"})
_AT_A_POINT: dict[str, Callable[..., Any]] = {
    "add": lambda numbers, *values: sum(values[1:], values[0]),
    "mul": lambda numbers, *values: math.prod(values[1:], start=values[0]),
    "pow": lambda numbers, base, exponent: numbers.power(base, exponent),
    **{name: lambda numbers, value, own=own: numbers.call(own, value) for name, own in _NAMES.items()},
    **{name: lambda numbers, value, own=own: 1 / numbers.call(own, value) for name, own in _RECIPROCAL.items()},
    "lg": lambda numbers, value: numbers.call("log", value) / numbers.call("log", numbers.number(Fraction(10))),
    "arccot": lambda numbers, value: numbers.call("atan", 1 / value),
    "abs": lambda numbers, value: abs(value),
    "root": lambda numbers, base, degree: numbers.root(base, degree),
    "floor": lambda numbers, value: numbers.floor(value),
    "ceil": lambda numbers, value: -numbers.floor(-value),
    "fact": lambda numbers, value: numbers.factorial(value),
    "binom": lambda numbers, top, bottom: numbers.factorial(top) / numbers.factorial(bottom) / numbers.factorial(top - bottom),
    "max": lambda numbers, *values: max(values),
    "min": lambda numbers, *values: min(values),
    "mod": lambda numbers, value, modulus: value - modulus * numbers.floor(value / modulus),
    "sgn": lambda numbers, value: numbers.number(Fraction((value > 0) - (value < 0))),
    "Re": lambda numbers, value: _real(value),
    "Im": lambda numbers, value: _imaginary(value),
}
