"""Sweeps: a failed cell stops no other, and one page compares them."""

import os
import shlex
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console as Terminal

from o1exp.app.cells import Ended, cells, given
from o1exp.app.run import preloads, run
from o1exp.app.show import WIDE, store_of
from o1exp.config.compose import Study, arms_of
from o1exp.config.error import ConfigError
from o1exp.flow import forks
from o1exp.flow.disk import writing
from o1exp.flow.errors import RunError, Stopped
from o1exp.flow.plan import plan
from o1exp.flow.process import child_environment, die_with
from o1exp.history.cells import CellOutcome, compared, outcomes
from o1exp.history.runs import PAGE, RunRecord, write
from o1exp.report import runs
from o1exp.report.compare import rows
from o1exp.report.effects import effects
from o1exp.report.render import page
from o1exp.report.table import summary
from o1exp.secrets import masked, masked_override
from o1exp.track.tracking import log_sweep, open_study

_PARENT = "O1EXP_PARENT_RUN"
_OWNER = "O1EXP_SWEEP_PROCESS"
_codes: list[int] = []
_shared = ExitStack()


@contextmanager
def _heard(root: Path) -> Iterator[None]:
    """Errors: Ended where the outputs folder cannot be written."""
    try:
        with writing(root):
            yield
    except RunError as ended:
        raise Ended(ended) from ended


def exit_code() -> int:
    """The worst exit code of the cells of this process's sweep; 0 without one."""
    return max(_codes, default=0)


def run_cell(study: Study) -> None:
    """One cell: its outcome goes to `cell.json` of its folder, and a failure stays its own. It ends with the sweep, even by SIGKILL."""
    owner = int(os.environ[_OWNER])
    if owner != os.getpid():  # a process of the launcher's pool
        die_with(owner)
    folder = Path(HydraConfig.get().runtime.output_dir)
    overrides = [o for o in study.overrides if not o.startswith(("experiment=", "outputs="))]
    outcome = CellOutcome(overrides=tuple(overrides))
    try:
        made = run(study, os.environ.get(_PARENT))
        outcome = replace(outcome, run=made.name if study.report else "")  # another goal has no page to compare
    except Stopped:
        raise
    except (RunError, ConfigError) as ended:
        outcome = replace(outcome, code=ended.code if isinstance(ended, RunError) else 2, error=masked(str(ended)))
        Terminal(stderr=True).print(f"cell {folder.name} failed: {outcome.error}", markup=False, style="red")
    except Exception as problem:
        outcome = replace(outcome, code=1, error=masked("".join(traceback.format_exception(problem))))
        Terminal(stderr=True).print(masked(f"cell {folder.name} failed: {problem}"), markup=False, style="red")
    outcome.write(folder)


def opened(first: Study, config: DictConfig) -> None:
    """Create what the cells share before the first one starts: a parent run in MLflow, a process that their workers are forked from."""
    _codes.clear()
    os.environ[_OWNER] = str(os.getpid())
    if first.config.action != "run":
        return
    root = Path(first.config.outputs).resolve()
    if first.track.enabled:
        with _heard(root):
            root.mkdir(parents=True, exist_ok=True)
            parent = open_study(first.track, root, first.config.study, sweep=Path(config.hydra.sweep.dir).name)
        os.environ[_PARENT] = parent.run_id
    store = store_of(first)
    _shared.enter_context(forks.warm(preloads(plan(store, first.wanted, store.remake)), child_environment(1)))


def ended(first: Study, config: DictConfig) -> None:
    """Compare all finished cells on one page."""
    _shared.close()
    if first.config.action != "run":
        return
    folder = Path(config.hydra.sweep.dir)
    found = outcomes(folder)
    _codes.extend(cell.code for cell in found)
    _codes.extend([1] * (sum(1 for _ in cells(config)) - len(found)))  # a cell that could not even say how it ended
    done = [cell for cell in found if cell.run]
    with _heard(folder.resolve().parents[1]):
        if done:
            show(write_sweep(folder, found, config), f"{len(done)} of {len(found)} cells done")
            if parent := os.environ.get(_PARENT):
                log_sweep(first.track, folder.resolve().parents[1], parent, folder)
    os.environ.pop(_PARENT, None)


def show(sweep: RunRecord, outcome: str) -> None:
    """The page and the table over all cells."""
    arms, page_file = runs.merge([sweep]), sweep.folder / PAGE
    baseline = runs.choose_baseline("", [sweep], arms)
    command = f"python -m o1exp.report compare {sweep.folder}"
    table = rows(arms, baseline)
    page_file.write_text(page(runs.words([sweep], baseline, command), table, arms, 5))
    terminal = Terminal(highlight=False)
    terminal.width = terminal.width if terminal.is_terminal else WIDE
    terminal.print(summary(table, effects(arms, baseline)))
    terminal.print(f"Sweep: {outcome}. To compare with another cell or setting: {command} --baseline NAME --out FILE.html", soft_wrap=True)
    terminal.print(f"Report: open {page_file}", soft_wrap=True)


def write_sweep(folder: Path, found: list[CellOutcome], config: DictConfig) -> RunRecord:
    """The sweep's record over all cells that ended."""
    command = shlex.join(["o1exp", "-m", *map(masked_override, given(config))])
    sweep = compared(folder, found, str(config.study), command)
    record = replace(sweep, baseline=baseline(config, list(sweep.arms)))
    write(record)
    return record


def baseline(config: DictConfig, labels: list[str]) -> str:
    """What the cells are compared with: the study's baseline as a cell, or as the one setting that makes it ("thought=shortcut")."""
    own = arms_of(config).get(config.baseline) or []
    wanted = [str(config.baseline), *(own if len(own) == 1 else [])]
    return next((name for name in wanted if name and any(name == label or name in label.split(" ") for label in labels)), "")
