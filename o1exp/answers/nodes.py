"""Expressions as trees of plain tuples: numbers, symbols, and operations on them."""

from fractions import Fraction
from typing import NamedTuple


class Node(NamedTuple):
    """`op` is num (its value in `value`), sym (its name in `value`), add, mul, pow, pm, or the name of a function of `args`."""

    op: str
    args: tuple["Node", ...] = ()
    value: Fraction | str | None = None


def num(value: int | Fraction) -> Node:
    return Node("num", (), Fraction(value))


def sym(name: str) -> Node:
    return Node("sym", (), name)


ONE, ZERO, MINUS_ONE, HUNDRED = num(1), num(0), num(-1), num(100)
PI, E, IMAGINARY, INFINITY = sym("\u03c0"), sym("e"), sym("i"), sym("\u221e")
CONSTANTS = frozenset({"\u03c0", "e", "i"})
ANY_NAME = "\u03df"  # the name of a parameter that may have any
DEGREE = Node("mul", (PI, num(Fraction(1, 180))))


def add(*terms: Node) -> Node:
    return terms[0] if len(terms) == 1 else Node("add", terms)


def mul(*factors: Node) -> Node:
    return factors[0] if len(factors) == 1 else Node("mul", factors)


def negative(node: Node) -> Node:
    if node.op == "num":
        assert isinstance(node.value, Fraction)
        return num(-node.value)
    return Node("mul", (MINUS_ONE, node))


def over(top: Node, bottom: Node) -> Node:
    return Node("mul", (top, Node("pow", (bottom, MINUS_ONE))))


def minus(left: Node, right: Node) -> Node:
    return Node("add", (left, negative(right)))


def symbols(node: Node) -> frozenset[str]:
    """The free symbols of an expression; pi, e and i are constants."""
    if node.op == "sym":
        assert isinstance(node.value, str)
        return frozenset() if node.value in CONSTANTS else frozenset({node.value})
    found: frozenset[str] = frozenset()
    for part in node.args:
        found |= symbols(part)
    return found


def renamed(node: Node, name: str, new: str) -> Node:
    """The expression with a symbol under another name."""
    return replaced(node, name, sym(new))


def replaced(node: Node, name: str, value: Node) -> Node:
    """The expression with another one in place of a symbol."""
    if node.op == "sym":
        return value if node.value == name else node
    return Node(node.op, tuple(replaced(part, name, value) for part in node.args), node.value) if node.args else node


def decimal(node: Node) -> Node:
    """The expression with logarithms without a base read as decimal ones."""
    return Node("lg" if node.op == "log" else node.op, tuple(decimal(part) for part in node.args), node.value) if node.args else node


def height(node: Node) -> int:
    """How many operations stand inside one another; counted without recursion, so that any tree can be asked."""
    layer, layers = node.args, 0
    while layer:
        layer, layers = tuple(part for each in layer for part in each.args), layers + 1
    return layers


def contains(node: Node, ops: frozenset[str]) -> bool:
    """Whether one of the operations occurs in the expression."""
    return node.op in ops or any(contains(part, ops) for part in node.args)
