"""Rules over one problem at a time, asked of a table row group by row group; what is known of a group outlives a kill."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.curate.criteria import Criteria
from o1exp.curate.rule import Framed, Problems, RowRule
from o1exp.flow import Stopped, Work
from o1exp.records import Problem

if TYPE_CHECKING:
    from polars import DataFrame

    from o1exp.curate.words import Places

_LONGEST = 200
_FOLDER = "asked"
"""The part of a stage's scratch folder with a file for each row group that was asked of."""
Dropped = Mapping[int, tuple[str, str]]
"""The first rule that drops a problem, and the words in one line, by its place in the table."""


@dataclass(frozen=True)
class Part:
    """What is known of the row group that begins at place `first`: how many problems each rule drops `alone`, and a file with the rest."""

    first: int
    height: int
    alone: Mapping[str, int]
    path: Path

    def drops(self) -> Dropped:
        return {place: (rule, words) for place, rule, words in json.loads(self.path.read_text(encoding="utf-8"))["drops"]}


def asked(table: Framed, total: int, rules: Mapping[str, RowRule], criteria: Criteria, work: Work) -> list[Part]:
    """Ask all rules of all problems, `total` of them; groups of which the answers lie in the scratch folder are not asked again.

    Errors: Stopped between two groups.
    """
    folder = work.scratch / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(("id", *(name for rule in rules.values() for name in rule.reads))))
    parts, first = list[Part](), 0
    with work.progress("problems asked", total) as bar:
        for frame in table.frames(columns):
            if work.stopping:
                raise Stopped
            path = folder / f"{first}-{frame.height}.json"
            if not path.is_file():
                _write(path, {name: _dropped(rule, criteria, frame, first) for name, rule in rules.items()})
            parts.append(Part(first, frame.height, json.loads(path.read_text(encoding="utf-8"))["alone"], path))
            first += frame.height
            bar.advance(frame.height)
    return parts


@dataclass(frozen=True)
class Shown:
    """A table for a rule over all of it: a bar runs with every pass through the problems, and a stop is heeded between two groups."""

    table: Problems
    rule: str
    total: int
    work: Work

    def frames(self, columns: Sequence[str] = ()) -> "Iterator[DataFrame]":
        with self.work.progress(f"problems read for {self.rule}", self.total) as bar:
            for frame in self.table.frames(columns):
                self._go_on()
                yield frame
                bar.advance(frame.height)

    def at(self, places: "Places", columns: Sequence[str] = ()) -> "DataFrame":
        self._go_on()
        return self.table.at(places, columns)

    def _go_on(self) -> None:
        if self.work.stopping:
            raise Stopped


def one_line(text: str) -> str:
    """The beginning of a text as a cell of a table. Of such a cell it is the cell itself."""
    return " ".join(text[:_LONGEST].split())


def _write(path: Path, found: Mapping[str, Mapping[int, str]]) -> None:
    """Whole or not at all."""
    drops: dict[int, tuple[str, str]] = {}
    for rule, words in found.items():
        for place, said in words.items():
            drops.setdefault(place, (rule, one_line(said)))
    content = {"alone": {rule: len(words) for rule, words in found.items()}, "drops": [(place, *drops[place]) for place in sorted(drops)]}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    os.replace(part, path)


def _dropped(rule: RowRule, criteria: Criteria, frame: "DataFrame", first: int) -> dict[int, str]:
    """The words that drop a problem of the group by its place in the table."""
    placed = frame.with_row_index("place", first)
    some = placed if rule.maybe is None else placed.filter(rule.maybe(criteria))
    known: dict[tuple[Any, ...], str] = {}
    found = {}
    for place, *values in some.select("place", *rule.reads).iter_rows():
        what = tuple(values)
        words = known.get(what)
        if words is None:
            words = known[what] = rule.ask(_problem(rule.reads, what), criteria)
        if words:
            found[place] = words
    return found


def _problem(columns: Sequence[str], values: Sequence[Any]) -> Problem:
    known: dict[str, Any] = {"id": "", "question": "", "answer": "", **dict(zip(columns, values, strict=True))}
    return Problem(**known)
