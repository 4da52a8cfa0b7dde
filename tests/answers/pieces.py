"""Pieces that answers and responses repeat without end: tokens of the grammar, cues, LaTeX that never closes, blanks of all kinds."""

import random

BLANKS = [
    " ", "\n", "\t", " \n", "\n\n", "\r\n", "\f", "\v", "\x00", "\x1c", "\x85", "\u00a0", "\u2009", "\u2028", "\u3000", "\u200b", "\ufeff",
]  # fmt: skip
LETTERS = [
    "a", "x", "Z", "e", "i", "AB", "A ", "so the ", "\u00e9", "\u0301", "\u4e2d", "\ud800", "\u2460", "\u00b2", "\u03b1", "ssss",
]  # fmt: skip
DIGITS = [
    "0", "9", "1 ", "1,", "1.", "1/", "1/2", "1:", "0.", ".5", "1,000", ",000", "1 000", "1{,}", "\u0663", "\u00bd", "1e", "0.(3)", ".(3",
    "12:30",
]  # fmt: skip
SIGNS = list(
    ".,;:!?'\"`*_-+=<>/\\|^~&@#%$(){}[]\u00b1\u2213\u2264\u2260\u00b7\u221a\u221e\u2220\u00b0\u2026\u2061\uff0c\u3001\u3002\uff1b\uff1a"
)
PAIRS = [
    "**", "__", "!!", "--", "+-", "-(", "1+(", "(1", "[1,", "{1,", "(1,2),", "[[1,2],", "|x|", "$$", "$1$ ", "f(", "x_", "x^", "2^", "x=",
    "x=1,",
]  # fmt: skip
INSIDE = [
    "\u27e6", "\u27e7", "\u27e6cm\u27e7", "\u27e6 and \u27e7", "\u2983", "\u2984", "\u2983x|", "\u230a", "\u2308", "\u23ce", "\u00a4",
]  # fmt: skip
LATEX = [
    r"\(", r"\)", r"\[", r"\]", r"\{", r"\}", r"\,", r"\!", r"\;", "\\ ", "\\\\", r"\&", r"\$", r"\%", r"\frac", r"\frac{", r"\frac12",
    r"\sqrt", r"\sqrt{", r"\sqrt[", r"\left(", r"\text{", r"\text{st}", r"\text{ and }", r"\mathrm{", r"\operatorname{", r"\overline{",
    r"\dot{", r"\vec{", r"\vec {", r"\mathbf{i}", r"\mathbb{", r"\hspace{", r"\color{", r"\begin{pmatrix}", r"\end{pmatrix}",
    r"\begin{cases}", r"\begin", r"\binom{", r"{1\over", r"\choose", r"\pm ", r"\sin ", r"\sin^", r"\log_", r"\exp x", r"\in ", r"\cup",
    r"\circ", r"^\circ", r"\pmod{", r"\to ", r"\approx", r"\%i", r"\nonsense", r"\x",
]  # fmt: skip
BOXES = [
    "\\boxed{", "\\boxed{1}", "\\boxed", "\\boxed ", "\\boxed 7", "\\fbox{", "#", "####", "#### ", "<answer>", "<think>", "</think>", "<",
    "</s>",
]  # fmt: skip
CUES = [
    "answer", "answers ", "answer:", "the answer is ", "answer is $", "final answer", "final answer is", "**Final Answer**\n",
    "answer to the ", "correct", "the correct option is ", "roots of ", "roots are ", "A:", "\nA:", "\n- ", "-\n", "---|", "because ",
    ", since", " where ", "(since ", "(approximately ", "\u7b54\u6848", "\u7b54\u6848\u662f", "\u6545", "\u6545\u9009", "\u6240\u4ee5",
    "\n\u7b54", "\u7b54\uff1a", "\u662f", "\uff08",
]  # fmt: skip
WORDS = [
    " and ", " or ", "\u548c", "\u6216", "\u4ee5\u53ca", "x=1 or ", "to", "mod", "(mod ", "base ", "1_{2}", "B) ", "(A)", "A,B,", "cm",
    "5 cm", "m/s", "1a", "hours ", "5 hours ", "dollars", "percent", "degrees", "about ", "twenty ", "hundred ", "million ", "no ",
    "for all ", "when ", "\u4e00", "\u5341", "\u4ebf", "\u8d1f", "\u5206\u4e4b", "\u767e\u5206\u4e4b", "\u4e2a", "\u222a", "(1,2)\u222a",
    "\u2216", "\u211d", "\u2208", "x\u2208", "x<", "1<x<", "\u2261", "\u2248", "\u2208\u211d^{^}", "x!+", "1/0,", r"\frac{1}{0},",
    r"\sin x+", "x^2+", "C_", "gcd(", "max(1,", "|x+", "\u2124^", "a, ", "x''",
]  # fmt: skip
PIECES = list(dict.fromkeys([*BLANKS, *LETTERS, *DIGITS, *SIGNS, *PAIRS, *INSIDE, *LATEX, *BOXES, *CUES, *WORDS]))


def repeated(piece: str, length: int, before: str = "", behind: str = "") -> str:
    """The piece over and over, between two others, in at most so many letters."""
    return before + piece * ((length - len(before) - len(behind)) // len(piece)) + behind


def mixtures(count: int, more: list[str], seed: int) -> list[tuple[str, str, str]]:
    """(piece, before, behind): pieces of one to three of ours and of `more`, with others before and behind; the same for one seed."""
    luck = random.Random(seed)
    pool, edges = [*PIECES, *more], ["", "", "", "1", "x", "(", "$", "}", "~", "answer is "]

    def edge() -> str:
        return luck.choice([*edges, luck.choice(pool)])

    return [("".join(luck.choices(pool, k=luck.choice([1, 2, 2, 3]))), edge(), edge()) for _ in range(count)]
