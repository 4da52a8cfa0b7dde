"""One cell of a sweep, in the process that a launcher gives it: its outcome goes to `cell.json`, and a failure stays its own."""

import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from rich.console import Console as Terminal

from o1exp.app.measured import metrics
from o1exp.app.prefixed import prefixed
from o1exp.app.prune import Watch
from o1exp.app.run import run
from o1exp.config.compose import Study
from o1exp.config.error import ConfigError
from o1exp.flow.errors import RunError, Stopped
from o1exp.flow.process import die_with
from o1exp.history import numbers
from o1exp.history.cells import CellOutcome, alone, labels, outcome
from o1exp.history.runs import read
from o1exp.secrets import masked
from o1exp.track.tracking import Cell

PARENT = "O1EXP_PARENT_RUN"
"""The environment variable with the sweep's run in MLflow."""
OWNER = "O1EXP_SWEEP_PROCESS"
"""The environment variable with the id of the process that the sweep runs in."""
PRUNE = "O1EXP_PRUNE"
"""The environment variable that is set where trials that fall behind are ended."""
BEGAN = "O1EXP_SWEEP_BEGAN"
"""The environment variable with the time when the sweep's process began."""
STOP = "O1EXP_STOP_AT_FAILURE"
"""The environment variable with a file: the cell that fails makes it, and none that starts behind it does anything."""


def run_cell(study: Study) -> tuple[tuple[str, float], ...]:
    """What the cell is measured by. It ends with the sweep, even by SIGKILL. What another process finished meanwhile is left as it is."""
    owner, folder = os.environ.get(OWNER, ""), Path(HydraConfig.get().runtime.output_dir)
    beside = owner != str(os.getpid())  # a process of the launcher's pool
    if beside and owner == str(os.getppid()):
        die_with(int(owner))
    stop = Path(os.environ[STOP]) if os.environ.get(STOP) else None
    with prefixed(f"[{folder.name}] ") if beside else nullcontext(), alone(folder):
        if stop is not None and stop.exists():
            return ()
        asked = CellOutcome(overrides=_overrides(study), number=int(folder.name), parent=os.environ.get(PARENT, ""), state="RUNNING")
        began, known = os.environ.get(BEGAN, ""), outcome(folder)
        if known and known.state == "FINISHED" and began and (folder / "cell.json").stat().st_mtime > float(began):
            return known.metrics  # by another process of the same sweep
        asked.write(folder)
        ended = _ended(asked, study, folder)
        ended.write(folder)
        if ended.state == "FAILED":  # told at once, and once more at the end of the sweep
            Terminal(stderr=True, soft_wrap=True).print(f"cell {folder.name} failed: {ended.error}", markup=False, style="red")
            if stop is not None:
                stop.touch()
        return ended.metrics


def _ended(asked: CellOutcome, study: Study, folder: Path) -> CellOutcome:
    watch = Watch(folder, study.wanted)
    try:
        made = run(study, _logged_as(asked, folder), watch.over if os.environ.get(PRUNE) else nullcontext)
        measured = metrics(read(made)) if study.report else {}
    except Stopped:
        if not watch.pruned:
            raise
        return replace(asked, state="PRUNED", error=watch.pruned)
    except (RunError, ConfigError) as ended:
        return replace(asked, state="FAILED", code=ended.code if isinstance(ended, RunError) else 2, error=masked(str(ended)))
    except Exception as problem:
        return replace(asked, state="FAILED", code=1, error=masked("".join(traceback.format_exception(problem))))
    run_name = made.name if study.report else ""  # another goal has no page to compare
    return replace(asked, state="FINISHED", run=run_name, metrics=tuple(measured.items()))


def _logged_as(asked: CellOutcome, folder: Path) -> Cell:
    """The cell's place in MLflow, with what tells it from those that the sweep has by now."""
    sweep = Path(str(HydraConfig.get().sweep.dir))
    known = [CellOutcome(overrides=cell, number=number) for number, cell in numbers.read(sweep).items()]
    mine = folder.parent == sweep / "cells"
    name = labels(known).get(asked.number, "") if mine else ""
    place = folder.name if mine else str(folder.relative_to(sweep))
    return Cell(sweep.name, place, asked.parent, name or " ".join(asked.overrides))


@contextmanager
def shared(stop: Path, parent: str, on_failure: str) -> Iterator[None]:
    """What the cells of this process's sweep read of it."""
    stop.unlink(missing_ok=True)
    words = {OWNER: str(os.getpid()), PARENT: parent, BEGAN: str(time.time()), STOP: str(stop) if on_failure == "stop" else "", PRUNE: ""}
    os.environ.update(words)
    try:
        yield
    finally:
        for name in words:
            os.environ.pop(name, None)


def _overrides(study: Study) -> tuple[str, ...]:
    return tuple(o for o in study.overrides if not o.startswith(("experiment=", "outputs=")))
