"""One cell of a sweep, in the process that a launcher gives it: its outcome goes to `cell.json`, and a failure stays its own."""

import os
import traceback
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from rich.console import Console as Terminal

from o1exp.app.prefixed import prefixed
from o1exp.app.run import run
from o1exp.config.compose import Study
from o1exp.config.error import ConfigError
from o1exp.flow.errors import RunError, Stopped
from o1exp.flow.process import die_with
from o1exp.history.cells import CellOutcome, alone, outcome
from o1exp.secrets import masked

PARENT = "O1EXP_PARENT_RUN"
"""The environment variable with the sweep's run in MLflow."""
OWNER = "O1EXP_SWEEP_PROCESS"
"""The environment variable with the id of the process that the sweep runs in."""
STOP = "O1EXP_STOP_AT_FAILURE"
"""The environment variable with a file: the cell that fails makes it, and none that starts behind it does anything."""


def run_cell(study: Study) -> None:
    """It ends with the sweep, even by SIGKILL. What another process finished meanwhile is left as it is."""
    owner, folder = os.environ.get(OWNER, ""), Path(HydraConfig.get().runtime.output_dir)
    beside = owner != str(os.getpid())  # a process of the launcher's pool
    if beside and owner == str(os.getppid()):
        die_with(int(owner))
    stop = Path(os.environ[STOP]) if os.environ.get(STOP) else None
    with prefixed(f"[{folder.name}] ") if beside else nullcontext(), alone(folder):
        if stop is not None and stop.exists():
            return
        asked = CellOutcome(overrides=_overrides(study), number=int(folder.name), parent=os.environ.get(PARENT, ""), state="RUNNING")
        began, known = os.environ.get("O1EXP_SWEEP_BEGAN", ""), outcome(folder)
        if known and known.state == "FINISHED" and began and (folder / "cell.json").stat().st_mtime > float(began):
            return  # by another process of the same sweep
        asked.write(folder)
        ended = _ended(asked, study)
        ended.write(folder)
        if ended.state == "FAILED":
            Terminal(stderr=True, soft_wrap=True).print(f"cell {folder.name} failed: {ended.error}", markup=False, style="red")
            if stop is not None:
                stop.touch()


def _ended(asked: CellOutcome, study: Study) -> CellOutcome:
    try:
        made = run(study, asked.parent or None)
    except Stopped:
        raise
    except (RunError, ConfigError) as ended:
        return replace(asked, state="FAILED", code=ended.code if isinstance(ended, RunError) else 2, error=masked(str(ended)))
    except Exception as problem:
        return replace(asked, state="FAILED", code=1, error=masked("".join(traceback.format_exception(problem))))
    return replace(asked, state="FINISHED", run=made.name if study.report else "")  # another goal has no page to compare


def _overrides(study: Study) -> tuple[str, ...]:
    return tuple(o for o in study.overrides if not o.startswith(("experiment=", "outputs=")))
