"""Are two readings the same answer? One rule per kind; None where it cannot be told."""

import re
from collections.abc import Callable
from typing import Any

from o1exp.answers.conventions import Conventions
from o1exp.answers.fingerprint import equal, proportional, rounded, same_zeros
from o1exp.answers.kinds import (
    Answer,
    Based,
    Choice,
    Clock,
    Congruence,
    Equation,
    Grid,
    Inequality,
    Interval,
    Many,
    Named,
    Opaque,
    Ratio,
    Region,
    Value,
    Words,
)  # fmt: skip
from o1exp.answers.nodes import (
    ANY_NAME,
    HUNDRED,
    INFINITY,
    PI,
    Node,
    contains,
    decimal,
    minus,
    mul,
    negative,
    num,
    over,
    renamed,
    replaced,
    sym,
    symbols,
)  # fmt: skip
from o1exp.answers.regions import EVERYTHING, between, empty, merged, same_region
from o1exp.answers.units import converted, same_unit, spelled, unlike
from o1exp.answers.values import rational

_RANK = {kind: place for place, kind in enumerate((
    Opaque, Words, Value, Ratio, Clock, Based, Congruence, Grid, Many, Region, Inequality, Equation, Named, Choice,
))}  # fmt: skip


_LOG = frozenset({"log"})


def match(left: Answer, right: Answer, rules: Conventions) -> bool | None:
    """Whether two readings are one answer."""
    if left == right:
        return True
    if _RANK[type(left)] > _RANK[type(right)]:
        left, right = right, left
    if rule := _RULES.get((type(left), type(right))):
        return rule(left, right, rules)
    return False if type(left) is type(right) else _unlike(left, right, rules)


def _unlike(left: Answer, right: Answer, rules: Conventions) -> bool | None:
    """A name, a choice or a set of one stands for what it holds."""
    if isinstance(right, Choice):
        return False if right.content is None else match(left, right.content, rules)
    if isinstance(right, Named):
        return match(left, right.value, rules)
    if isinstance(right, Many) and len(right.items) == 1 and right.kind in ("set", "bare", "square"):
        return match(left, right.items[0], rules)
    if isinstance(right, Many) and right.kind == "bare" and _restated(right):
        return match(left, right.items[0], rules)
    return None if isinstance(left, Opaque) else False


def _values(left: Value, right: Value, rules: Conventions) -> bool | None:
    if left.unit and right.unit and not same_unit(left.unit, right.unit):
        sizes = converted(left.unit), converted(right.unit)
        if sizes[0] and sizes[1] and sizes[0][0] == sizes[1][0]:
            return equal(*(mul(value.node, num(size[1])) for value, size in zip((left, right), sizes, strict=True) if size))
        if not rules.units_optional or unlike(left.unit, right.unit):
            return False
    for measured, other in ((left, right), (right, left)):
        if measured.unit and not other.unit and (written := _letter_unit(other)) and same_unit(written[1], measured.unit):
            return equal(measured.node, written[0])  # 3m is 3 metres
    if left.percent != right.percent:
        percent, other = (left, right) if left.percent else (right, left)
        verdict = equal(over(percent.node, HUNDRED), other.node)
        return equal(percent.node, other.node) if rules.percent_sign_optional and not verdict else verdict
    if left.degrees != right.degrees and spelled((right if left.degrees else left).unit) in ("rad", "radian", "radians"):
        angle, other = (left, right) if left.degrees else (right, left)
        return equal(over(mul(angle.node, PI), num(180)), other.node)
    verdict = equal(left.node, right.node)
    if verdict is False and rules.long_decimals and rounded(left.node, right.node):
        return True
    if not verdict and (contains(left.node, _LOG) or contains(right.node, _LOG)):
        return equal(decimal(left.node), decimal(right.node))
    if not verdict and left.degrees != right.degrees:
        angle, other = (left, right) if left.degrees else (right, left)
        if contains(other.node, frozenset({"sym"})) and not symbols(other.node):
            return equal(over(mul(angle.node, PI), num(180)), other.node)
    return verdict


def _letter_unit(value: Value) -> tuple[Node, str] | None:
    """The number and the letter of a product of the two, which may be a unit."""
    if value.node.op != "mul" or len(value.node.args) != 2:
        return None
    count, letter = value.node.args
    return (count, str(letter.value)) if letter.op == "sym" and not symbols(count) else None


def _words(left: Words, right: Words, rules: Conventions) -> bool:
    if left.about and right.about and left.about != right.about:
        return False
    return left.text == right.text or left.text.replace(" ", "") == right.text.replace(" ", "")


def _word_of_region(left: Words, right: Region, rules: Conventions) -> bool:
    return left.text == "reals" and merged(right.intervals) == (EVERYTHING,)


def _word_of_value(left: Words, right: Value, rules: Conventions) -> bool | None:
    if left.text in ("infinite", "negative infinite"):
        return right.node == (INFINITY if left.text == "infinite" else negative(INFINITY))
    if right.node.op == "sym" or (right.node.op == "mul" and all(part.op == "sym" for part in right.node.args)):
        letters = "".join(str(part.value) for part in (right.node.args or (right.node,)))
        return left.text == letters.lower()
    return False


def _word_of_many(left: Words, right: Many, rules: Conventions) -> bool:
    return left.text == "no solution" and not right.items


def _letter(left: Value, right: Choice, rules: Conventions) -> bool | None:
    if left.node.op == "sym" and left.node.value == right.letter:
        return True
    return False if right.content is None else match(left, right.content, rules)


def _ratios(left: Ratio, right: Ratio, rules: Conventions) -> bool | None:
    if len(left.parts) != len(right.parts) or (left.timely and right.timely):
        return False
    zeros = [[rational(part) == 0 for part in ratio.parts] for ratio in (left, right)]
    if zeros[0] != zeros[1] or zeros[0].count(False) < 2:  # 3:0 and 7:0 are scores
        return False
    pivot = zeros[0].index(False)
    ours, theirs = left.parts[pivot], right.parts[pivot]
    return _every(equal(mul(a, theirs), mul(b, ours)) for a, b in zip(left.parts, right.parts, strict=True))


def _ratio_value(left: Value, right: Ratio, rules: Conventions) -> bool | None:
    return equal(left.node, over(*right.parts)) if len(right.parts) == 2 and not left.unit else False


def _clocks(left: Clock, right: Clock, rules: Conventions) -> bool:
    if left.half == right.half:
        return left.minutes == right.minutes
    plain = left if right.half else right  # without a.m. or p.m. 3:30 may be either, 15:30 only one
    return left.minutes == right.minutes or ((left.minutes - right.minutes) % 720 == 0 and plain.minutes < 780)


def _congruence_named(left: Congruence, right: Named, rules: Conventions) -> bool:
    """Whether x = 7k + 3 with a whole k runs through the one residue 3 modulo 7."""
    if not isinstance(right.value, Value) or symbols(right.value.node) != {ANY_NAME}:
        return False
    start, one, two = (rational(replaced(right.value.node, ANY_NAME, num(place))) for place in (0, 1, 2))
    if start is None or one is None or two is None or two - one != one - start or abs(one - start) != left.modulus:
        return False
    return left.residues == {start % left.modulus}


def _grids(left: Grid, right: Grid, rules: Conventions) -> bool | None:
    if [len(row) for row in left.rows] != [len(row) for row in right.rows]:
        return False
    return _every(equal(a, b) for ours, theirs in zip(left.rows, right.rows, strict=True) for a, b in zip(ours, theirs, strict=True))


def _grid_value(left: Value, right: Grid, rules: Conventions) -> bool | None:
    return equal(left.node, right.rows[0][0]) if len(right.rows) == 1 and len(right.rows[0]) == 1 else False


def _grid_many(left: Grid, right: Many, rules: Conventions) -> bool | None:
    """A vector may be written as a point."""
    cells = [cell for row in left.rows for cell in row]
    if right.kind == "set" or len(cells) != len(right.items) or min(len(left.rows), len(left.rows[0])) != 1:
        return False
    return _every(match(Value(cell), item, rules) for cell, item in zip(cells, right.items, strict=True))


def _many(left: Many, right: Many, rules: Conventions) -> bool | None:
    kinds = {left.kind, right.kind}
    if "set" in kinds and kinds & {"tuple", "square"}:
        one, other = (left, right) if left.kind == "set" else (right, left)
        return len(one.items) == 1 and match(one.items[0], other, rules)  # {(1, 2)}
    if kinds == {"tuple", "square"} and len(left.items) < 3:
        return False
    named = [_named(many) for many in (left, right)]
    if all(named) and (set(named[0]) == set(named[1]) or not all(_is_word(name) for one in named for name in one)):
        return _by_name(named[0], named[1], rules)
    counted = [_counted(many) for many in (left, right)]
    if all(counted) and len(counted[0]) == len(counted[1]):  # 7 chickens, 12 rabbits
        if set(counted[0]) == set(counted[1]):
            return _by_name(counted[0], counted[1], rules)
        return _every(match(a, b, rules) for a, b in zip(left.items, right.items, strict=True))
    if any(named) and len(left.items) == len(right.items):
        if kinds == {"bare"} and not rules.lists_ordered and len({re.sub(r"_\d$", "", name) for one in named for name in one}) == 1:
            return _unordered(left.items, right.items, rules)  # x_1 and x_2 are two roots
        ours, theirs = (_in_order(many) for many in (left, right))
        return _every(match(a, b, rules) for a, b in zip(ours, theirs, strict=True))
    if kinds == {"set"} or kinds == {"set", "bare"}:
        return _unordered(_distinct(left.items, rules), _distinct(right.items, rules), rules)
    if len(left.items) != len(right.items):
        return False
    in_order = _every(match(a, b, rules) for a, b in zip(left.items, right.items, strict=True))
    if in_order or kinds != {"bare"} or (rules.lists_ordered and not _points(left)):
        return in_order
    return _unordered(left.items, right.items, rules)


def _restated(many: Many) -> bool:
    """Whether the items are one number in several forms, 1/2 or 0.5, and not the same one twice."""
    values = [item for item in many.items if isinstance(item, Value)]
    nodes = {value.node for value in values}
    if len(nodes) < len(many.items) or len({value.unit for value in values}) != 1:
        return False
    return all(equal(values[0].node, node) for node in nodes)


def _points(many: Many) -> bool:
    return all(isinstance(item, Many) for item in many.items)


def _named(many: Many) -> dict[str, Answer]:
    """The values by name, empty where not every one has a name of its own."""
    named = {item.name: item.value for item in many.items if isinstance(item, Named)}
    return named if len(named) == len(many.items) else {}


def _is_word(name: str) -> bool:
    """Whether a name is a word (rabbits, \u5154), not the letter of a variable or an angle."""
    return name.isalpha() and (len(name) > 2 or not name.isascii()) and not any("\u0370" <= letter <= "\u03ff" for letter in name)


def _counted(many: Many) -> dict[str, Answer]:
    """The values by what they count or measure, empty where not every one has a unit of its own."""
    found = {spelled(item.unit).rstrip("s"): item for item in many.items if isinstance(item, Value) and item.unit}
    return dict(found) if len(found) == len(many.items) > 1 else {}


def _by_name(left: dict[str, Answer], right: dict[str, Answer], rules: Conventions) -> bool | None:
    if set(left) != set(right):
        return False
    return _every(match(value, right[name], rules) for name, value in left.items())


def _in_order(many: Many) -> tuple[Answer, ...]:
    named = _named(many)
    if not named:
        return many.items
    return tuple(named.values()) if all(_is_word(name) for name in named) else tuple(named[name] for name in sorted(named))


def _distinct(items: tuple[Answer, ...], rules: Conventions) -> tuple[Answer, ...]:
    kept: list[Answer] = []
    for item in items:
        if not any(match(item, other, rules) for other in kept):
            kept.append(item)
    return tuple(kept)


def _unordered(left: tuple[Answer, ...], right: tuple[Answer, ...], rules: Conventions) -> bool | None:
    if len(left) != len(right):
        return False
    rest, doubt = list(right), False
    for item in left:
        for place, other in enumerate(rest):
            verdict = match(item, other, rules)
            doubt |= verdict is None
            if verdict:
                del rest[place]
                break
        else:
            return None if doubt else False
    return True


def _many_region(left: Many, right: Region, rules: Conventions) -> bool | None:
    """Two numbers in round brackets may be an open interval; single points may be a set."""
    if left.kind == "bare" and len(left.items) > 1 and all(isinstance(item, Many) and item.kind == "tuple" for item in left.items):
        ends = [tuple(end.node for end in item.items if isinstance(end, Value)) for item in left.items if isinstance(item, Many)]
        if any(len(pair) != 2 for pair in ends):
            return False
        parts = tuple(between(low, high, False, False) for low, high in ends)
        return len(merged(parts)) == len(right.intervals) == len(parts) and same_region(Region(parts), right)
    nodes = [item.node for item in left.items if isinstance(item, Value)]
    if len(nodes) != len(left.items):
        return False
    if left.kind == "tuple" and len(nodes) == 2:
        interval = between(nodes[0], nodes[1], False, False)
        return not empty(interval) and same_region(Region((interval,)), right)
    if left.kind in ("set", "bare") and nodes and all(one.low is not None and one.low == one.high for one in right.intervals):
        return same_region(Region(tuple(Interval(node, node, True, True) for node in nodes)), right)
    return False


def _regions(left: Region, right: Region, rules: Conventions) -> bool:
    if left.name and right.name and left.name != right.name:
        return False
    return same_region(left, right)


def _inequalities(left: Inequality, right: Inequality, rules: Conventions) -> bool | None:
    if left.strict != right.strict:
        return False
    return proportional(left.difference, right.difference, positive=True)


def _equations(left: Equation, right: Equation, rules: Conventions) -> bool | None:
    if proportional(left.difference, right.difference, positive=False):
        return True
    return same_zeros(left.difference, right.difference)


def _equation_named(left: Equation, right: Named, rules: Conventions) -> bool | None:
    if not isinstance(right.value, Value) or right.argument or len(right.name) > 3:
        return False
    return _equations(left, Equation(minus(sym(right.name), right.value.node)), rules)


def _names(left: Named, right: Named, rules: Conventions) -> bool | None:
    if left.name.count("'") != right.name.count("'"):
        return False
    if left.name != right.name and not (left.argument or right.argument or max(len(left.name), len(right.name)) > 1):
        return False
    ours, theirs = left.value, right.value
    renaming = len(left.argument) == len(right.argument) == 1 and left.argument != right.argument
    if renaming and isinstance(ours, Value) and isinstance(theirs, Value):
        # f(x) = x^2 is f(t) = t^2; an x that is free in the other stays another x
        ours, theirs = (Value(renamed(one.node, name, "\u2606")) for one, name in ((ours, left.argument), (theirs, right.argument)))
    return match(ours, theirs, rules)


def _opaque(left: Opaque, right: Opaque, rules: Conventions) -> bool | None:
    return True if left.text == right.text else None


def _every(verdicts: Any) -> bool | None:
    found = list(verdicts)
    if any(verdict is False for verdict in found):
        return False
    return None if any(verdict is None for verdict in found) else True


_RULES: dict[tuple[type, type], Callable[[Any, Any, Conventions], bool | None]] = {
    (Value, Value): _values, (Words, Words): _words, (Words, Region): _word_of_region, (Words, Value): _word_of_value,
    (Words, Many): _word_of_many,
    (Choice, Choice): lambda left, right, rules: left.letter == right.letter,
    (Value, Choice): _letter, (Ratio, Ratio): _ratios, (Value, Ratio): _ratio_value, (Clock, Clock): _clocks,
    (Grid, Grid): _grids, (Value, Grid): _grid_value,
    (Grid, Many): _grid_many, (Congruence, Named): _congruence_named,
    (Many, Many): _many, (Many, Region): _many_region, (Region, Region): _regions, (Inequality, Inequality): _inequalities,
    (Equation, Equation): _equations, (Equation, Named): _equation_named, (Named, Named): _names, (Opaque, Opaque): _opaque,
}  # fmt: skip
