"""The answer alone, where a data set gives it within a worked solution."""

import re
from typing import Any

from o1exp.answers.extract import extract
from o1exp.answers.normalise import restored
from o1exp.records.fields import answer_text

ANNOUNCED = ("boxed", "hashes", "cue")
"""How an answer is found where the text says that it is one; a number that only stands last is no gold answer."""
_FRAME = re.compile(r"\\f(?:rame)?box(?![A-Za-z])")
_MARKED = re.compile(r"\\f(?:rame)?box|\\boxed|####")
_SAID = re.compile(r"\banswers?\b[^.\n]{0,30}?(?:\bis\b|\bare\b|=|:)|答案|(?:^|[。\n])\s*答\s*[:：]|\bA:", re.IGNORECASE)  # noqa: RUF001
# numbers and lists as NumPy and PyTorch print them
_PRINTED = re.compile(
    r"(?:np|numpy)\.(?:u?int|float)\d*\(([^()]*)\)|(?:(?:np|numpy)\.)?array\((\[[^()]*\])(?:, dtype=\w+)?\)"
    r"|tensor\(([^()]*?)(?:, dtype=[\w.]+)?\)"
)
_ENVIRONMENT = re.compile(r"\\begin\{")
_STEPS = re.compile(r"(?<=[^.\s])[.。]\s+\S|\n")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_CHINESE = re.compile("[\u3400-\u9fff]")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_END = 400
_SHORT = 80


def written_answer(value: Any) -> str:
    """What an answer's field holds as text, with the backslashes that a JSON reader ate. Errors: as in `answer_text`."""
    return answer_text(_restored(value))


def _restored(value: Any) -> Any:
    """The answer with its eaten backslashes: a form feed at its beginning would be cut off as a space, and \\frac be "rac"."""
    if isinstance(value, str):
        return restored(value)
    return list(map(_restored, value)) if isinstance(value, list | tuple) else value


def gold_answer(text: str) -> str:
    """The answer of an answer column: what a worked solution announces as its answer, else the text as it is.

    Errors: ValueError for a worked solution in which no answer is announced.
    """
    text = restored(text).strip()
    if printed := _PRINTED.fullmatch(text):
        text = next(inner for inner in printed.groups() if inner is not None)
    if found := announced(text):
        return found
    if _is_worked(text):
        raise ValueError("holds a worked solution without a final answer (no box, no ####, no 'the answer is')")
    return text


def solved_answer(solution: str) -> str:
    """The answer that a solution announces, or that is all it says; "" where it says none."""
    return announced(solution) or (solution.strip() if _is_bare(solution.strip()) else "")


def announced(text: str) -> str:
    """What stands in the last box or the boxes joined to it, after ####, or behind "the answer is" near the end; "" for none of these."""
    text = restored(text)
    if not (_MARKED.search(text) or _SAID.search(text[-_END:])):
        return ""
    text = _FRAME.sub(r"\\boxed", text)
    found = extract(text)
    if found.method == "hashes" and "####" not in text.rstrip().rsplit("\n", 1)[-1]:  # a heading, or an answer that is said again
        found = extract(text.replace("####", ""))
    return found.text if found.method in ANNOUNCED else ""


def _is_bare(text: str) -> bool:
    """A value alone: one short line without words, or one single word."""
    short = len(text) <= _SHORT and "\n" not in text and not _CHINESE.search(text)
    return short and (not _words(text) or len(text.split()) == 1)


def _is_worked(text: str) -> bool:
    """Several sentences or lines of words with a calculation in them; a formula over several lines is an answer."""
    return bool(_MARKED.search(text)) or bool(
        _STEPS.search(text) and not _ENVIRONMENT.search(text) and re.search(r"\d", text) and "=" in text and _words(text) >= 3
    )


def _words(text: str) -> int:
    return len(_LETTERS.findall(_COMMAND.sub(" ", text)))
