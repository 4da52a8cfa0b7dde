"""A multiple-choice problem as an open one: without its options, and with the value of the right one as the answer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from string import ascii_uppercase
from typing import TYPE_CHECKING

from o1exp.answers.kinds import Choice
from o1exp.answers.marked import last_box
from o1exp.answers.read import read
from o1exp.curate.marks import options_mark
from o1exp.curate.rule import Problems
from o1exp.records import Problem

if TYPE_CHECKING:
    from polars import DataFrame

    from o1exp.curate.words import Places

_NEEDED = ("question", "answer", "solution")
_BOLD = re.compile(
    r"\$?\s*\\(?:text|textbf|textrm|mathrm|mathbf)\s*\{\s*\(?\s*([A-J])\s*[).:]?\s*\}\s*[).:]?"
    r"|(?:(?<=\n)[-*]\s+)?\*\*\s*\(?([A-J])[).:]\s*\*\*"
)
_MARK = re.compile(r"(?<![\w\\])\(?\s*(?<![\w\\])([A-J])\s*[).:\uff0e\u3001\uff1a]")
_SPACE = r"(?:[\s~;,]|\\[ ,;:!]|\\q?quad(?![a-z])|\\\\"
_AROUND = re.compile(rf"^{_SPACE})+|{_SPACE}|\.(?=\s*$)|(?<=\s)[-*](?=\s*$))+$")
_LEANS = re.compile(
    r"\b(?:which|what|one|none|all|any|each|some) of (?:the |these |those )?"
    r"(?:following|above|below|these|options|choices|statements|answers)"
    r"|\bfollowing (?:statements?|options?|choices?|expressions?|numbers?|equations?|is|are)\b"
    r"|\b(?:which|what) (?:statement|option|choice)s?\b|下列|以下|哪",
    re.IGNORECASE,
)
"""A question that says nothing without its options."""
_NO_VALUE = re.compile(r"\b(?:none|all|both|neither|cannot be determined|not enough|of (?:the )?(?:above|these))\b|以上", re.IGNORECASE)
_ENDS = re.compile(r"[?.:\uff1f\u3002\uff1a)]\s*$|(?:is|equals?|are|=)\s*$|[$\])}]\s*$")


class Stripped:
    """The problems of a table, those of multiple choice as open ones where that can be; `changed` is how many once all were read."""

    def __init__(self, table: Problems) -> None:
        self._table = table
        self._changed: dict[int, int] = {}
        """By the place of the first problem of a frame: it may be read more than once."""

    @property
    def changed(self) -> int:
        return sum(self._changed.values())

    def frames(self, columns: Sequence[str] = ()) -> "Iterator[DataFrame]":
        first = 0
        for frame in self._table.frames(_with_needed(columns)):
            found, self._changed[first] = _opened(frame)
            first += frame.height
            yield found.select(columns) if columns else found

    def at(self, places: "Places", columns: Sequence[str] = ()) -> "DataFrame":
        found = _opened(self._table.at(places, _with_needed(columns)))[0]
        return found.select(columns) if columns else found


def _with_needed(columns: Sequence[str]) -> Sequence[str]:
    return tuple(dict.fromkeys((*columns, *_NEEDED))) if columns else ()


def _opened(frame: "DataFrame") -> "tuple[DataFrame, int]":
    """The problems, those that can be as open ones, and how many these are."""
    import polars

    listed = frame["question"].str.contains(r"(?s)A.*B.*C").to_list()
    new: dict[str, list[str]] = {name: frame[name].to_list() for name in _NEEDED}
    count = 0
    for place in (place for place, some in enumerate(listed) if some):
        question, answer, solution = (new[name][place] for name in _NEEDED)
        if found := stripped(Problem(id="", question=question, answer=answer, solution=solution)):
            new["question"][place], new["answer"][place], new["solution"][place] = found.question, found.answer, found.solution
            count += 1
    return frame.with_columns([polars.Series(name, values, dtype=polars.String) for name, values in new.items()]), count


def stripped(problem: Problem) -> Problem | None:
    """The open problem; None where the question leans on its options, lists none, or the right one has no value."""
    if not options_mark(problem.question):
        return None
    stem, options = _parted(_BOLD.sub(lambda mark: f" ({mark[1] or mark[2]}) ", problem.question))
    if not stem or _LEANS.search(stem) or not _ENDS.search(stem) or any(_NO_VALUE.search(text) for text in options.values()):
        return None
    letter = next(iter(read(problem.answer)), None)
    value = options.get(letter.letter, "") if isinstance(letter, Choice) else problem.answer
    if not value or "boxed" in value or _NO_VALUE.search(value):
        return None
    return replace(problem, question=stem, answer=value, solution=_solved(problem.solution, value))


def _parted(question: str) -> tuple[str, dict[str, str]]:
    """What stands before the options, and their texts by letter."""
    marks: list[re.Match[str]] = []
    for mark in _MARK.finditer(question):
        if mark[1] == ascii_uppercase[len(marks)]:
            marks.append(mark)
    ends = [mark.start() for mark in marks[1:]] + [len(question)]
    texts = {mark[1]: _bare(question[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)}
    stem = question[: marks[0].start()].rstrip() if marks else ""
    return (stem[:-1].rstrip() if stem.count("$") % 2 and stem.endswith("$") else stem), texts


def _bare(text: str) -> str:
    """An option without what sets it apart from the next one."""
    while (cut := _AROUND.sub("", text)) != text:
        text = cut
    if text.count("$") % 2:
        text = text.strip("$")
    return _AROUND.sub("", text[1:-1] if len(text) > 2 and text[0] == text[-1] == "$" and "$" not in text[1:-1] else text)


def _solved(solution: str, value: str) -> str:
    """The solution with the value in its last box, where the letter stood."""
    box = last_box(solution)
    if not box or not isinstance(next(iter(read(box)), None), Choice):
        return solution
    before, there, behind = solution.rpartition(box)
    return before + value + behind if there else solution
