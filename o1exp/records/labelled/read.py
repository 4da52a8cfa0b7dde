"""Which form a file has, and its rows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from o1exp.records.fields import Values
from o1exp.records.labelled import aloud, aps, chains, prm800k
from o1exp.records.labelled.steps import Labelled
from o1exp.records.rows import json_rows, text_of

FORMS: dict[str, tuple[Callable[[Values], bool], Callable[[Values, int], Labelled]]] = {
    "prm800k": (prm800k.is_prm800k, prm800k.read),
    "math_aps": (aps.is_aps, aps.read),
    "mr_gsm8k": (chains.is_mr_gsm8k, chains.read_mr_gsm8k),
    "process_bench": (chains.is_process_bench, chains.read_process_bench),
    "math_shepherd": (chains.is_shepherd, chains.read_shepherd),
    "think_aloud": (aloud.is_aloud, aloud.read),
}
"""The forms that are known: how a row is recognised, and how it is read."""
TEXTS = (".txt", ".md")
"""Endings of think-aloud files that are plain text."""


def labelled(path: Path) -> Iterator[Labelled]:
    """Every row of a file, each of its own form; one that is of none, or cannot be read, has no steps and says why.

    Errors: ValueError for a file that is neither JSON, JSONL nor a text of thoughts.
    """
    if is_thoughts(path):
        for line, fields in aloud.rows_of(text_of(path)):
            yield _checked(aloud.read(fields, line)) if "problem" in fields else _without_problem(line)
        return
    for row in json_rows(path):
        yield Labelled(place=row.place, missing=(row.reason,)) if row.reason else _checked(_row(row.values, row.place))


def is_thoughts(path: Path) -> bool:
    """A text file of thoughts, by its ending, and no JSON under it."""
    if path.suffix.lower() not in TEXTS or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"[")


def _without_problem(line: int) -> Labelled:
    return Labelled(place=line, form="think_aloud", missing=("has no line 'problem: ...' at its beginning",))


def _row(values: Values, place: int) -> Labelled:
    for name, (fits, read) in FORMS.items():
        if fits(values):
            try:
                return read(values, place)
            except (ValueError, TypeError, KeyError, AttributeError) as wrong:
                return Labelled(place=place, form=name, missing=(f"looks like {name} and cannot be read: {wrong}",))
    known = ", ".join(FORMS)
    return Labelled(place=place, missing=(f"has the fields {', '.join(map(str, values)) or '(none)'}, which is none of the forms {known}",))


def _checked(row: Labelled) -> Labelled:
    """With what every form may lack. A row without a question is of no use: its steps are left out."""
    missing = list(row.missing)
    if row.form and not row.question:
        return replace(row, steps=(), missing=(*missing, "has no question"))
    if row.steps and not row.answer and row.form not in ("math_shepherd", "process_bench"):
        missing.append("has no gold answer")
    return replace(row, missing=tuple(missing))
