"""Sweeps: all cells are checked before the first starts, a failed cell stops no other, and one page compares them."""

import os
import shlex
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console as Terminal

from o1exp.app.run import WIDE, preloads, run
from o1exp.config.compose import Study, composed, register_all, study_of
from o1exp.config.graph import ConfigError
from o1exp.flow import Store, forks
from o1exp.flow.disk import writing
from o1exp.flow.errors import RunError, Stopped
from o1exp.flow.plan import plan
from o1exp.flow.process import child_environment, die_with
from o1exp.history.cells import CellOutcome, compared, outcomes
from o1exp.history.runs import PAGE, RunRecord, write
from o1exp.report import runs
from o1exp.report.compare import rows
from o1exp.report.render import page
from o1exp.report.table import summary
from o1exp.track.tracking import log_page, open_study

_PARENT = "O1EXP_PARENT_RUN"
_OWNER = "O1EXP_SWEEP_PROCESS"
_codes: list[int] = []


class Refused(BaseException):
    """A sweep whose cells are not all right. No Exception: Hydra turns those of a callback into warnings and goes on."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class Ended(BaseException):
    """A run error in a callback; no Exception, for the same reason."""

    def __init__(self, error: RunError) -> None:
        super().__init__(str(error))
        self.code = error.code


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
        outcome = replace(outcome, run=run(study, os.environ.get(_PARENT)).name)
    except Stopped:
        raise
    except (RunError, ConfigError) as ended:
        outcome = replace(outcome, code=ended.code if isinstance(ended, RunError) else 2, error=str(ended))
        Terminal(stderr=True).print(f"cell {folder.name} failed: {ended}", markup=False, style="red")
    except Exception as problem:
        outcome = replace(outcome, code=1, error="".join(traceback.format_exception(problem)))
        Terminal(stderr=True).print(f"cell {folder.name} failed: {problem}", markup=False, style="red")
    outcome.write(folder)


class Sweep(Callback):
    """Hydra's hooks around a multirun, in the process that starts the cells."""

    _first: Study | None = None
    _count = 0
    """Cells at least: another sweeper than a grid draws more."""
    _open = ExitStack()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check every cell, then create what the cells share in MLflow, before the first one starts."""
        _codes.clear()
        os.environ[_OWNER] = str(os.getpid())
        register_all()
        mistakes: list[str] = []
        name = str(kwargs.get("config_name") or "config")
        for overrides in cells(config):
            self._count += 1
            try:
                cell = study_of(composed(overrides, name), overrides, single=True)
                self._first = self._first or cell
            except ConfigError as wrong:
                mistakes += [line for line in wrong.mistakes if line not in mistakes]
        if mistakes:
            raise Refused(mistakes)
        first = self._first
        if first is not None and first.config.action == "verify":
            raise Refused(["action=verify: it reads all artefacts at once; leave out -m"])
        if first is not None and first.config.action == "run" and first.track.enabled:
            root = Path(first.config.outputs).resolve()
            with _heard(root):
                root.mkdir(parents=True, exist_ok=True)
                parent = open_study(first.track, root, first.config.study, sweep=Path(config.hydra.sweep.dir).name)
            os.environ[_PARENT] = parent.run_id
        if first is not None and first.config.action == "run":
            steps = plan(Store(Path(first.config.outputs)), first.wanted)
            self._open.enter_context(forks.warm(preloads(steps), child_environment(1)))  # one for the workers of all cells

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Compare all finished cells on one page."""
        self._open.close()
        if config.action != "run":
            return
        folder = Path(config.hydra.sweep.dir)
        ended = outcomes(folder)
        _codes.extend(cell.code for cell in ended)
        _codes.extend([1] * (self._count - len(ended)))  # a cell that could not even say how it ended
        done = [cell for cell in ended if cell.run]
        with _heard(folder.resolve().parents[1]):
            if done:
                show(write_sweep(folder, ended, config), f"{len(done)} of {len(ended)} cells done")
                if self._first is not None and (parent := os.environ.get(_PARENT)):
                    log_page(self._first.track, folder.resolve().parents[1], parent, folder)
        os.environ.pop(_PARENT, None)


def cells(config: DictConfig) -> Iterator[list[str]]:
    """The overrides of every cell that a grid sweep will start; what another sweeper draws cannot be known before."""
    parser = OverridesParser.create()
    params = config.hydra.sweeper.get("params") or {}
    words = [*(f"{key}={value}" for key, value in params.items()), *config.hydra.overrides.task]
    grids: list[list[str]] = [[]]
    for override in parser.parse_overrides(words):
        if override.is_sweep_override() and override.is_discrete_sweep():
            key = override.get_key_element()
            options = [f"{key}={value}" for value in override.sweep_string_iterator()]
            grids = [[*grid, option] for grid in grids for option in options]
        elif not override.is_sweep_override():
            grids = [[*grid, str(override.input_line)] for grid in grids]
    yield from grids


def show(sweep: RunRecord, outcome: str) -> None:
    """The page and the table over all cells."""
    arms, page_file = runs.merge([sweep]), sweep.folder / PAGE
    baseline = runs.choose_baseline("", [sweep], arms)
    command = f"python -m o1exp.report compare {sweep.folder}"
    table = rows(arms, baseline)
    page_file.write_text(page(runs.words([sweep], baseline, command), table, arms, 5))
    terminal = Terminal(highlight=False)
    terminal.width = terminal.width if terminal.is_terminal else WIDE
    terminal.print(summary(table))
    terminal.print(f"Sweep: {outcome}. To compare with another cell or setting: {command} --baseline NAME --out FILE.html", soft_wrap=True)
    terminal.print(f"Report: open {page_file}", soft_wrap=True)


def write_sweep(folder: Path, ended: list[CellOutcome], config: DictConfig) -> RunRecord:
    """The sweep's record over all cells that ended."""
    command = shlex.join(["o1exp", "-m", *config.hydra.overrides.task])
    found = compared(folder, ended, str(config.study), command)
    record = replace(found, baseline=baseline(config, list(found.arms)))
    write(record)
    return record


def baseline(config: DictConfig, labels: list[str]) -> str:
    """What the cells are compared with: the study's baseline as a cell, or as the one setting that makes it ("thought=shortcut")."""
    own = [str(o) for o in config.arms.get(config.baseline) or []]
    wanted = [str(config.baseline), *(own if len(own) == 1 else [])]
    return next((name for name in wanted if name and any(name == label or name in label.split(" ") for label in labels)), "")
