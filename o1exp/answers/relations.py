"""Equations, inequalities and sets of real numbers."""

import re
from collections.abc import Callable
from fractions import Fraction

from o1exp.answers.clauses import cut, enclosed, linked, operators
from o1exp.answers.glyphs import ROW, TEXT_OPEN, without_marks
from o1exp.answers.kinds import Answer, Equation, Inequality, Interval, Many, Named, Region, Value, Words
from o1exp.answers.nodes import INFINITY, Node, minus, negative, num, replaced, symbols
from o1exp.answers.quantities import expression, expressions
from o1exp.answers.quantities import signs as signs_of
from o1exp.answers.regions import EVERYTHING, between, intersected, point, without
from o1exp.answers.values import rational

SIGNS = frozenset("<>\u2264\u2265\u2260")
_SET_SIGNS = frozenset("\u222a\u2229\u2216\u211d\u2208")
_INTERVAL = re.compile(r"^([\[(\]])(.+)([\])\[])$")
_MEMBER = re.compile(r"^(?P<name>[^\u2208<>=]{1,12})\u2208\s*(?P<set>.+)$")
_UNITED = re.compile(r"(?<=[\])\u2984])\s*U\s*(?=[\[(\u2983{])")
_EXCEPT = re.compile(
    r"^(?:[a-z] (?:is|can be) )?(?:all|any|every)\s(?:the )?(?:real numbers?|reals?|real values?|(?=[a-z] ))(?: ?of [a-z]"
    r"| ?[a-z])?,?\s?(?:such that |with |where )?(?:[a-z] ?\u2260|except|but|other than|besides|excluding|"
    r"not equal to|different from)(?: for)?\s*(?P<points>(?:[^A-Za-z\\]|\\[A-Za-z]+)*+(?:[a-z] ?= ?[^A-Za-z]+|(?:and|or) ?[^A-Za-z]+)*)$"
    r"|^(?:[a-z] ?)?(?:所有|一切|全体)?(?:除了?|为?不等于|不为|\u2260)(?P<holes>[^\u4e00-\u9fff]+)"
    r"(?:以外|之外|外)?的?(?:所有|一切|全体|任意)?的?实数$",
    re.IGNORECASE,
)
_COMPARED = {
    "greater than": ">", "larger than": ">", "more than": ">",
    "at least": "\u2265", "greater than or equal to": "\u2265", "no less than": "\u2265",
    "less than": "<", "smaller than": "<", "at most": "\u2264", "less than or equal to": "\u2264", "no more than": "\u2264",
    "nonzero": "\u2260", "non-zero": "\u2260", "positive": ">", "negative": "<", "nonnegative": "\u2265", "non-negative": "\u2265",
    "nonpositive": "\u2264", "non-positive": "\u2264",
}  # fmt: skip
_SPOKEN = re.compile(
    r"^(?:[a-z] is |all |any |the )*(?:(?:(?:all|any) )?(?:real )?numbers?|reals?|(?<=is )|(?<=is any ))\s?(?P<sign>"
    + "|".join(sorted((name for name in _COMPARED if " " in name), key=len, reverse=True))
    + r") (?P<bound>[^A-Za-z]+)$|^(?:all |any |the )*(?P<kind>(?:non-?)?(?:posi|nega)tive|non-?zero) (?:reals?|real numbers?)$",
    re.IGNORECASE,
)
_CHINESE = {
    "大于或等于": "\u2265", "大于等于": "\u2265", "不小于": "\u2265", "小于或等于": "\u2264", "小于等于": "\u2264", "不大于": "\u2264",
    "不等于": "\u2260",
    "大于": ">", "小于": "<",
}  # fmt: skip
_CHINESE_SIGN = re.compile(rf"(?<=[A-Za-z\d)}}])\s?({'|'.join(_CHINESE)})\s?(?=[-\d\\(A-Za-z\u221a\u03c0])")
_WITHOUT = re.compile(r"^[R\u211d]\s*[-\u2216\\]\s*[{\u2983](?=[^{}\u2983]*[}\u2984]$)")
_UNEQUAL = re.compile(r"^([a-z]) ?\u2260 ?([^,]+(?:,| and | or ).+)$")
_REAL = re.compile(r"\u2208 ?(?:R|\u211d)$")
_NAMED_HOLE = re.compile(r"[a-z] ?[=\u2260] ?")
_UNLIKE = re.compile(r"^(?P<name>[a-z])\s*(?P<set>\([^()\[\]]*\]|\[[^()\[\]]*\))$")  # the sign for "in" was lost
_DEEPEST = 6
_REALS = re.compile("^(?:\u211d|all real numbers|all reals|reals|\u27e6\\s*all real numbers\\s*\u27e7|\u27e6\\s*real numbers\\s*\u27e7)$")
_BUILDER = re.compile("^\u2983\\s*(?P<name>[^|:]{1,12}?)\\s*(?:\u2208\\s*\u211d\\s*)?[|:]\\s*(?P<condition>.+)\u2984$")


def in_signs(text: str) -> str:
    """The text with signs for the words and the other notations that a set or an inequality may be told in."""
    if "于" in text:
        text = _CHINESE_SIGN.sub(lambda match: _CHINESE[match[1]], text)
    plain = " ".join(without_marks(text).split()) if TEXT_OPEN in text else text
    if match := _SPOKEN.match(plain):
        return f"x{_COMPARED[match['sign'] or match['kind']]}{match['bound'] or '0'}"
    if match := _EXCEPT.match(plain):
        return _but(_NAMED_HOLE.sub("", match["points"] or match["holes"]))
    if (match := _UNEQUAL.match(text)) and not any(sign in match[2] for sign in SIGNS):
        return _but(match[2])
    text = _WITHOUT.sub("\u211d\u2216\u2983", _UNITED.sub("\u222a", text))
    return text[:-1] + "\u2984" if text.startswith("\u211d\u2216\u2983") and text.endswith("}") else text


def _but(points: str) -> str:
    return f"\u211d\u2216\u2983{points.replace(' and ', ',').replace(' or ', ',')}\u2984"


def is_union(text: str) -> bool:
    """Whether the text is several intervals joined by "or", "and" or a comma."""
    pieces = [piece for part in linked(text) for piece in cut(part, ",")]
    found = [match for piece in pieces if (match := _INTERVAL.match(piece)) and len(cut(match[2], ",")) == 2]
    certain = any(match[1] + match[3] not in ("()", "[]") or "\u221e" in match[2] for match in found)  # (1,2), (3,4) are points
    return len(pieces) > 1 and len(found) == len(pieces) and certain


def is_about_sets(text: str) -> bool:
    """Whether the text is an inequality, a union, an interval with unlike brackets, or names the real numbers."""
    if any(sign in text for sign in SIGNS) or any(sign in text for sign in _SET_SIGNS):
        return True
    match = _INTERVAL.match(text)
    return bool(match and match[1] + match[3] not in ("()", "[]")) or bool(_REALS.match(text) or _UNLIKE.match(text))


def sets(text: str, depth: int = 0) -> list[Answer]:
    """The readings of a text as a set of real numbers or as inequalities; none where it is neither."""
    if depth > _DEEPEST:
        return []
    if (match := _BUILDER.match(text)) and is_about_sets(in_signs(match["condition"])):
        return sets(in_signs(match["condition"]), depth + 1)
    region = _union(text, 0)
    if region is None:
        return _inequalities(text)
    return [region] if len(linked(text)) > 1 else [region, *_inequalities(text)]


def _union(text: str, depth: int) -> Region | None:
    if depth > _DEEPEST:
        return None
    for pieces in (linked(text, ("or",)), cut(text, "\u222a;")):
        if len(pieces) > 1:
            return _combined(pieces, depth, unite=True)
    for pieces, comma in ((linked(text, ("and",)), False), (cut(text, "\u2229"), False), (cut(text, ","), True)):
        if len(pieces) > 1:
            bounds = all(any(sign in piece for sign in SIGNS) or _REAL.search(piece) for piece in pieces)
            common = _combined(pieces, depth, unite=not bounds and "\u2229" not in text)
            # "x < -3, x > 5" has no common part: the comma was meant as "or"
            return _combined(pieces, depth, unite=True) if comma and common is not None and not common.intervals else common
    return _piece(text, depth)


def _combined(pieces: list[str], depth: int, unite: bool) -> Region | None:
    parts = [_union(piece, depth + 1) for piece in pieces]
    regions = [part for part in parts if part is not None]
    names = {part.name for part in regions if part.name}
    if len(regions) < len(parts) or len(names) > 1:
        return None
    name = next(iter(names), "")
    if unite:
        return Region(tuple(one for part in regions for one in part.intervals), name)
    common: tuple[Interval, ...] | None = regions[0].intervals
    for part in regions[1:]:
        common = intersected(common, part.intervals) if common is not None else None
    return None if common is None else Region(common, name)


def _piece(text: str, depth: int) -> Region | None:
    text = text.strip()
    if (match := _MEMBER.match(text)) or (match := _UNLIKE.match(text)):
        inner = _union("\u211d" if match["set"].strip() == "R" else match["set"], depth + 1)
        return None if inner is None else Region(inner.intervals, _variable(match["name"]) or "")
    if _REALS.match(text):
        return Region((EVERYTHING,))
    if len(parts := cut(text, "\u2216")) == 2 or (len(parts := cut(text, "-")) == 2 and parts[1].startswith("\u2983")):
        return _difference(parts[0], parts[1], depth)
    if text.startswith(("\u2983", "{")) and enclosed(text):
        nodes = expressions(cut(text[1:-1], ","))
        return None if nodes is None else Region(tuple(point(node) for node in nodes))
    if any(sign in text for sign in SIGNS):
        return _bounds(text)
    if "=" in text:
        name, _, rest = text.partition("=")
        node = expression(rest)
        return Region((point(node),), _variable(name) or "") if node is not None and _variable(name) else None
    return _interval(text, depth)


def _difference(whole: str, holes: str, depth: int) -> Region | None:
    region = _union(whole, depth + 1)
    inside = holes[1:-1] if holes.startswith("\u2983") and enclosed(holes) else holes
    nodes = expressions(cut(inside, ","))
    if region is None or nodes is None:
        return None
    parts = without(region.intervals, [each for node in nodes for each in signs_of(node)])
    return None if parts is None else Region(parts, region.name)


def _interval(text: str, depth: int) -> Region | None:
    match = _INTERVAL.match(text)
    if not match:
        return None
    if match[1] == "(" and match[3] == ")" and enclosed(text) and any(sign in match[2] for sign in _SET_SIGNS):
        return _union(match[2], depth + 1)
    ends = expressions(cut(match[2], ",;"))
    return Region((between(ends[0], ends[1], match[1] == "[", match[3] == "]"),)) if ends and len(ends) == 2 else None


def _variable(text: str) -> str | None:
    node = expression(text)
    return str(node.value) if node is not None and node.op == "sym" else None


def _bounds(text: str) -> Region | None:
    """x > 3, 3 < x, 1 < x <= 2, 2x > 6, x != 2."""
    pieces, signs = operators(text, SIGNS)
    terms = expressions(pieces)
    if terms is None or len(terms) not in (2, 3):
        return None
    if len(terms) == 2 and terms[0].op == "abs" and signs[0] != "\u2260" and (rational(terms[1]) or 0) > 0:
        return _within(terms[0].args[0], signs[0], terms[1])
    if len(terms) == 2:
        return _one_bound(terms[0], signs[0], terms[1])
    left, right = _one_bound(terms[0], signs[0], terms[1]), _one_bound(terms[1], signs[1], terms[2])
    if left is None or right is None or left.name != right.name:
        return None
    if len(left.intervals) == 1 and len(right.intervals) == 1:
        one, other = left.intervals[0], right.intervals[0]
        if one.high is None and other.low is None:
            return Region((Interval(one.low, other.high, one.low_closed, other.high_closed),), left.name)
        if one.low is None and other.high is None:
            return Region((Interval(other.low, one.high, other.low_closed, one.high_closed),), left.name)
    common = intersected(left.intervals, right.intervals)
    return None if common is None else Region(common, left.name)


def _within(inside: Node, sign: str, bound: Node) -> Region | None:
    """|x - 1| < 2 as -1 < x < 3, |x - 1| > 2 as what lies outside."""
    above, below = _one_bound(inside, sign, bound), _one_bound(inside, _MIRROR[sign], negative(bound))
    if above is None or below is None:
        return None
    both = intersected(above.intervals, below.intervals) if sign in "<\u2264" else (*above.intervals, *below.intervals)
    return None if both is None else Region(both, above.name)


_MIRROR = {"<": ">", ">": "<", "\u2264": "\u2265", "\u2265": "\u2264", "\u2260": "\u2260"}


def _one_bound(left: Node, sign: str, right: Node) -> Region | None:
    if left.op != "sym" or str(left.value) in symbols(right) or not symbols(left):
        if right.op == "sym" and symbols(right) and str(right.value) not in symbols(left):
            return _one_bound(right, _MIRROR[sign], left)
        return _solved(left, sign, right)
    name, closed = str(left.value), sign in "\u2264\u2265"
    if (right == INFINITY and sign in "<\u2264") or (right == negative(INFINITY) and sign in ">\u2265"):
        return Region((EVERYTHING,), name)
    if sign == "\u2260":
        return Region((Interval(None, right, False, False), Interval(right, None, False, False)), name)
    if sign in ">\u2265":
        return Region((Interval(right, None, closed, False),), name)
    return Region((Interval(None, right, False, closed),), name)


def _solved(left: Node, sign: str, right: Node) -> Region | None:
    """A linear inequality in one variable, solved for it."""
    difference = minus(left, right)
    names = symbols(difference)
    if len(names) != 1:
        return None
    name = next(iter(names))
    values = [rational(replaced(difference, name, num(place))) for place in (0, 1, 2, 7)]
    if any(value is None for value in values):
        return None
    start, one, two, seven = (value for value in values if value is not None)
    slope = one - start
    if slope == 0 or two != start + 2 * slope or seven != start + 7 * slope:
        return None
    bound = num(Fraction(-start) / slope)
    return _one_bound(Node("sym", (), name), sign if slope > 0 else _MIRROR[sign], bound)


def _inequalities(text: str) -> list[Answer]:
    """Inequalities as they stand, for those that are no interval."""
    found: list[Answer] = []
    for clause in [piece for part in linked(text) for piece in cut(part, ",")]:
        pieces, signs = operators(clause, SIGNS)
        terms = expressions(pieces)
        if terms is None or len(terms) < 2 or "\u2260" in signs:
            return []
        for left, sign, right in zip(terms, signs, terms[1:], strict=False):
            difference = minus(right, left) if sign in "<\u2264" else minus(left, right)
            found.append(Inequality(difference, sign in "<>"))
    if len(found) > 1 and len(linked(text, ("or",))) > 1:
        found.append(Words("or"))
    return found if len(found) == 1 else [Many("set", tuple(found))] if found else []


_PIECES = re.compile(
    r"^(?:[A-Za-z](?:_\{?\w\}?)?\s?(?:\([a-z]\))?\s?=\s?)?\u2983?\s?\\begin \{(?:cases|array)\}\s?(?:\{[lcr|@ ]{0,9}\})?(?P<rows>.*?)"
    r"\\end \{(?:cases|array)\}$"
)
_WHEN = re.compile(r"^(?:\u27e6\s*)?(?:if|for|when|where|as)\b\s*(?:\u27e7)?\s*", re.IGNORECASE)


def piecewise(text: str, read_value: Callable[[str], list[Answer]]) -> list[Answer]:
    """A function in pieces as the set of its pieces, each with where it holds."""
    match = _PIECES.match(text)
    rows = [row.split("&") for row in match["rows"].strip(f"{ROW} ").split(ROW)] if match else []
    if len(rows) < 2 or any(len(row) != 2 for row in rows):
        return []
    pieces = []
    for value, where in rows:
        said = read_value(value.strip(" ,;")), read_value(_WHEN.sub("", where.strip(" ,;.")))
        if not all(said):
            return []
        pieces.append(Many("tuple", (said[0][0], said[1][0] if isinstance(said[1][0], Region) else said[1][-1])))
    return [Many("set", tuple(pieces))]


_FUNCTION = re.compile(
    r"^(?P<name>[A-Za-z\u0370-\u03ff](?:_\{?\w+\}?)?'*(?:\^\{?-1\}?)?)\s*\(\s*(?P<argument>[A-Za-z\u0370-\u03ff](?:\s*,\s*[A-Za-z])"
    r"*)\s*\)$"
)
_LABEL = re.compile(
    r"^(?:[A-Za-z\u0370-\u03ff]'*+(?:\s*_\s*(?:\{[^{}]*\}|\w))?'*|\\?\w*\u2220\s*[A-Z\d_{}' ]+|\\overline \{?[A-Z]{2}\}?|"
    r"\|?[A-Z]['\d_]*[A-Z]['\d_]*\|?|(?:P|E|S|V|A|N|det|\\det )\s*\([^()=]*\)|m\s*\u2220.*)$"
)
_SUM = re.compile(r"^(?:[A-Za-z](?:\s?_\s?(?:\{\w{1,4}\}|\w))?\s?[-+*/]?\s?){2,8}(?<=[\w} ])$")
_RATE = re.compile(r"^(?:\\frac ?\{ ?d ?([a-z]) ?\}\{ ?d ?[a-z] ?\}|d([a-z])/d[a-z])$")
_OPERATOR = re.compile(r"d ?/ ?d[a-z]\s?[(\[].*[)\]]$")
_TEXT_LABEL = re.compile("^[A-Za-z\u4e00-\u9fff\u27e6\u27e7 _,{}]+$")


def label(text: str) -> tuple[str, str] | None:
    """(name, argument of a function or "") where a text names what it stands for; None where it is an expression of its own."""
    text = text.strip()
    if text == "\u03c0":
        return None
    if _OPERATOR.match(text):
        return "f'", ""
    if match := _RATE.match(text):
        return f"{match[1] or match[2]}'", ""
    if match := _FUNCTION.match(text):
        return match["name"], match["argument"]
    if _LABEL.match(text) or (_TEXT_LABEL.match(text) and (len(text) > 3 or "\u27e6" in text)):
        return re.sub(r"[\s{}\u27e6\u27e7|]", "", text), ""
    return None


def equations(text: str, read_value: Callable[[str], list[Answer]]) -> list[Answer]:
    """The readings of a text with equality signs: a named value, an equation, or the end of a chain."""
    pieces = cut(text, "=")
    if len(pieces) < 2 or not pieces[-1]:
        return []
    first, last = pieces[0], pieces[-1]
    found: list[Answer] = []
    if (named := label(first)) is not None:
        found += [Named(named[0], value, named[1]) for value in read_value(last) if not isinstance(value, Named | Equation)]
    elif first.startswith("(") and enclosed(first) and last.startswith(("(", "\u2983")):
        names = [label(name) for name in cut(first[1:-1], ",")]
        values = cut(last[1:-1], ",") if enclosed(last) else []
        if len(names) == len(values) and all(names):
            parts = [read_value(value) for value in values]
            if all(parts):
                return [Many("bare", tuple(Named(name[0], part[0]) for name, part in zip(names, parts, strict=True) if name))]
        if all(names):
            return list(read_value(last))
    nodes = [expression(piece) for piece in pieces]
    if _SUM.match(first) and nodes[-1] is not None and not symbols(nodes[-1]):  # a + b = 9 answers "what is a + b?"
        found += read_value(last)
    if nodes[0] is not None and nodes[-1] is not None:
        difference = minus(nodes[0], nodes[-1])
        if symbols(difference) and len(pieces) == 2:
            found.append(Equation(difference))
    if not found or (len(pieces) > 2 and named is None):
        value = nodes[-1]
        if value is not None and not symbols(value):
            found += read_value(last)
        elif value is None and nodes[0] is not None and not symbols(nodes[0]):  # 70 - 20 = 50 minutes
            found += [one for one in read_value(last) if isinstance(one, Value) and one.unit and not symbols(one.node)]
    return found
