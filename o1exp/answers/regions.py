"""Sets of real numbers as unions of intervals."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cmp_to_key

from o1exp.answers.fingerprint import equal, rough
from o1exp.answers.kinds import Interval, Region
from o1exp.answers.nodes import INFINITY, Node, add, mul, num, symbols

EVERYTHING = Interval(None, None, False, False)


def point(node: Node) -> Interval:
    return Interval(node, node, True, True)


def infinite(node: Node) -> int:
    """1 for plus infinity, -1 for minus infinity, 0 for anything else."""
    if node in (INFINITY, add(INFINITY)):
        return 1
    return -1 if node == mul(num(-1), INFINITY) else 0


def between(low: Node, high: Node, low_closed: bool, high_closed: bool) -> Interval:
    """The interval, with infinite ends taken as such."""
    bottom, top = (None if infinite(low) < 0 else low), (None if infinite(high) > 0 else high)
    return Interval(bottom, top, low_closed and bottom is not None, high_closed and top is not None)


def size(node: Node) -> float | None:
    """The float value of a real constant; None where it has none."""
    if symbols(node):
        return None
    value = rough(node, False, True)[0]
    return None if value is None else float(value.real)


def _low(interval: Interval) -> float | None:
    return float("-inf") if interval.low is None else size(interval.low)


def _high(interval: Interval) -> float | None:
    return float("inf") if interval.high is None else size(interval.high)


def known(intervals: Sequence[Interval]) -> bool:
    """Whether all ends are real constants."""
    return all(_low(one) is not None and _high(one) is not None for one in intervals)


def empty(interval: Interval) -> bool:
    low, high = _low(interval), _high(interval)
    if low is None or high is None:
        return False
    return low > high or (low == high and not (interval.low_closed and interval.high_closed))


def merged(intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    """The same set as disjoint intervals in order; as given where an end is no constant."""
    if not known(intervals):
        return tuple(intervals)
    parts: list[Interval] = []
    for one in sorted((one for one in intervals if not empty(one)), key=cmp_to_key(_order)):
        last = parts[-1] if parts else None
        if last is not None and _touch(last, one):
            parts[-1] = _joined(last, one)
        else:
            parts.append(one)
    return tuple(parts)


def _order(left: Interval, right: Interval) -> int:
    keys = [(_low(one), not one.low_closed, _high(one), one.high_closed) for one in (left, right)]
    return (keys[0] > keys[1]) - (keys[0] < keys[1])


def _touch(left: Interval, right: Interval) -> bool:
    end, start = _high(left), _low(right)
    assert end is not None
    assert start is not None
    return start < end or (_near(start, end) and (left.high_closed or right.low_closed))


def _near(one: float, other: float) -> bool:
    return one == other or abs(one - other) <= 1e-12 * max(abs(one), abs(other))


def _joined(left: Interval, right: Interval) -> Interval:
    ends = _high(left), _high(right)
    assert ends[0] is not None
    assert ends[1] is not None
    if ends[1] > ends[0] or (_near(ends[0], ends[1]) and right.high_closed):
        return replace(left, high=right.high, high_closed=right.high_closed)
    return left


def intersected(left: Sequence[Interval], right: Sequence[Interval]) -> tuple[Interval, ...] | None:
    """The common part; None where an end is no constant."""
    if not known(left) or not known(right):
        return None
    parts = []
    for one in left:
        for other in right:
            low = max((one, other), key=lambda each: (_low(each), not each.low_closed))
            high = min((one, other), key=lambda each: (_high(each), each.high_closed))
            parts.append(Interval(low.low, high.high, low.low_closed, high.high_closed))
    return merged(parts)


def without(intervals: Sequence[Interval], points: Sequence[Node]) -> tuple[Interval, ...] | None:
    """The set without some points; None where one is no constant."""
    parts: tuple[Interval, ...] | None = tuple(intervals)
    for node in points:
        hole = (Interval(None, node, False, False), Interval(node, None, False, False))
        parts = intersected(parts, hole) if parts is not None else None
    return parts


def same_region(left: Region, right: Region) -> bool:
    """Whether both are the same set."""
    ours, theirs = merged(left.intervals), merged(right.intervals)
    if len(ours) != len(theirs):
        return False
    if known(ours) and known(theirs):
        return all(_same_interval(one, other) for one, other in zip(ours, theirs, strict=True))
    return all(any(_same_interval(one, other) for other in theirs) for one in ours)


def _same_interval(left: Interval, right: Interval) -> bool:
    if (left.low_closed, left.high_closed) != (right.low_closed, right.high_closed):
        return False
    return _same_end(left.low, right.low) and _same_end(left.high, right.high)


def _same_end(left: Node | None, right: Node | None) -> bool:
    if left is None or right is None:
        return left is right
    return bool(equal(left, right))
