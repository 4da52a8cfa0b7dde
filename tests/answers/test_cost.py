"""The cost of grading grows no faster than the text, whatever is repeated in it.

Counted in CPU-seconds of this process, which a busy machine hardly changes. What stays under a floor is fast enough; above it, eight times
the text may cost at most 32 times as much (8 would be linear, 64 quadratic), each the best of three. The texts are as short as they may be
for what grows with the square of its text to stand above the floor: a quarter of a second for 5,000 letters. On a slower machine the floor
is higher: it is never below five times the one quadratic pattern that is known, about the 2,000 letters that it is asked about at most.
"""

import gc
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import o1exp.answers
from o1exp.answers import compare, fingerprint, read, values
from o1exp.answers.compare import classes
from o1exp.answers.extract import extract
from o1exp.answers.grade import grade, grade_answer
from tests.answers.pieces import BLANKS, BOXES, CUES, PIECES, mixtures, repeated

_FLOOR = 0.02
_MOST = 32
_PATTERN, _RESPONSE, _ANSWER, _LONG = 5_000, 10_000, 2_000, 200_000
_AS_WRITTEN = (
    "cues",
    "extract",
    "marked",
    "glyphs",
    "normalise",
    "prose",
    "thought",
)  # the other modules see answers whose blanks are single spaces
_ASKED_ABOUT = {"marked._MATH": 2_000}  # letters at most, where a pattern is not asked about more
_GENERAL = [
    *BLANKS[:4],
    *"a19.,:;()[]{}|-+=^_/*!'\\$<\u4e2d\u27e6\u27e7\u2208",
    "1.",
    "a,",
    "A, ",
    "a ",
    "1 ",
    "\\(",
    "((",
    "\u27e6a\u27e7",
]

Mixture = tuple[str, str, str]


def seconds(ask: Callable[[str], object], text: str) -> float:
    """CPU time of one question, with nothing remembered from those before.

    Without the garbage collector: its passes over all that the process holds cost as much as a question, in some of them.
    """
    for cached in (compare.matched, read.read_clean, values.rational, fingerprint.rough, fingerprint.fine, fingerprint.whole_only):
        cached.cache_clear()
    gc.disable()
    try:
        started = time.process_time()
        ask(text)
        return time.process_time() - started
    finally:
        gc.enable()


def grows_too_fast(ask: Callable[[str], object], mixture: Mixture, letters: int) -> bool:
    piece, before, behind = mixture
    large = repeated(piece, letters, before, behind)
    if seconds(ask, large) < _FLOOR:
        return False
    small = repeated(piece, letters // 8, before, behind)

    def allowed() -> float:
        known = seconds(_known, "\\(" * 1_000)
        return max(_FLOOR, 5 * known, _MOST * min(seconds(ask, small) for _ in range(3)))

    return all(seconds(ask, large) > allowed() for _ in range(3))


def _known(text: str) -> None:
    re.findall(r"\\\((.+?)\\\)", text, re.DOTALL)


def patterns() -> Iterator[tuple[str, "re.Pattern[str]", set[str]]]:
    """Every compiled pattern of the room, with the ways it is asked."""
    folder = Path(o1exp.answers.__path__[0])
    ways = r"\b(_?[A-Z_]+)\.(search|match|fullmatch|finditer|findall|subn?|split)\("
    asked = [pair for path in sorted(folder.glob("*.py")) for pair in re.findall(ways, path.read_text(encoding="utf-8"))]
    for found in pkgutil.iter_modules([str(folder)]):
        if found.name != "__main__":
            for name, value in vars(importlib.import_module(f"o1exp.answers.{found.name}")).items():
                if isinstance(value, re.Pattern):
                    yield f"{found.name}.{name}", value, {way for other, way in asked if other == name}


def asking(name: str, pattern: "re.Pattern[str]", ways: set[str]) -> Callable[[str], object]:
    """A question to a pattern, asked in all ways in which the code asks it."""

    def ask(text: str) -> None:
        text = text if name.startswith(_AS_WRITTEN) else " ".join(text.split())
        if ways - {"match", "fullmatch", "search"}:
            pattern.findall(text)
        for once in ways & {"match", "fullmatch", "search"}:
            getattr(pattern, once)(text)

    return ask


def own_words(pattern: "re.Pattern[str]") -> list[str]:
    """The words and signs that a pattern is made of."""
    source = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), pattern.pattern)
    return sorted(set(re.findall(r"[A-Za-z]{2,}|[^\x00-\x7f]", source)))


PATTERNS = list(patterns())


def test_every_pattern_of_the_room_is_asked_in_a_known_way() -> None:
    assert len(PATTERNS) > 90
    assert [name for name, _, ways in PATTERNS if not ways] == []


def test_no_pattern_grows_faster_than_its_text() -> None:
    slow = [
        (name, piece)
        for name, pattern, ways in PATTERNS
        for piece in dict.fromkeys([*_GENERAL, *own_words(pattern)])
        if grows_too_fast(asking(name, pattern, ways), (piece, "", "~"), _ASKED_ABOUT.get(name, _PATTERN))
    ]
    assert slow == []


MODULES = sorted({name.partition(".")[0] for name, _, _ in PATTERNS})


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_no_pattern_grows_faster_than_a_mixture(module: str) -> None:
    slow = [
        (name, mixture)
        for name, pattern, ways in PATTERNS
        if name.startswith(f"{module}.")
        for mixture in mixtures(150, own_words(pattern) * 8, len(name))
        if grows_too_fast(asking(name, pattern, ways), mixture, _ASKED_ABOUT.get(name, _PATTERN))
    ]
    assert slow == []


QUESTIONS: dict[str, tuple[int, Callable[[str], object]]] = {
    "response": (_RESPONSE, lambda text: grade("7", text)),
    "answer": (_ANSWER, lambda text: grade_answer("x^2", text)),
    "other answer": (_ANSWER, lambda text: grade_answer(text, "-" + text[:-1])),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_grading_grows_no_faster_than_the_text(question: str) -> None:
    letters, ask = QUESTIONS[question]
    assert [piece for piece in PIECES if grows_too_fast(ask, (piece, "", ""), letters)] == []


@pytest.mark.parametrize("before", ["answer is ", "x", "A:"])
def test_blanks_between_two_words_cost_little(before: str) -> None:
    _, ask = QUESTIONS["response"]
    assert [blank for blank in BLANKS if grows_too_fast(ask, (blank, before, "x"), _RESPONSE)] == []


@pytest.mark.slow
def test_a_long_text_costs_eight_times_an_eighth() -> None:
    def ask(text: str) -> None:
        extract(text)
        grade_answer(text, text[1:])
        classes([text, text + "1", "7"])

    assert [piece for piece in [*BLANKS[:6], *BOXES, *CUES, "1", ";", "<", "\u4ebf"] if grows_too_fast(ask, (piece, "", ""), _LONG)] == []


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
def test_grading_grows_no_faster_than_a_mixture(question: str) -> None:
    letters, ask = QUESTIONS[question]
    assert [mixture for mixture in mixtures(400, [], 0) if grows_too_fast(ask, mixture, letters)] == []


def test_marks_before_the_last_word_cost_little() -> None:
    _, ask = QUESTIONS["response"]
    assert [mark for mark in ("!", "!!", "! ", "?!", "\uff01", ".", "**") if grows_too_fast(ask, (mark, "", "a"), _RESPONSE)] == []
    assert seconds(ask, repeated("!!", _RESPONSE, "", "a")) < 1  # it took minutes, however little it grew
