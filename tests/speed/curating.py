"""How fast the rules of the filter are: synthetic problems in the proportions of NuminaMath, through the stage and row by row."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console as Terminal

from o1exp.curate.rules import Rules
from o1exp.flow import Console, Stage, Store, Work
from o1exp.records import Problem, Table
from tests.speed.measure import Measure

ROWS = 860_000
"""NuminaMath-CoT has so many."""
_NAMES = "Anna Boris Clara David Elena Felix Greta Hugo".split()
_STORIES = (
    "{name} has {a} apples and buys {b} bags with {c} apples each. She gives {a} of them to {other}. How many apples has she in the end?",
    "Let $ABC$ be a triangle with $AB={a}$, $BC={b}$ and $CA={c}$. The bisector of $\\angle A$ meets $BC$ at $D$. Find the length of $AD$.",
    "Find all positive integers $n$ not exceeding ${a}$ such that $n^2+{b}n+{c}$ is a perfect square, and compute their sum.",
    "Given that $x+\\frac{{1}}{{x}}={a}$, evaluate $x^{{{b}}}+x^{{-{b}}}$ modulo ${c}$. Here $x$ is a real number with $x>1$.",
    "A bag holds {a} red, {b} green and {c} blue balls. {name} draws three of them. What is the probability that all differ?",
    "The graph of $y={a}x^2+{b}x+{c}$ is shifted to the right by {b} units and then drawn again. Where does the new one meet the $x$-axis?",
)
_PROOFS = (
    "Let $a, b, c$ be positive reals with $a+b+c={a}$. Prove that $ab+bc+ca\\le {b}$ and say when equality holds for {c}.",
    "Show that for every integer $n>{a}$ the number $n^{{{b}}}-n+{c}$ has a prime divisor greater than ${b}$.",
)
_PICTURES = (
    "In the figure below, $AB={a}$ and $BC={b}$. What is the area of the shaded region, in units of {c}?",
    "[asy] draw(({a},{b})--({c},0)); [/asy] Find the length.",
)
_OPTIONS = " $\\textbf{{(A)}}\\ {a}\\qquad\\textbf{{(B)}}\\ {b}\\qquad\\textbf{{(C)}}\\ {c}\\qquad\\textbf{{(D)}}\\ 1$"
_ANSWERS = (
    (40, "{a}"), (5, "{a}.{b}"), (8, "\\frac{{{a}}}{{{b}}}"), (5, "{a}\\sqrt{{{b}}}"), (2, "\\frac{{{a}\\pi}}{{{b}}}"), (3, "x={a}"),
    (3, "{a} \\text{{ cm}}"), (3, "({a}, {b})"), (3, "{a}, {b}"), (3, "{a}n+{b}"), (2, "f(x)=x+{c}"), (2, "\\text{{No}}"), (1, ""),
    (1, "proof"),
)  # fmt: skip
"""How often of 100, and what; 8 more are proofs with a formula as the answer, 16 have options."""


def problem(number: int, luck: random.Random) -> Problem:
    """The same for the same luck. Answers are of many distinct values, as real ones."""
    a, b, c = (luck.randint(2, 9999) for _ in range(3))
    words = {"a": a, "b": b, "c": c, "name": luck.choice(_NAMES), "other": luck.choice(_NAMES)}
    kind = luck.random()
    text, answer = luck.choice(_STORIES), luck.choices([shape for _, shape in _ANSWERS], [often for often, _ in _ANSWERS])[0]
    if kind < 0.08:
        text, answer = luck.choice(_PROOFS), "ab+bc+ca \\le {b}"
    elif kind < 0.1:
        text = luck.choice(_PICTURES)
    elif kind < 0.26:
        text, answer = text + _OPTIONS, luck.choice(("B", "\\textbf{{(C)}}\\ {c}"))
    answer = answer.format(**words)
    solution = f"We set up the equation for {a} and {b}, and divide by {c}. " * 8 + f"The final answer is \\boxed{{{answer}}}"
    return Problem(id=f"p{number}", question=text.format(**words), answer=answer, solution=solution, source="synthetic", row=number)


def problems(count: int) -> Iterator[Problem]:
    luck = random.Random(0)
    return (problem(number, luck) for number in range(count))


@dataclass(frozen=True, kw_only=True)
class Synthetic(Stage[Table[Problem]]):
    """The problems as a source."""

    count: int

    def make(self, work: Work) -> None:
        work.write(Problem, problems(self.count))


def curating(folder: Path, count: int = ROWS) -> Measure:
    """Problems per CPU second: the whole stage, reading and writing included, against every rule asked of every row."""
    store, source = Store(folder, Console(Terminal(quiet=True))), Synthetic(count=count)
    store.get(source)
    rules = Rules(problems=source)
    started = time.process_time()
    kept = len(store.get(rules))
    ours = count / (time.process_time() - started)
    some = list(islice(problems(count), 5000))
    started = time.process_time()
    asked = sum(not any(rule.ask(one, rules) for rule in rules.rows().values()) for one in some)
    theirs = len(some) / (time.process_time() - started)
    assert 0 < kept < count
    assert abs(asked / len(some) - kept / count) < 0.1
    return Measure("rules of the filter, problems of a set of 860,000", "each row by itself", "problems per CPU-s", ours, theirs)
