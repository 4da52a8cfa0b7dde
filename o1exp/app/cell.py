"""One cell of a sweep, in the process that a launcher gives it: its outcome goes to `cell.json`, and a failure stays its own."""

import json
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
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
from o1exp.history.runs import read, replace_text
from o1exp.secrets import masked
from o1exp.track.tracking import Cell

OWNER = "O1EXP_SWEEP_PROCESS"
"""The environment variable with the id of the process that the sweep runs in, for the processes of its pool on the same machine."""
STOPPED = "stopped"
"""The file that the first cell to fail makes in the sweep's folder, where that stops it."""
SWEEP = "sweep.json"
"""What the cells read of their sweep, in its folder: they may run on any machine that sees it."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The sweep's run in MLflow, when its process began (seconds since 1970), whether the first failure stops it, and whether its trials
    that fall behind are ended.
    """

    parent: str = ""
    began: float = 0.0
    stops: bool = False
    prunes: bool = False

    @classmethod
    def read(cls, folder: Path) -> "Sweep":
        """That of a sweep's folder; nothing where it says nothing."""
        try:
            return cls(**json.loads((folder / SWEEP).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()


def run_cell(study: Study) -> tuple[tuple[str, float], ...]:
    """What the cell is measured by. It ends with the sweep, even by SIGKILL. What another process finished meanwhile is left as it is."""
    owner, folder = os.environ.get(OWNER, ""), Path(HydraConfig.get().runtime.output_dir)
    beside = owner != str(os.getpid())  # a process of the launcher's pool
    if beside and owner == str(os.getppid()):
        die_with(int(owner))
    whole = Path(str(HydraConfig.get().sweep.dir))
    sweep, stop = Sweep.read(whole), whole / STOPPED
    with prefixed(f"[{folder.name}] ") if beside else nullcontext(), alone(folder):
        if sweep.stops and stop.exists():
            return ()
        asked = CellOutcome(overrides=_overrides(study), number=int(folder.name), parent=sweep.parent, state="RUNNING")
        known = outcome(folder)
        if known and known.state == "FINISHED" and sweep.began and (folder / "cell.json").stat().st_mtime > sweep.began:
            return known.metrics  # by another process of the same sweep
        asked.write(folder)
        ended = _ended(asked, study, folder, sweep.prunes and folder.parent == whole / "cells")
        ended.write(folder)
        if ended.state == "FAILED":  # told at once, and once more at the end of the sweep
            Terminal(stderr=True, soft_wrap=True).print(f"cell {folder.name} failed: {ended.error}", markup=False, style="red")
            if sweep.stops:
                stop.touch()
        return ended.metrics


def _ended(asked: CellOutcome, study: Study, folder: Path, prunes: bool) -> CellOutcome:
    watch = Watch(folder, study.wanted)
    try:
        made = run(study, _logged_as(asked, folder), watch.over if prunes else nullcontext)
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
def shared(folder: Path, parent: str, on_failure: str, prunes: bool = False) -> Iterator[None]:
    """What the cells of the sweep in this folder read of it."""
    (folder / STOPPED).unlink(missing_ok=True)
    sweep = Sweep(parent=parent, began=time.time(), stops=on_failure == "stop", prunes=prunes)
    replace_text(folder / SWEEP, json.dumps(asdict(sweep)) + "\n")
    os.environ[OWNER] = str(os.getpid())
    try:
        yield
    finally:
        os.environ.pop(OWNER, None)


def _overrides(study: Study) -> tuple[str, ...]:
    return tuple(o for o in study.overrides if not o.startswith(("experiment=", "outputs=")))
