"""Which problems of the benchmarks stand in what was trained on, and the scores without them."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.history.arms import Arm, benchmarks
from o1exp.history.lineage import Artefact
from o1exp.records import Example, Problem, Table
from o1exp.report.searched import searched

if TYPE_CHECKING:
    import polars

    from o1exp.bench.outcome import QuestionScore
    from o1exp.curate.leaks import Pairing

TRAINED = "trained on"
AFFECTED = ("exact", "coverage", "fuzzy", "numbers")
"""Kinds of match that take a problem out of the second score; what is only similar stays in."""


@dataclass(frozen=True)
class Seen:
    """A benchmark's problem beside the text that it matches, of the data of these arms; `fate` says what became of the text."""

    arms: tuple[str, ...]
    fate: str
    pair: "Pairing"

    @property
    def question(self) -> str:
        """The benchmark's problem as scores name it."""
        return f"{self.pair.problem} {self.pair.digest}"

    def plain(self) -> dict[str, Any]:
        """As a line of a table."""
        pair = self.pair
        return {
            "arms": ", ".join(self.arms), "fate": self.fate, "kind": pair.kind, "coverage": pair.coverage, "likeness": pair.likeness,
            "benchmark": pair.benchmark, "problem": pair.problem, "posed": pair.posed, "id": pair.id, "question": pair.question,
        }  # fmt: skip


def seen(arms: Sequence[Arm]) -> list[Seen]:
    """Every pair: of what was trained on, by a look at it now, and of what a filter found before and dropped or only named."""
    found: dict[tuple[str, str, str, str], Seen] = {}
    known: dict[tuple[str, ...], list[Seen]] = {}
    for arm in arms:
        paths = tuple(training.tables[-1].path for training in arm.trainings if training.tables)
        posed = tuple(problems.path for problems in arm.posed.values())
        if (*paths, "", *posed) not in known:
            known[*paths, "", *posed] = _trained(arm)
        for one in [*known[*paths, "", *posed], *_filtered(arm)]:
            place = one.pair.benchmark, one.question, one.pair.id, one.pair.question
            before = found.get(place)
            found[place] = replace(before, arms=(*dict.fromkeys((*before.arms, arm.name)),)) if before else replace(one, arms=(arm.name,))
    return list(found.values())


def affected(pairs: Sequence[Seen], benchmark: str) -> set[str]:
    """The benchmark's problems that some arm was trained on, as scores name them."""
    return {
        one.question for one in pairs if one.fate == TRAINED and one.pair.benchmark == benchmark and one.pair.kind in AFFECTED
    }  # fmt: skip


def accuracy_without(questions: "Sequence[QuestionScore]", left_out: set[str]) -> float | None:
    """Accuracy over the other problems; None where none is left."""
    rates = [one.total / one.samples for one in questions if one.question not in left_out]
    return round(sum(rates) / len(rates), 6) if rates else None


def _trained(arm: Arm) -> list[Seen]:
    from o1exp.curate.criteria import Criteria

    tables = list({training.tables[-1].path: training.tables[-1] for training in arm.trainings if training.tables}.values())
    posed = [(name, arm.posed[name]) for name in benchmarks([arm]) if name in arm.posed]
    if not tables or not posed:
        return []
    found = searched(arm.lineage.root, tables, posed, Criteria(), lambda: _look(tables, posed))
    return [Seen((), TRAINED, pair) for pair in found]


def _look(tables: list[Artefact], posed: list[tuple[str, Artefact]]) -> "list[Pairing]":
    from o1exp.curate.contamination import contaminated
    from o1exp.curate.criteria import Criteria
    from o1exp.curate.leaks import Pairing

    asked = [(name, row) for name, problems in posed for row in problems.rows(Problem)]
    with tempfile.TemporaryDirectory() as folder:
        return [
            Pairing(
                row=0, id=one.id, question=one.question, benchmark=asked[one.problem][0], problem=asked[one.problem][1].id,
                digest=asked[one.problem][1].digest, posed=asked[one.problem][1].question, kind=one.kind, coverage=one.coverage,
                likeness=one.likeness, dropped=False,
            )
            for one in contaminated(_Prompts(tables), [row.question for _, row in asked], Criteria(), Path(folder))
        ]  # fmt: skip


class _Prompts:
    """The different prompts of some tables of examples as questions, each with the id of its problem; 8 bytes of each row are held."""

    def __init__(self, tables: Sequence[Artefact]) -> None:
        self._tables = tables

    def frames(self, columns: Sequence[str] = ()) -> "Iterator[polars.DataFrame]":
        import numpy as np
        import polars

        hashes = [frame.hash_rows(0).to_numpy() for frame in self._read()]
        first = np.unique(np.concatenate([np.zeros(0, np.uint64), *hashes]), return_index=True)[1]
        new = np.zeros(sum(map(len, hashes)), bool)
        new[first] = True
        place = 0
        for frame in self._read():
            some = frame[np.flatnonzero(new[place : place + frame.height])]
            place += frame.height
            yield some.select(polars.lit(0).alias("row"), polars.col("problem").alias("id"), polars.col("prompt").alias("question"))

    def _read(self) -> "Iterator[polars.DataFrame]":
        for table in self._tables:
            yield from Table.read(table.folder, Example).frames(("problem", "prompt"))


def _filtered(arm: Arm) -> list[Seen]:
    from o1exp.curate.leaks import pairings

    found = [pair for artefact in arm.making if "contaminated" in artefact.facts for pair in pairings(artefact.folder)]
    return [Seen((), "dropped" if pair.dropped else "kept by the filter, not trained on", pair) for pair in found]
