"""Nothing that a text makes us raise leaves grading: neither for what nests without end nor for numbers without end."""

import random
from collections.abc import Callable, Iterator

import pytest

from o1exp.answers import compare as comparing
from o1exp.answers import read as reading
from o1exp.answers.compare import canonical, classes, majority, number, same
from o1exp.answers.extract import extract, last_box
from o1exp.answers.grade import GoldPair, grade, grade_all, grade_answer
from o1exp.answers.normalise import normalise

NESTS = [
    ("(", ")"), ("[", "]"), ("{", "}"), (r"\{", r"\}"), (r"\left(", r"\right)"), ("|", "|"), (r"\lfloor ", r"\rfloor "),
    ("\u2308", "\u2309"), ("(1,", ")"), ("[1,", "]"), (r"\{1,", r"\}"), ("[[1,2],", "]"), (r"\{x|", r"\}"), ("\u2983x|", "\u2984"),
    ("\u27e6", "\u27e7"), ("(1,2)\u222a(", ")"), (r"\frac{", "}{2}"), (r"\frac{1}{1+", "}"), (r"\frac", ""), (r"\frac1", ""),
    (r"\frac{1}", ""), (r"\sqrt{", "}"), (r"\sqrt[3]{", "}"), (r"\sqrt[", "] 2"), (r"\sqrt", ""), ("\u221a", ""), ("\u221a(", ")"),
    ("2^{", "}"), ("2^", ""), ("2**", ""), ("2^-", ""), ("x^", ""), ("10^{", "}"), ("x_{", "}"), ("x_", ""), ("C_", ""), ("C_{", "}^{2}"),
    ("-", ""), ("-+", ""), ("-(", ")"), (r"\pm ", ""), (r"1\pm ", ""), ("\u2213(", ")"), (r"\text{", "}"), (r"\text{a ", "}"),
    (r"\mathrm{", "}"), (r"\boxed{", "}"), (r"\overline{", "}"), (r"\vec{", "}"), (r"\operatorname{", "}"), (r"\sin ", ""),
    (r"\sin(", ")"), (r"\sin^", ""), (r"\log_2 ", ""), (r"\log_{", "}2"), ("f(", ")"), ("gcd(", ",2)"), ("floor(", ")"), ("mod(", ",7)"),
    (r"\binom{", "}{2}"), (r"\binom", ""), ("{", r" \choose 2}"), ("{", r"\over 2}"), ("", "!"), ("", "!!"), ("", "%"), ("", "\u00b0"),
    ("", "/2"), ("", ":2"), ("", " mod 7"), ("", "^2"), ("", "'"), ("x=", ""), ("x=(", ")"), ("x<", ""), (r"x\in ", ""), ("x>1 or (", ")"),
    ("1 or ", ""), ("A) ", ""), ("a\u2248", ""), ("\u211d\u2216{", "}"), (r"\begin{pmatrix}", r"\end{pmatrix}"),
    (r"\begin{cases}", r"\end{cases}"), ("", "\u4ebf"), ("\u4e00\u4ebf", ""), ("hundred ", ""), ("\u767e\u5206\u4e4b", ""), ("0.(", ")"),
    ("1_{", "}"), (r"1 \pmod{", "}"), ("e^{i", "}"), ("i^", ""), (r"\angle ", ""),
]  # fmt: skip
NUMBERS = [
    "9" * 700, "9" * 1999, "9" * 5000, "10^{5000}", "2016^{2017}", "1e99999", "10^{10^{10}}", "(10^{9})!", r"10^{308}(1+i)",
    r"1.7*10^{308}i", "-1e308", "\u4e00" + "\u4ebf" * 800, "\u8d1f\u4e07" * 300, "hundred " * 240, "5/0 hours 3 minutes",
    "5/00 hours 3 minutes", r"\frac{1}{00} h 2 min", "1/0", "0^{-1}", "7 mod 0", r"\gcd(1/2,0)", "lcm(0,0)",
    "lcm(" + ",".join(f"{n}^{{9999}}" for n in range(100, 190)) + ")", r"\binom{9999999999}{4999}", r"\binom{2}{5000000}",
    "0.(" + "3" * 40 + ")", "0." + "12" * 900 + "...", "1_{0}", "1_{37}", "25:61", "5 \\pmod{0}", r"\log_1 2", r"\log 0", r"\arcsin 2",
    r"\tan(\pi/2)", "(-1)!", "\u00bd" * 1500,
]  # fmt: skip
GLYPHS = [
    "x_{\ud800}", "\ud800", "\udfff\ud800", "x\u0301", "\x00", "5\x00", "\u0663", "\u00b2", "x\u00b2", "\u2460", "\U0001d7d7", "\ud835",
    "\u202e5", "\ufeff5", "I\u0307", "\u017f", "\u212a",
]  # fmt: skip


def questions(gold: str, answer: str) -> dict[str, Callable[[], object]]:
    """Everything that other rooms ask this one, about two texts."""
    votes = [gold, answer, gold + "1", "7", answer]
    return {
        "grade": lambda: grade(gold, f"so the answer is {answer}"),
        "boxed": lambda: grade(gold, rf"\boxed{{{answer}}}"),
        "answer": lambda: grade_answer(gold, answer),
        "turned": lambda: grade_answer(answer, gold),
        "strict": lambda: grade_answer(gold, answer, "strict"),
        "all": lambda: grade_all([GoldPair(gold, answer, "answer"), GoldPair(answer, gold)]),
        "same": lambda: same(gold, answer),
        "classes": lambda: (classes(votes), classes(votes, "strict")),
        "majority": lambda: majority(votes),
        "number": lambda: (number(answer), canonical(answer), normalise(answer)),
        "extract": lambda: (extract(answer), last_box(answer)),
    }


def some(gold: str, answer: str, turn: int) -> list[Callable[[], object]]:
    """Every third of the questions, another third with each turn: they share all but their entrance, and there are many texts."""
    return list(questions(gold, answer).values())[turn % 3 :: 3]


def nested(nests: list[tuple[str, str]], depth: int, core: str = "1") -> str:
    rings = [nests[place % len(nests)] for place in range(depth)]
    return "".join(opener for opener, _ in rings) + core + "".join(closer for _, closer in reversed(rings))


@pytest.fixture
def no_net(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the nets under reading and matching would catch, in a list that must stay empty."""
    caught: list[str] = []

    def watched(inner: Callable[..., object]) -> Callable[..., object]:
        def ask(*asked: object) -> object:
            try:
                return inner(*asked)
            except Exception as error:
                caught.append(f"{type(error).__name__} on {asked}"[:300])
                raise

        return ask

    for module, name in ((reading, "readings"), (comparing, "match")):
        monkeypatch.setattr(module, name, watched(getattr(module, name)))
    yield
    assert caught == []


@pytest.mark.parametrize("depth", [12, 61, 190, 480])
def test_nothing_nested_raises(depth: int, no_net: None) -> None:
    for turn, ring in enumerate(NESTS, depth):
        text = nested([ring], depth)
        for ask in some("yes", text, turn):
            ask()
        assert grade_answer(text, text).correct is not False, ring
        assert grade_answer("yes", text).correct is False, ring


@pytest.mark.parametrize("text", [*NUMBERS, *GLYPHS])
def test_no_number_and_no_glyph_raises(text: str, no_net: None) -> None:
    for turn, other in enumerate(("7", "x_{\ud801}+1", r"10^{308}(1+2i)", text + "+1", text), len(text)):
        for ask in some(other, text, turn):
            ask()


@pytest.mark.slow
def test_nothing_nested_in_another_raises(no_net: None) -> None:
    luck = random.Random(0)
    for turn in range(600):
        rings, depth = luck.sample(NESTS, luck.choice([2, 2, 3])), luck.choice([5, 20, 30, 60, 100, 500])
        text = nested(rings, depth, luck.choice(["1", "x", "2", ""]))
        for ask in some(luck.choice(["yes", text + "+1"]), text, turn):
            ask()


def from_below(frames: int, ask: Callable[[], object]) -> object:
    return from_below(frames - 1, ask) if frames else ask()


def test_the_verdict_does_not_depend_on_how_deep_the_caller_stands() -> None:
    def asked(frames: int) -> list[object]:
        for cached in (comparing.matched, reading.read_clean):
            cached.cache_clear()
        texts = [nested([ring], depth) for ring in NESTS for depth in (59, 190)]
        return [from_below(frames, ask) for turn, text in enumerate(texts) for ask in some("yes", text, turn)]

    assert asked(0) == asked(300)


@pytest.mark.parametrize("depth", [400, 480])
@pytest.mark.parametrize(("opener", "closer"), [("2^", ""), ("\u221a", ""), ("-", ""), ("(", ")"), ("x!", "!"), ("1/", "2")])
def test_what_is_too_deep_to_read_equals_only_what_is_spelled_the_same(opener: str, closer: str, depth: int) -> None:
    deep = nested([(opener, closer)], depth)
    assert grade_answer(deep, deep).status == "equal"
    assert grade_answer(deep, f" ${deep}$ ").status == "equal"
    assert grade_answer(deep, nested([(opener, closer)], depth - 1)).status == "different"
    assert grade_answer("7", deep).status == "different"
    assert classes([deep, "7", f"${deep}$"]) == [0, 1, 0]


@pytest.mark.parametrize(("depth", "same_value"), [(59, True), (61, False)])
def test_sixty_levels_are_read(depth: int, same_value: bool) -> None:
    assert same(nested([("(", "+1)")], depth, "x"), f"x+{depth}") is same_value
    assert same(nested([(r"\frac{", "}{2}")], depth, "1"), f"2^{{-{depth}}}") is same_value


def test_a_list_in_lists_is_read_to_its_depth() -> None:
    lists = nested([("(1, ", ")")], 4, "2,3")
    assert same(lists, lists.replace(" ", ""))
    assert not same(lists, lists.replace("3", "4"))


def test_long_answers_of_a_vote_are_told_apart_by_their_spelling() -> None:
    long = "1,2;" * 100_000
    assert classes([long, long + "3", "7", long]) == [0, 1, 2, 0]
    assert majority([long, "7", f" {long}"]) == [long]


def test_the_majority_is_named_as_it_was_written_where_its_number_is_too_long() -> None:
    assert majority(["10^{5000}", "10^{5000}", "7"]) == ["10^{5000}"]
    assert majority(["2^{10}", "1024", "7"]) == ["1024"]


def test_there_is_a_net_under_reading_and_matching(monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*asked: object) -> bool:
        raise KeyError(asked)

    for module, name in ((reading, "readings"), (comparing, "match")):
        monkeypatch.setattr(module, name, fall)
        for cached in (comparing.matched, reading.read_clean):
            cached.cache_clear()
        assert [grade_answer("17+x", answer).status for answer in ("17+x", "$17+x$", "x+17")] == ["equal", "equal", "different"]
        assert classes(["17+x", "$17+x$", "x+17"]) == [0, 0, 1]
        monkeypatch.undo()
    for cached in (comparing.matched, reading.read_clean):
        cached.cache_clear()
