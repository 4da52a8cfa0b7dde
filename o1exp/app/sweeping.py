"""A sweep from its axes to its page: checked, numbered, planned as one, launched, compared."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from o1exp.app import sweep as end
from o1exp.app.axes import Axes, Value
from o1exp.app.beside import book, stores
from o1exp.app.beside import launcher as launcher_lacks
from o1exp.app.cell import shared
from o1exp.app.cells import Ended, Refused, cells, checked
from o1exp.app.identity import folder_of, launchable, settle, what
from o1exp.app.order import in_order
from o1exp.app.show import explain, store_of
from o1exp.app.status import show_status
from o1exp.app.whole import Remembering, Whole
from o1exp.app.whole_page import counts, show_whole
from o1exp.bench.result import SCORES
from o1exp.config.compose import Study
from o1exp.config.graph import Graph
from o1exp.flow import forks
from o1exp.flow.disk import writing
from o1exp.flow.errors import RunError, Stopped
from o1exp.flow.process import child_environment
from o1exp.flow.store import Store
from o1exp.history.cells import OUTCOME, CellOutcome, outcome
from o1exp.history.numbers import numbered
from o1exp.secrets import unchanging
from o1exp.track.study import open_study

ON_FAILURE = ("go_on", "stop")


def sweep(config: DictConfig, launcher: Launcher) -> Sequence[Any]:
    """Do what is asked of all cells.

    Errors: Refused with every mistake of every cell, before anything is made; Ended; Stopped.
    """
    try:
        return _swept(config, launcher)
    except Stopped:
        raise
    except (RunError, ValueError) as wrong:  # Hydra's caller takes a ValueError for one of composing
        raise Ended(str(wrong), wrong.code if isinstance(wrong, RunError) else 1) from wrong


def _swept(config: DictConfig, launcher: Launcher) -> Sequence[Any]:
    asked = cells(config)
    if config.hydra.sweeper.on_failure not in ON_FAILURE:
        raise Refused([f"hydra.sweeper.on_failure={config.hydra.sweeper.on_failure}: choose {' or '.join(ON_FAILURE)}"])
    if config.action in SHOWN:
        checked(config, asked, SHOWN[config.action])
        return []
    first, whole = planned(config, asked)
    if config.action == "plan":
        show_whole(first, whole)
    else:
        with writing(whole.store.root):
            _run(config, launcher, first, whole)
    return []


def planned(config: DictConfig, asked: Sequence[Value]) -> tuple[Study, Whole]:
    """All cells composed and planned, with a bar while that takes."""
    graph = Graph(config)
    store = Store(Path(config.outputs), remake=config.stale == "remake", storage=graph.node("store"))
    if absent := stores(store):
        raise Refused([*absent, *(book(graph.node("ledger"), store.root) if config.action == "run" else ())])
    whole = Whole(Remembering(store), Axes.of(config))
    with unchanging(), store.console.live(), store.console.bar("cells planned", len(asked)) as bar:

        def seen(overrides: Value, study: Study) -> None:
            whole.add(overrides, study)
            bar.advance()

        return checked(config, asked, seen), whole


def _explained(overrides: Value, study: Study) -> None:
    _headed(overrides, study)
    explain(study)


def _stands(overrides: Value, study: Study) -> None:
    _headed(overrides, study)
    show_status(study)


def _headed(overrides: Value, study: Study) -> None:
    store_of(study).console.terminal.print(" ".join(overrides) or "run", markup=False, highlight=False, style="bold", soft_wrap=True)


SHOWN = {"why": _explained, "status": _stands}
"""What is shown cell by cell."""


def _run(config: DictConfig, launcher: Launcher, first: Study, whole: Whole) -> None:
    if wrong := [*whole.obstacles, *unready(config, whole.store, first)]:
        raise Refused(wrong)
    folder = folder_of(config, whole.axes)
    fixed = set(whole.axes.fixed) - set(what(whole.axes.fixed))  # how to run is no part of a cell
    numbers = numbered(folder, [tuple(word for word in cell if word not in fixed) for cell in whole.cells])
    cells_by_number = dict(zip(numbers, whole.cells, strict=True))
    chosen = _only(config, cells_by_number)
    for name, text in counts(whole):
        whole.store.console.line(f"{name:<8}{text}")
    parent = opened(config, first, folder)
    first_to_last = {cell: place for place, cell in enumerate(in_order(whole.cells, whole.steps))}
    ordered = sorted(chosen.items(), key=lambda one: first_to_last[one[1]])
    to_do = {number: cell for number, cell in ordered if not _done(whole, cell, outcome(folder / "cells" / str(number)), parent)}
    if to_do:
        settle(config, folder)
        warm = forks.warm(whole.preloads(), child_environment(1))
        uses = whole.store.using_paths(f"{step.kind}/{key}" for key, step in whole.steps.items())  # by cells that have not begun
        with uses, shared(folder, parent, str(config.hydra.sweeper.on_failure)), warm:
            launched(launcher, to_do, folder)
    end.ended(config, first, folder, set(cells_by_number), changed=bool(to_do))


def unready(config: DictConfig, store: Store, study: Study) -> list[str]:
    """What is not there for a sweep, or does not answer; a cell would find it when the ones before it have cost something."""
    return [*launcher_lacks(str(config.hydra.launcher._target_)), *stores(store, writes=True), *book(study.ledger, store.root)]


def _only(config: DictConfig, known: dict[int, Value]) -> dict[int, Value]:
    only = [int(number) for number in config.hydra.sweeper.only]
    if absent := [number for number in only if number not in known]:
        raise Refused([f"hydra.sweeper.only={absent}: this sweep has no such cell; its cells are {', '.join(map(str, known))}"])
    return {number: known[number] for number in only} if only else known


def _done(whole: Whole, cell: Value, ended: CellOutcome | None, parent: str) -> bool:
    """Is there nothing left to do for the cell: made, with its page and in MLflow?"""
    if ended is None or ended.state != "FINISHED" or cell not in whole.finished or ended.parent != parent:
        return False
    key = whole.reports.get(cell, "")
    return ended.run.endswith(key[:8]) and (not key or (whole.store.root / "runs" / ended.run / "run.json").is_file())


def opened(config: DictConfig, first: Study, folder: Path) -> str:
    """The sweep's run in MLflow, made before anything is launched; found again where the sweep goes on. "" without MLflow."""
    whole_root = Path(config.outputs).resolve()
    whole_root.mkdir(parents=True, exist_ok=True)
    asked = dict.fromkeys(edge.partition(".")[2] for goal in first.goals.values() for edge in goal.inputs if edge.startswith(f"{SCORES}."))
    return open_study(first.track, whole_root, str(config.study), folder.name, asked).run_id if first.track.enabled else ""


def launched(launcher: Launcher, to_do: dict[int, Value], folder: Path, below: Path = Path()) -> None:
    """Launch the cells. Where a process of a pool is killed, launchers give up, and all that ran beside it is gone too.

    Each of those is launched once more, alone, so that the one that is killed again is known; then those that were not begun.
    """
    waiting = dict(to_do)
    while waiting:
        began = time.time()
        try:
            launcher.launch([launchable(number, cell, below) for number, cell in waiting.items()], initial_job_idx=0)
            return
        except Exception:
            found = {number: _since(folder / below / "cells" / str(number), began) for number in waiting}
            if not any(found.values()):
                raise
            for number, state in found.items():
                if state == "KILLED":
                    with suppress(Exception):  # its own cell.json says so
                        launcher.launch([launchable(number, waiting[number], below)], initial_job_idx=0)
            waiting = {number: cell for number, cell in waiting.items() if not found[number]}


def _since(folder: Path, began: float) -> str:
    """How the cell stands if it was begun since then, else ""."""
    place = folder / OUTCOME
    known = outcome(folder) if place.is_file() and place.stat().st_mtime >= began - 1 else None
    return known.state if known else ""
