r"""Expressions of answers, in LaTeX or plain notation, as trees: a recursive descent with a bounded depth.

Brackets, fractions, roots, powers, signs and functions stand at most 60 deep inside one another, and the tree has at most 200 layers (a
division or a "!" adds layers without any bracket). What is deeper is Unreadable, whoever calls and however deep the caller's stack is.
"""

from fractions import Fraction

from o1exp.answers.nodes import DEGREE, HUNDRED, IMAGINARY, INFINITY, MINUS_ONE, E, Node, add, height, mul, negative, num, over, sym
from o1exp.answers.tokens import FUNCTIONS, Token, Unreadable, tokens

_DEEPEST = 60
_HIGHEST = 200
_CLOSERS = {"(": ")", "[": "]", "{": "}", "\u230a": "\u230b", "\u2308": "\u2309"}
_ONE_ARGUMENT = {
    "tg": "tan", "ctg": "cot", "arctg": "arctan", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
    "lg": "lg", "ln": "ln", "log": "log",
    **{name: name for name in "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot exp cis Re Im arg sgn det".split()},
}  # fmt: skip
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot"}
# what a call is as an operation, and how many arguments it takes; the others take any number
_CALLED = {"comb": ("binom", 2), "mod": ("mod", 2), "cbrt": ("root", 1), "abs": ("abs", 1), "floor": ("floor", 1), "ceil": ("ceil", 1)}
_MANY_ARGUMENTS = {"gcd", "lcm", "max", "min", *_CALLED}
_FUNCTION_NAMES = frozenset("fghFGH")
_NO_SYMBOLS = frozenset("frac sqrt binom begin end sum prod int lim overline dot underbrace overbrace to pmod bmod".split())


def parse(text: str) -> Node:
    """The tree of a cleaned expression. Errors: Unreadable."""
    reader = _Reader(tokens(text))
    node = reader.sum()
    if reader.place < len(reader.tokens):
        raise Unreadable(text)
    if height(node) > _HIGHEST:
        raise Unreadable("too deep")
    return node


class _Reader:
    """One pass over the tokens; `place` is the next one."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens = found
        self.place = 0
        self.depth = 0
        self.bars = 0

    def peek(self) -> str:
        return self.tokens[self.place].text if self.place < len(self.tokens) else ""

    def take(self) -> Token:
        if self.place >= len(self.tokens):
            raise Unreadable("it ends too early")
        self.place += 1
        return self.tokens[self.place - 1]

    def expect(self, text: str) -> None:
        if self.take().text != text:
            raise Unreadable(f"no {text}")

    def deeper(self) -> None:
        """One level down. Whatever can lead back to itself counts its levels, a bracket's in `sum`; those that raise end the reading."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unreadable("too deep")

    def sum(self) -> Node:
        self.deeper()
        terms = []
        if self.peek() in ("\u00b1", "\u2213"):
            terms.append(self.signed())
        else:
            terms.append(self.product())
        while self.peek() in ("+", "-", "\u00b1", "\u2213"):
            if self.peek() in ("\u00b1", "\u2213"):
                terms.append(self.signed())
                continue
            sign = self.take().text
            term = self.product()
            terms.append(negative(term) if sign == "-" else term)
        self.depth -= 1
        return add(*terms)

    def signed(self) -> Node:
        self.deeper()
        node = Node("pm" if self.take().text == "\u00b1" else "mp", (self.product(),))
        self.depth -= 1
        return node

    def product(self) -> Node:
        factors = [self.unary()]
        while True:
            text = self.peek()
            if text == "*":
                self.take()
                factors.append(self.unary())
            elif text in ("/", ":"):
                self.take()
                bottom = self.unary()
                factors = [over(mul(*factors), bottom)]
            elif text and self.starts_factor():
                factors.append(self.power())
            elif text in ("bmod", "mod"):
                self.take()
                factors = [Node("mod", (mul(*factors), self.unary()))]
            else:
                return mul(*factors)

    def starts_factor(self) -> bool:
        token = self.tokens[self.place]
        if token.kind == "num":
            # "3 4" is no product; "2 3/4" is read as a mixed number before it comes here
            return self.place > 0 and self.tokens[self.place - 1].kind != "num"
        if token.kind == "name":
            return token.text not in ("bmod", "mod", "pmod", "end")
        return token.text in "([{\u230a\u2308\u221a\u2220" or (token.text == "|" and not self.bars)

    def unary(self) -> Node:
        if self.peek() in ("-", "+"):
            self.deeper()
            sign = self.take().text
            inner = self.unary()
            self.depth -= 1
            return negative(inner) if sign == "-" else inner
        if self.peek() in ("\u00b1", "\u2213"):
            return self.signed()
        return self.power()

    def power(self) -> Node:
        base = self.postfix(self.atom())
        if self.peek() == "^":
            self.take()
            if self.peek() in ("'", "*"):
                raise Unreadable("a mark, no power")
            exponent = self.group("{") if self.peek() == "{" else self.exponent()
            if exponent == MINUS_ONE and base.value in _FUNCTION_NAMES and self.peek() == "(":
                return sym(f"{base.value}^-1")  # the inverse function, no reciprocal
            base = self.postfix(Node("pow", (base, exponent)))
        return base

    def exponent(self) -> Node:
        self.deeper()
        node = self.unary()
        self.depth -= 1
        return node

    def postfix(self, node: Node) -> Node:
        while self.peek() in ("!", "%", "\u00b0"):
            mark = self.take().text
            if mark == "!" and self.peek() == "!":
                self.take()
                node = Node("fact2", (node,))
            elif mark == "!":
                node = Node("fact", (node,))
            elif mark == "%":
                node = over(node, HUNDRED)
            else:
                node = mul(node, DEGREE)
        return node

    def group(self, opener: str) -> Node:
        self.expect(opener)
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.expect(_CLOSERS[opener])
        self.bars = bars
        return node

    def atom(self) -> Node:
        token = self.take()
        text = token.text
        if token.kind == "num":
            return self.number(text)
        if token.kind == "name":
            return self.name(text)
        if text in "([{":
            self.place -= 1
            return self.group(text)
        if text in ("\u230a", "\u2308"):
            self.place -= 1
            return Node("floor" if text == "\u230a" else "ceil", (self.group(text),))
        if text == "|":
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            self.expect("|")
            return Node("abs", (node,))
        if text == "\u221a":
            return Node("pow", (self.argument(), num(Fraction(1, 2))))
        if text == "\u221e":
            return INFINITY
        if text == "\u2220":
            return self.angle()
        raise Unreadable(f"{text} has no place here")

    def angle(self) -> Node:
        name = ""
        while self.place < len(self.tokens) and self.tokens[self.place].kind == "name" and len(self.peek()) == 1:
            name += self.take().text
        if not name:
            raise Unreadable("an angle without a name")
        return sym("\u2220" + name)

    def number(self, text: str) -> Node:
        value = Fraction(text)
        if self.peek() == "\u201a":
            raise Unreadable("a comma in a number")
        if self.peek() in ("e", "E") and not self.tokens[self.place].spaced:
            power = self.scientific()
            if power is not None:
                return mul(num(value), Node("pow", (num(10), num(power))))
        if self.peek() == "frac" and "." not in text and (mixed := self.mixed()) is not None:
            return num(value + mixed)
        return num(value)

    def scientific(self) -> int | None:
        place, sign = self.place + 1, 1
        if place < len(self.tokens) and self.tokens[place].text in "+-":
            sign = -1 if self.tokens[place].text == "-" else 1
            place += 1
        token = self.tokens[place] if place < len(self.tokens) else None
        if token is not None and token.kind == "num" and not token.spaced and token.text.isdigit():
            self.place = place + 1
            return sign * int(token.text[:6])
        return None

    def mixed(self) -> Fraction | None:
        r"""The proper fraction that follows a whole number, as in 3\frac{1}{4}; None where it is another factor."""
        parts = [token.text for token in self.tokens[self.place + 1 : self.place + 7]]
        braced = len(parts) == 6 and (parts[0], parts[2], parts[3], parts[5]) == ("{", "}", "{", "}")
        if braced and parts[1].isdigit() and parts[4].isdigit():
            top, bottom = int(parts[1]), int(parts[4])
            if 0 < top < bottom:
                self.place += 7
                return Fraction(top, bottom)
        return None

    def name(self, text: str) -> Node:
        if text == "frac":
            top = self.argument()
            return over(top, self.argument())
        if text == "sqrt":
            return self.root()
        if text in ("binom", "comb"):
            return self.binomial()
        if text in _ONE_ARGUMENT:
            return self.function(_ONE_ARGUMENT[text])
        if text in _MANY_ARGUMENTS:
            return self.call(text)
        if text == "e":
            return E
        if text == "i":
            return IMAGINARY
        if text == "\u221e":
            return INFINITY
        if text == "C" and self.peek() in ("_", "^"):
            return self.choose()
        if text == "C" and self.peek() == "(" and self.tokens[self.place + 2 : self.place + 3] and self.comma_in_call():
            return self.call("comb")
        if text in _NO_SYMBOLS or text in FUNCTIONS or (len(text) > 1 and text.isascii()):
            raise Unreadable(f"{text} is not read")
        return sym(self.subscripted(text))

    def comma_in_call(self) -> bool:
        depth = 0
        for token in self.tokens[self.place : self.place + 40]:
            depth += (token.text in "([{") - (token.text in ")]}")
            if token.text == "," and depth == 1:
                return True
            if depth == 0:
                return False
        return False

    def subscripted(self, name: str) -> str:
        while self.peek() in ("_", "'"):
            if self.take().text == "'":
                name += "'"
                continue
            name += "_" + self.raw_group()
        return name

    def raw_group(self) -> str:
        if self.peek() != "{":
            return self.take().text
        self.take()
        text, depth = "", 1
        while True:
            token = self.take()
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0:
                return text
            text += token.text

    def argument(self) -> Node:
        if self.peek() == "{":
            return self.group("{")
        self.deeper()
        node = self.atom()
        self.depth -= 1
        return node

    def root(self) -> Node:
        degree = num(2)
        if self.peek() == "[":
            degree = self.group("[")
        inner = self.argument()
        return Node("root", (inner, degree)) if degree != num(2) else Node("pow", (inner, num(Fraction(1, 2))))

    def binomial(self) -> Node:
        if self.peek() == "(":
            return self.call("comb")
        top = self.argument()
        return Node("binom", (top, self.argument()))

    def choose(self) -> Node:
        """C_n^k or C^k_n."""
        parts: dict[str, Node] = {}
        while self.peek() in ("_", "^") and self.peek() not in parts:
            mark = self.take().text
            parts[mark] = self.argument()
        if set(parts) == {"_", "^"}:
            return Node("binom", (parts["_"], parts["^"]))
        if "_" in parts and parts["_"].op in ("num", "sym"):
            return sym(f"C_{parts['_'].value}")
        if "^" in parts:
            return Node("pow", (sym("C"), parts["^"]))
        raise Unreadable("C is not read")

    def function(self, name: str) -> Node:
        power: Node | None = None
        base: Node | None = None
        while self.peek() in ("^", "_"):
            if self.take().text == "^":
                power = self.argument() if self.peek() != "-" else self.unary()
            else:
                base = self.argument()
        inner = self.function_argument()
        if power == MINUS_ONE and name in _INVERSE:
            name, power = _INVERSE[name], None
        if name == "exp":
            node = Node("pow", (E, inner))
        elif name == "cis":
            node = Node("pow", (E, mul(IMAGINARY, inner)))
        elif base is not None:
            node = over(Node("ln", (inner,)), Node("ln", (base,)))
        else:
            node = Node(name, (inner,))
        return Node("pow", (node, power)) if power is not None else node

    def function_argument(self) -> Node:
        """What a function without brackets takes: the factors up to the next sign or function, as in sin 2x cos y."""
        if self.peek() in ("(", "[", "{", "|"):
            return self.postfix(self.atom())
        if self.peek() == "-":
            return self.unary()
        self.deeper()
        factors = [self.power()]
        while self.peek() and self.place < len(self.tokens):
            if self.peek() == "/" and self.place + 1 < len(self.tokens):
                self.take()
                factors = [over(mul(*factors), self.power())]
            elif self.starts_factor() and self.peek() not in _ONE_ARGUMENT and self.peek() not in ("(", "["):
                factors.append(self.power())
            else:
                break
        self.depth -= 1
        return mul(*factors)

    def call(self, name: str) -> Node:
        opener = self.peek()
        if opener not in ("(", "{"):
            raise Unreadable(f"{name} without arguments")
        self.take()
        arguments = [self.sum()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.sum())
        self.expect(_CLOSERS[opener])
        return _called(name, arguments)


def _called(name: str, arguments: list[Node]) -> Node:
    op, count = _CALLED.get(name, (name, len(arguments)))
    if len(arguments) != count:
        raise Unreadable(f"{name} takes {count}")
    return Node(op, (arguments[0], num(3)) if name == "cbrt" else tuple(arguments))
