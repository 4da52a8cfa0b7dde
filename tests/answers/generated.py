"""Answers of all kinds, made by a seeded generator, and the ways in which a response may say them last."""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Said(NamedTuple):
    """A response, the answer that it says last as final, and another answer that it also mentions."""

    text: str
    answer: str
    other: str


class Answer(NamedTuple):
    """One answer in LaTeX and as it stands in plain prose; `prose` says whether a text can end with it unannounced."""

    latex: str
    plain: str
    prose: bool = True


def _number(luck: random.Random) -> int:
    return luck.choice([1, -1]) * luck.randint(2, 9999)


def _fraction(luck: random.Random) -> Answer:
    top, bottom = luck.choice([1, 5, 7, 11, 13]), luck.choice([2, 3, 4, 6, 9])
    sign = luck.choice(["", "-"])
    return Answer(rf"{sign}\frac{{{top}}}{{{bottom}}}", luck.choice([f"{sign}{top}/{bottom}", f"{sign}{top} / {bottom}"]))


def _surd(luck: random.Random) -> Answer:
    factor, inside = luck.randint(2, 19), luck.choice([2, 3, 5, 6, 7, 10, 11])
    forms = [f"{factor}\u221a{inside}", f"{factor}*sqrt({inside})", f"{factor}sqrt({inside})"]
    return Answer(rf"{factor}\sqrt{{{inside}}}", luck.choice(forms))


def _interval(luck: random.Random) -> Answer:
    low = luck.randint(-20, 20)
    opener, closer = luck.choice("(["), luck.choice(")]")
    return Answer(f"{opener}{low},{low + luck.randint(1, 30)}{closer}", "", False)


def _equation(luck: random.Random) -> Answer:
    slope, shift = luck.randint(2, 9), luck.randint(1, 30)
    return Answer(f"y={slope}x+{shift}", luck.choice([f"y = {slope}x + {shift}", f"y={slope}x+{shift}"]))


def _clock(luck: random.Random) -> Answer:
    time = f"{luck.randint(1, 12)}:{luck.randint(0, 59):02d}"
    return Answer(time, time)


def _plain(form: str) -> Answer:
    return Answer(form, form)


_WORDS = ["Monday", "Tuesday", "Evelyn", "north", "triangle", "odd", "even"]
KINDS: dict[str, Callable[[random.Random], Answer]] = {
    "integer": lambda luck: Answer(str(n := _number(luck)), luck.choice([str(n), f"{n:,}", str(n).replace("-", "\u2212")])),
    "decimal": lambda luck: _plain(f"{luck.choice(['', '-'])}{luck.randint(0, 99)}.{luck.randint(1, 99):02d}"),
    "fraction": _fraction,
    "surd": _surd,
    "pi": lambda luck: Answer(rf"{(n := luck.randint(2, 90))}\pi", f"{n}\u03c0"),
    "power": lambda luck: Answer(f"{(b := luck.randint(2, 12))}^{{{(e := luck.randint(11, 40))}}}", f"{b}^{e}"),
    "percent": lambda luck: Answer(rf"{(n := luck.randint(1, 99))}\%", f"{n}%"),
    "ratio": lambda luck: _plain(f"{luck.choice([2, 3, 5])}:{luck.choice([7, 11, 13])}"),
    "point": lambda luck: Answer(f"({(a := _number(luck))},{(b := _number(luck))})", f"({a}, {b})"),
    "complex": lambda luck: Answer(f"{(a := luck.randint(1, 30))}+{(b := luck.randint(2, 30))}i", f"{a} + {b}i"),
    "unit": lambda luck: Answer(rf"{(n := luck.randint(2, 99))}\text{{ {(u := luck.choice(['cm', 'hours', 'kg']))}}}", f"{n} {u}"),
    "equation": _equation,
    "polynomial": lambda luck: Answer(f"x^2+{(a := luck.randint(2, 30))}x-{(b := luck.randint(1, 30))}", f"x^2 + {a}x - {b}"),
    "clock": _clock,
    "interval": _interval,
    "set": lambda luck: Answer(rf"\{{{(a := luck.randint(1, 40))}, {a + luck.randint(1, 40)}\}}", "", False),
    "matrix": lambda luck: Answer(rf"\begin{{pmatrix}}{_number(luck)}\\{_number(luck)}\end{{pmatrix}}", "", False),
    "choice": lambda luck: Answer(letter := luck.choice("ABCDE"), letter, False),
    "yes": lambda luck: Answer(word := luck.choice(["Yes", "No"]), word, False),
    "word": lambda luck: Answer(rf"\text{{{(word := luck.choice(_WORDS))}}}", word, False),
}  # fmt: skip
_NAMED: list[Callable[[str, str], str]] = [
    lambda latex, plain: rf"Hence \boxed{{{latex}}}.",
    lambda latex, plain: rf"\[\boxed{{{latex}}}\]",
    lambda latex, plain: rf"The final answer is ${latex}$. I hope it is correct.",
    lambda latex, plain: rf"**Final Answer:** ${latex}$",
    lambda latex, plain: f"**Final Answer**\n\n${latex}$",
    lambda latex, plain: f"故答案为\uff1a${latex}$。",
    lambda latex, plain: rf"【答案】${latex}$",
    lambda latex, plain: f"<answer>{latex}</answer>",
    lambda latex, plain: f"综上\uff0c最终答案是 $\\boxed{{{latex}}}$。",
]


def _hashes(latex: str, plain: str) -> str:
    return f"#### {plain}"


_PLAINLY: list[Callable[[str, str], str]] = [
    lambda latex, plain: f"The answer is {plain}.",
    lambda latex, plain: f"Answer: {plain}",
    lambda latex, plain: f"**Answer: {plain}**",
    _hashes,
    lambda latex, plain: f"答案\uff1a{plain}。",
    lambda latex, plain: f"因此答案是{plain}\uff0c检验无误。",
    lambda latex, plain: f'{{"steps": 3, "answer": "{plain}"}}',
    lambda latex, plain: f"So my answer is {plain} \u2705",
    lambda latex, plain: f"The answer is {plain}, since all else fails.",
]
_ENDING: list[Callable[[str, str], str]] = [
    lambda latex, plain: f"So we end up with {plain}.",
    lambda latex, plain: f"which leaves us with {plain}",
    lambda latex, plain: f"所以最后得到{plain}。",
    lambda latex, plain: rf"Therefore we get ${latex}$.",
]
_THOUGHTS = [
    "{before}",
    "<think>\nPerhaps {wrong}? Let me see.\n</think>\n\n{before}",
    "[THINK]I guess {wrong}[/THINK]{before}",
    "<seed:think>{wrong}, no</seed:think>\n{before}",
    "\u25c1think\u25b7It may be {wrong}\u25c1/think\u25b7{before}",
    "<|channel|>analysis<|message|>{wrong}?<|end|><|start|>assistant<|channel|>final<|message|>{before}",
    "it could be {wrong}, I think\n</think>\n{before}",
    "<|begin_of_thought|>{wrong}<|end_of_thought|>\n<|begin_of_solution|>{before}",
]
_BEFORE = [
    "",
    "First we look at the terms one by one.\n",
    "#### Step 1\nA first guess is {wrong}, which is too simple.\n#### Step 2\nWe look again.\n",
    "One part of it is \\boxed{{{latex}}}, as above.\n\n",
    "At first sight the answer is {plain}. But that is wrong.\n\n",
    "先看第一步。\n",
]
_BEHIND = ["", "", "\n", "\n\nI hope this helps!", "\n\nLet me know if you want more detail."]


def said(count: int, ways: int, seed: int = 0) -> Iterator[Said]:
    """`count` answers of all kinds in turn, each said in so many ways; the same for one seed."""
    luck = random.Random(seed)
    kinds = list(KINDS.values())
    for place in range(count):
        make = kinds[place % len(kinds)]
        answer, other = make(luck), make(luck)
        while other == answer or other.latex == answer.latex:
            other = make(luck)
        endings = [*_NAMED, *(_PLAINLY if answer.plain else []), *(_ENDING if answer.prose else [])]
        for _ in range(ways):
            yield _said(answer, other, luck.choice(endings), luck)


def _said(answer: Answer, other: Answer, say: Callable[[str, str], str], luck: random.Random) -> Said:
    wrong, plain = rf"\boxed{{{other.latex}}}", other.plain or f"${other.latex}$"
    bare = say in _ENDING  # what is announced before stands above an end that is not
    before = luck.choice(_BEFORE[:2] if bare else _BEFORE).format(wrong=plain, latex=other.latex, plain=plain)
    behind = "" if bare or (say is _hashes and answer.latex.startswith("\\text")) else luck.choice(_BEHIND)
    text = luck.choice(_THOUGHTS).replace("{wrong}", wrong).replace("{before}", before) + say(answer.latex, answer.plain) + behind
    return Said(text, answer.latex, other.latex)
