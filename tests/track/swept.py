"""Sweeps of planted answers as the app leaves and logs them: real results, records, cells and pages, and nothing trained."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from o1exp.flow import Store
from o1exp.history.cells import CellOutcome, labels
from o1exp.history.numbers import numbered
from o1exp.history.runs import CONFIG, RunRecord, replace_text, run_folder, write
from o1exp.report.page import Report
from o1exp.track.study import log_run, log_sweep, open_study
from o1exp.track.tracking import Cell, Tracking
from tests.planted import BENCHMARK, held_out, planted_arm, results

CHOICES = {"source": "arithmetic", "thought": "distil", "sft@think": "small", "bench": "[arithmetic]", "machine": "cpu"}
Words = tuple[str, ...]


def record(root: Path, words: Words, skill: float, name: str, study: str = "planted") -> RunRecord:
    """A finished run of one arm whose answers have this skill."""
    goal = Report(arms={"run": planted_arm(skill, problems=held_out(count=40))}, title=study, command="o1exp " + " ".join(words))
    Store(root).make([goal])
    told = dict(word.split("=") for word in words)
    folder = run_folder(root.resolve(), name)
    replace_text(folder / CONFIG, f"study: {study}\nseed: {told.get('seed', 0)}\nthink: {{lr: 0.001, epochs: 3, start: '${{imitate}}'}}\n")
    made = RunRecord(
        folder=folder, root=root.resolve(), title=study, arms=results(goal.arms), report=f"Report/{goal.key}", overrides=words,
        choices=CHOICES | {name: value for name, value in told.items() if name in CHOICES}, command=goal.command,
    )  # fmt: skip
    write(made)
    return made


def sweep(root: Path, cells: Sequence[Words], name: str, tracking: Tracking | None = None, study: str = "planted") -> Path:
    """A sweep with a result for each of these cells, logged cell by cell; its folder."""
    track, folder = tracking or Tracking(), run_folder(root.resolve(), name)
    known = numbered(folder, cells)
    parent = open_study(track, root, study, name, [BENCHMARK]).run_id
    called = labels([CellOutcome(overrides=cell, number=number) for number, cell in known.items()])
    for number, cell in known.items():
        made = record(root, cell, 0.3 + 0.6 * ((number * 7) % 11) / 11, f"{name}-cell-{number}", study)
        log_run(track, made, Cell(name, str(number), parent, called[number]))
        CellOutcome(overrides=cell, run=made.name, parent=parent).write(folder / "cells" / str(number))
    (folder / "report.html").write_text("<p>all cells</p>")
    log_sweep(track, folder, study)
    return folder


def failed(folder: Path, number: int, why: str) -> CellOutcome:
    """A cell without a result."""
    cell = CellOutcome(overrides=(f"seed={number}",), state="FAILED", code=1, error=why)
    cell.write(folder / "cells" / str(number))
    return replace(cell, number=number)
