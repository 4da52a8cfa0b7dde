"""Values of expressions at points, in floats for speed and in 60 digits where floats cannot tell. Every step is bounded."""

import cmath
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from o1exp.answers.nodes import Node

DIGITS = 60
_LARGEST_ANGLE = 1e12
_LARGEST_EXPONENT = 1e12
_LARGEST_FACTORIAL = 1e6
_LARGEST_FLOAT = 1e300  # beyond, sums and absolute values of complex floats overflow


class Undefined(Exception):
    """The expression has no (real) value there."""


class NumberSystem:
    """Numbers of one kind: `real` refuses what leaves the real numbers, otherwise values may be complex."""

    def __init__(self, functions: Any, number: Callable[[Fraction], Any], epsilon: float, real: bool) -> None:
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
        if _imaginary(value) or abs(value) > _LARGEST_FACTORIAL or (value < 0 and value == int(_real(value))):
            raise Undefined
        value = _real(value)
        return self.functions.gamma(value + 1) if self.precise else math.gamma(value + 1)

    def floor(self, value: Any) -> Any:
        if _imaginary(value) or abs(value) > 1e40:
            raise Undefined
        return self.number(Fraction(math.floor(_real(value) + self.epsilon)))


_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh", "exp"})
_NAMES = {
    "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "ln": "log", "log": "log",
}  # fmt: skip
_RECIPROCAL = {"cot": "tan", "sec": "cos", "csc": "sin", "coth": "tanh"}
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


def evaluate(node: Node, point: Mapping[str, Fraction], numbers: NumberSystem) -> Any:
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


def _evaluate(node: Node, point: Mapping[str, Fraction], numbers: NumberSystem) -> Any:
    op = node.op
    if op == "num":
        return numbers.number(node.value)  # type: ignore[arg-type]
    if op == "sym":
        if node.value in numbers.constants:
            return +numbers.constants[str(node.value)]
        if node.value == "i":
            raise Undefined
        return numbers.number(point[str(node.value)])
    values = [_evaluate(part, point, numbers) for part in node.args]
    if op == "add":
        return sum(values[1:], values[0])
    if op == "mul":
        result = values[0]
        for value in values[1:]:
            result = result * value
        return result
    if op == "pow":
        return numbers.power(values[0], values[1])
    return _function(op, values, numbers)


def _function(op: str, values: Sequence[Any], numbers: NumberSystem) -> Any:
    first = values[0]
    if op in _NAMES:
        return numbers.call(_NAMES[op], first)
    if op in _RECIPROCAL:
        return 1 / numbers.call(_RECIPROCAL[op], first)
    if op == "lg":
        return numbers.call("log", first) / numbers.call("log", numbers.number(Fraction(10)))
    if op == "arccot":
        return numbers.call("atan", 1 / first)
    if op == "abs":
        return abs(first)
    if op == "root":
        return numbers.root(first, values[1])
    if op in ("floor", "ceil"):
        return numbers.floor(first) if op == "floor" else -numbers.floor(-first)
    if op == "fact":
        return numbers.factorial(first)
    if op == "binom":
        return numbers.factorial(first) / numbers.factorial(values[1]) / numbers.factorial(first - values[1])
    if op in ("max", "min") and numbers.real:
        return max(values) if op == "max" else min(values)
    if op == "mod" and numbers.real:
        return first - values[1] * numbers.floor(first / values[1])
    if op == "sgn" and numbers.real:
        return numbers.number(Fraction((first > 0) - (first < 0)))
    if op in ("Re", "Im"):
        return _real(first) if op == "Re" else _imaginary(first)
    raise Undefined


def _real(value: Any) -> Any:
    return value.real


def _imaginary(value: Any) -> Any:
    return value.imag
