"""Published outputs beside their gold answers: which rows are samples of which problem, by index or by text."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from o1exp.published import released
from o1exp.records.fields import PROBLEM, Values, as_text, field, first_field, user_text

Join = Literal["idx", "problem"]
_MARKS = re.compile(r"(?<!\\)\\[()\[\]]|\\?\$|\s+")
INDEX = ("idx", "id", "index", "unique_id", "problem_id")


@dataclass(frozen=True)
class Side:
    """One file: its rows, and the field that holds the problem's text ("" if none)."""

    path: Path
    rows: list[Values]
    problem: str

    @classmethod
    def read(cls, path: Path, problem: str = "") -> "Side":
        rows = released.read(path)
        if problem:
            released.require(rows, problem, "the problem field", path)
        return cls(path, rows, problem or first_field(rows[0], PROBLEM))

    def text(self, place: int) -> str:
        """The problem of a row, plain. Errors: ValueError naming the row whose field is no text."""
        try:
            return plain(user_text(field(self.rows[place], self.problem))) if self.problem else ""
        except ValueError as wrong:
            raise ValueError(f"row {place + 1} of {self.path}: {self.problem} {wrong}; name the field with the problem's text") from None

    def keys(self, name: str) -> list[str] | None:
        """The values of an index; None where a row has none, or no text or number."""
        try:
            return [as_text(row[name]) for row in self.rows]
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True)
class Joined:
    """For each output row the row of its gold answer and the name of its problem; None: it has none. `notes` are for the reader."""

    gold: list[int | None]
    names: list[str]
    notes: list[str]


def plain(text: str) -> str:
    """A problem's text without what differs between copies of it: spaces, Unicode forms, marks of mathematics (`$`, `\\(`, `\\[`)."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", text))


class Texts:
    """Places of problems by text; letter case counts only where two problems differ in nothing else (a and A are two numbers)."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._exact: dict[str, int] = {}
        for place, text in enumerate(texts):
            self._exact.setdefault(text, place)
        self._exact.pop("", None)
        folds = Counter(text.casefold() for text in self._exact)
        self._folded = {text.casefold(): place for text, place in self._exact.items() if folds[text.casefold()] == 1}

    def find(self, text: str) -> int | None:
        """The problem of this text, else the longest that stands in it whole: a prompt may have words around the problem."""
        for known, asked in ((self._exact, text), (self._folded, text.casefold())):
            if asked in known:
                return known[asked]
        for known, asked in ((self._exact, text), (self._folded, text.casefold())):
            if inside := [name for name in known if name in asked]:
                return known[max(inside, key=len)]
        return None


def join(outputs: Side, gold: Side | None, by: Join | None) -> Joined:
    """Errors: ValueError where texts disagree or nothing matches."""
    if gold is None:
        return _alone(outputs, by)
    if (by or ("problem" if outputs.problem and gold.problem else "idx")) == "problem":
        return _by_problem(outputs, gold)
    return _by_index(outputs, gold)


def _alone(outputs: Side, by: Join | None) -> Joined:
    """Gold and output in one row: every row is a problem, or with "problem" rows of the same text are samples of one."""
    places: list[int | None] = list(range(len(outputs.rows)))
    texts = [outputs.text(place) for place in range(len(outputs.rows))]
    if by == "problem":
        if not outputs.problem:
            raise ValueError(f"--join problem: {outputs.path} has no field with the problem's text; name it with --problem-field")
        return Joined(places, texts, [])
    repeated = len(texts) - len(set(texts)) if outputs.problem else 0
    hint = f"{repeated} problem texts stand there again; --join problem takes their rows as samples of one problem"
    return Joined(places, [str(place) for place in range(len(texts))], [hint] if repeated else [])


def _by_problem(outputs: Side, gold: Side) -> Joined:
    for side, option in ((outputs, "--problem-field"), (gold, "--gold-problem-field")):
        if not side.problem:
            raise ValueError(f"--join problem: {side.path} has no field with the problem's text; name it with {option}")
    texts = [gold.text(place) for place in range(len(gold.rows))]
    found = list(map(Texts(texts).find, map(outputs.text, range(len(outputs.rows)))))
    missing = [place for place, row in enumerate(found) if row is None]
    if len(missing) == len(found):
        raise ValueError(
            f"not one problem of {outputs.path} ({outputs.problem}) stands in {gold.path} ({gold.problem}); are these the same benchmark?"
        )
    names = [outputs.text(place) if row is None else gold.text(row) for place, row in enumerate(found)]
    again = len(texts) - len(set(texts))
    notes = [f"{again} rows of {gold.path} repeat the problem of an earlier one, whose gold answer counts"] if again else []
    return Joined(found, names, [*notes, *_left_out(outputs, gold, found)])


def _by_index(outputs: Side, gold: Side) -> Joined:
    index = next((name for name in INDEX if _is_key(gold.keys(name)) and outputs.keys(name) is not None), "")
    if index:
        places = {key: place for place, key in enumerate(gold.keys(index) or [])}
        found = [places.get(key) for key in outputs.keys(index) or []]
    elif len(outputs.rows) == len(gold.rows):
        found = list(range(len(gold.rows)))
    else:
        raise ValueError(
            f"--join idx: {outputs.path} has {len(outputs.rows)} rows and {gold.path} {len(gold.rows)}, and no index in both; "
            "use --join problem"
        )
    checked = bool(outputs.problem and gold.problem)
    if checked:
        _refuse_other_texts(outputs, gold, found, index)
    if all(row is None for row in found):
        raise ValueError(f"--join idx: no {index} of {outputs.path} stands in {gold.path}; use --join problem")
    notes = (
        [] if checked else [f"joined by {index or 'position'} without a check: a file has no problem text; name it with --problem-field"]
    )
    return Joined(found, [str(row) for row in found], [*notes, *_left_out(outputs, gold, found)])


def _is_key(values: list[str] | None) -> bool:
    return values is not None and len(values) == len(set(values))


def _refuse_other_texts(outputs: Side, gold: Side, found: Sequence[int | None], index: str) -> None:
    same: Callable[[str, str], bool] = lambda one, other: one == other or Texts([other]).find(one) is not None  # noqa: E731
    wrong = [place for place, row in enumerate(found) if row is not None and not same(outputs.text(place), gold.text(row))]
    if wrong:
        place = wrong[0]
        row = found[place]
        assert row is not None
        texts = [user_text(field(side.rows[at], side.problem))[:60] for side, at in ((outputs, place), (gold, row))]
        raise ValueError(
            f"--join idx: {len(wrong)} of {len(found)} rows have another problem than the gold row of the same {index or 'position'}; "
            f"row {place + 1}: {texts[0]!r} against {texts[1]!r}. Use --join problem"
        )


def _left_out(outputs: Side, gold: Side, found: Sequence[int | None]) -> Iterator[str]:
    missing = [place + 1 for place, row in enumerate(found) if row is None]
    if missing:
        rows = ", ".join(map(str, missing[:5])) + (" ..." if len(missing) > 5 else "")
        yield f"left out: {len(missing)} of {len(found)} output rows have no gold answer in {gold.path} (rows {rows})"
    never = len(gold.rows) - len({row for row in found if row is not None})
    if never:
        yield f"{never} of {len(gold.rows)} gold problems have no output and do not count"
