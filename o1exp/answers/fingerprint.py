"""Are two expressions equal? Exact values first, then values at fixed points, the same for everyone and in every run."""

import zlib
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

from o1exp.answers.nodes import Node, contains, symbols
from o1exp.answers.values import NumberSystem, Undefined, evaluate, floats, precise, rational

# (low, high) of the coordinates of each point: within the domain of arcsine, of logarithms, of roots of x - 5, and left of zero.
_RANGES = ((Fraction(1, 5), Fraction(19, 20)), (Fraction(11, 10), 3), (4, 9), (12, 40), (-3, Fraction(-1, 5)), (-1, 1))
_WHOLE_RANGES = ((7, 19), (3, 8), (5, 12), (10, 31), (1, 5), (20, 40), (2, 9), (6, 17))
_WHOLE_ONLY = frozenset({"floor", "ceil", "fact", "fact2", "binom", "gcd", "lcm", "mod"})
_CLOSE, _FAR = 1e-7, 1e-2
_PRECISE_CLOSE = 1e-35
_ENOUGH = 2
_LONG = 10  # significant digits of a decimal that may stand for an irrational number


def equal(left: Node, right: Node) -> bool | None:
    """Whether both are the same number or the same function; None where no values could be had."""
    if left == right:
        return True
    exact = rational(left), rational(right)
    if exact[0] is not None and exact[1] is not None:
        return exact[0] == exact[1]
    whole = whole_only(left) or whole_only(right)
    verdict = _agree(left, right, whole, real=True)
    return _agree(left, right, whole, real=False) if verdict is None else verdict


def rounded(left: Node, right: Node) -> bool:
    """Whether one is an irrational constant, and the other its decimal of ten or more significant digits."""
    exact = rational(left), rational(right)
    if (exact[0] is None) == (exact[1] is None) or symbols(left) or symbols(right):
        return False
    closed, value = (right, exact[0]) if exact[0] is not None else (left, exact[1])
    assert value is not None
    places = _places(value)
    shown = fine(closed, False, True)[0]
    if not places or shown is None or len(str(abs(value.numerator * 10**places // value.denominator))) < _LONG:
        return False
    beyond = (abs(shown) - precise(True).number(abs(value))) * 10**places  # in units of the last place
    return bool((shown > 0) == (value > 0) and -0.5 <= beyond < 1)


def _places(value: Fraction) -> int | None:
    """The decimal places of a number, None where it has more than 40."""
    return next((places for places in range(41) if 10**places % value.denominator == 0), None)


@lru_cache(maxsize=20_000)
def whole_only(node: Node) -> bool:
    """Whether the expression is about whole numbers: it has factorials, floors or powers of a negative base."""
    if contains(node, _WHOLE_ONLY):
        return bool(symbols(node)) and not _rounds_whole(node)
    return _alternates(node)


def _rounds_whole(node: Node) -> bool:
    """Whether a floor or a ceiling is taken of what is whole at whole points, as of x itself: then x is no whole number."""
    if node.op in ("floor", "ceil") and symbols(node) and not contains(node.args[0], _WHOLE_ONLY):
        values = rough(node.args[0], True, True)
        if all(value is None or value == int(value.real) for value in values):
            return True
    return any(_rounds_whole(part) for part in node.args)


def _alternates(node: Node) -> bool:
    if node.op == "pow" and (base := rational(node.args[0])) is not None and base < 0 and symbols(node.args[1]):
        return True
    return any(_alternates(part) for part in node.args)


def points(names: frozenset[str], whole: bool) -> list[dict[str, Fraction]]:
    """The fixed points for these symbols; a symbol's coordinates depend on its name alone."""
    if not names:
        return [{}]
    ranges = _WHOLE_RANGES if whole else _RANGES
    return [{name: _coordinate(name, place, whole) for name in names} for place in range(len(ranges))]


@lru_cache(maxsize=4096)
def _coordinate(name: str, place: int, whole: bool) -> Fraction:
    luck = zlib.crc32(f"{name}/{place}".encode("utf-8", "surrogatepass"))
    low, high = (_WHOLE_RANGES if whole else _RANGES)[place]
    if whole:
        return Fraction(int(low) + luck % (int(high) - int(low) + 1))
    return Fraction(low) + (Fraction(high) - Fraction(low)) * Fraction(luck % 9973, 9973)


@lru_cache(maxsize=20_000)
def rough(node: Node, whole: bool, real: bool) -> tuple[complex | None, ...]:
    """The float values at the fixed points, None where there is none."""
    return tuple(_at(node, point, floats(real)) for point in points(symbols(node), whole))


@lru_cache(maxsize=5_000)
def fine(node: Node, whole: bool, real: bool) -> tuple[Any, ...]:
    """The same in 60 digits."""
    return tuple(_at(node, point, precise(real)) for point in points(symbols(node), whole))


def _at(node: Node, point: dict[str, Fraction], numbers: NumberSystem) -> Any:
    try:
        return evaluate(node, point, numbers)
    except Undefined:
        return None


def _agree(left: Node, right: Node, whole: bool, real: bool) -> bool | None:
    for one, other in _both(rough(left, whole, real), rough(right, whole, real)):
        if _apart(one, other, _FAR):
            return False
    ours, theirs = fine(left, whole, real), fine(right, whole, real)
    values = _both(ours, theirs)
    for one, other in values:
        if _apart(one, other, _PRECISE_CLOSE) and not abs(one - other) < 1e-50:
            return False
    return True if len(values) >= min(_ENOUGH, max(len(ours), len(theirs))) else None


def _both(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """The values at the points where both have one; a constant has its one value at every point."""
    if len(ours) < len(theirs):
        ours *= len(theirs)
    elif len(theirs) < len(ours):
        theirs *= len(ours)
    return [(one, other) for one, other in zip(ours, theirs, strict=True) if one is not None and other is not None]


def _apart(one: Any, other: Any, tolerance: float) -> bool:
    return bool(abs(one - other) > tolerance * max(abs(one), abs(other)))


def proportional(left: Node, right: Node, positive: bool) -> bool | None:
    """Whether one is a constant (`positive`: a positive constant) times the other; None where no values could be had."""
    whole, ratio, common = whole_only(left) or whole_only(right), None, 0
    for real in (True, False):
        for one, other in _both(fine(left, whole, real), fine(right, whole, real)):
            if abs(other) < 1e-40 or abs(one) < 1e-40:
                if abs(other) > 1e-40 or abs(one) > 1e-40:
                    return False
                continue
            common += 1
            found = one / other
            if ratio is None:
                ratio = found
            elif _apart(ratio, found, 1e-30):
                return False
            if positive and not (real and found > 0):
                return False
        if common >= _ENOUGH:
            return True
    return None


def same_zeros(left: Node, right: Node) -> bool:
    """Whether `left` = 0 and `right` = 0 have the same solutions, tried at fixed points by Newton steps from several starts."""
    names = symbols(left) | symbols(right)
    if not names or symbols(left) != symbols(right):
        return False
    name = min(names)
    grid = points(names, False)[:3]
    return all(_zeros_shared(one, other, name, grid) for one, other in ((left, right), (right, left)))


_STARTS = (0.37 + 0.2j, -1.3 - 0.1j, 2.9 + 0.4j, -4.1 + 0.3j, 0.1 - 1.7j, 11.0 + 1.0j)


def _zeros_shared(one: Node, other: Node, name: str, grid: list[dict[str, Fraction]]) -> bool:
    numbers, found = floats(False), 0
    for point in grid:
        rest = {key: value for key, value in point.items() if key != name}

        def at(node: Node, value: complex, rest: dict[str, Fraction] = rest) -> complex:
            return complex(evaluate(node, {**rest, name: value}, numbers))

        for start in _STARTS:
            zero = _newton(lambda value, at=at: at(one, value), start)  # type: ignore[misc]
            if zero is None:
                continue
            found += 1
            try:
                size, scale = abs(at(other, zero)), abs(at(other, zero * 1.01 + 0.01))
            except Undefined:
                return False
            if size > 1e-6 * scale:
                return False
    return found >= _ENOUGH


def _newton(function: Callable[[complex], complex], start: complex) -> complex | None:
    place, step = start, 1e-6
    try:
        for _ in range(60):
            value = function(place)
            slope = (function(place + step) - function(place - step)) / (2 * step)
            if slope == 0:
                return None
            move = value / slope
            place -= move
            if abs(move) < 1e-13 * max(1.0, abs(place)):
                return place
    except (Undefined, OverflowError, ZeroDivisionError):
        return None
    return None
