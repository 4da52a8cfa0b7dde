"""The end of a sweep: its record, one page over all cells, what failed and how it is run again."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console as Terminal

from o1exp.app.axes import task_words
from o1exp.app.show import WIDE
from o1exp.config.compose import Study, arms_of
from o1exp.history.cells import CellOutcome, compared, outcomes
from o1exp.history.runs import PAGE, RECORD, RunRecord, read, write
from o1exp.report import runs
from o1exp.report.compare import rows
from o1exp.report.effects import effects
from o1exp.report.inside import elsewhere, with_links
from o1exp.report.render import page
from o1exp.report.table import summary
from o1exp.secrets import masked_override
from o1exp.track.study import log_sweep

_codes: list[int] = []


def exit_code() -> int:
    """The worst exit code of the cells of this process's sweep; 0 without one."""
    return max(_codes, default=0)


def ended(config: DictConfig, first: Study, folder: Path, numbers: set[int], changed: bool) -> None:
    """Compare all finished cells on one page and tell the others; where nothing changed the page is there already."""
    found = outcomes(folder, numbers)
    _codes[:] = [cell.code for cell in found] + [1] * (len(numbers) - len(found))  # a cell that was not even begun
    done = [cell for cell in found if cell.run]
    sweep = _record(folder, found, config)
    same = (folder / RECORD).is_file() and (folder / PAGE).is_file() and read(folder) == sweep
    if done or sweep.failed:
        write(sweep)
    if done:
        show(sweep, f"{len(done)} of {len(numbers)} cells done", again=changed or not same)
    tell_failed(sweep.failed, len(numbers) - len(found))
    if first.track.enabled and (done or sweep.failed) and (changed or not same):
        log_sweep(first.track, folder, str(config.study))


def show(sweep: RunRecord, outcome: str, again: bool = True) -> None:
    """The page and the table over all cells; with `again` they are made anew."""
    page_file, table_file = sweep.folder / PAGE, sweep.folder / "report.txt"
    terminal = Terminal(highlight=False)
    terminal.width = terminal.width if terminal.is_terminal else WIDE
    command = f"python -m o1exp.report compare {sweep.folder}"
    if again or not table_file.is_file():
        arms = runs.merge([sweep])
        baseline = runs.choose_baseline("", [sweep], arms)
        table = rows(arms, baseline)
        told = page(runs.words([sweep], baseline, command), table, arms, 5)
        page_file.write_text(with_links(told, elsewhere([sweep], page_file)), encoding="utf-8")
        with terminal.capture() as text:
            terminal.print(summary(table, effects(arms, baseline)))
        table_file.write_text(text.get(), encoding="utf-8")
    terminal.out(table_file.read_text(encoding="utf-8"), end="")
    terminal.print(f"Sweep: {outcome}. To compare with another cell or setting: {command} --baseline NAME --out FILE.html", soft_wrap=True)
    terminal.print(f"Report: open {page_file}", soft_wrap=True)


def tell_failed(failed: dict[str, str], never: int) -> None:
    """A line for each cell without a result, with the reason and the command that runs it again."""
    terminal = Terminal(stderr=True, highlight=False, soft_wrap=True)
    for name, why in failed.items():
        terminal.print(f"{name}: {why}", markup=False, style="red")
    if never:
        cells = "1 cell was" if never == 1 else f"{never} cells were"
        terminal.print(f"{cells} not started; the same command goes on with it", style="yellow")


def _record(folder: Path, found: Sequence[CellOutcome], config: DictConfig) -> RunRecord:
    """The sweep's record over all cells that were begun."""
    command = shlex.join(["o1exp", *_sweep_flags(config), *map(masked_override, task_words(config)), *_chosen(config)])
    sweep = compared(folder, list(found), str(config.study), command, alone="only" in config.hydra.sweeper)
    return replace(sweep, baseline=baseline(config, list(sweep.arms)))


def _sweep_flags(config: DictConfig) -> list[str]:
    """What chooses the sweep: -m, or the file that names it."""
    name = str(config.hydra.job.config_name)
    if name == "config":
        return ["-m"]
    folders = [source.path for source in config.hydra.runtime.config_sources if source.provider == "command-line"]
    return [*(f"--config-dir={folder}" for folder in folders), f"--config-name={name}", "-m"]


def _chosen(config: DictConfig) -> list[str]:
    """Settings of Hydra's that were given: the launcher, the sweeper and its settings, and not those of one run."""
    words = [str(word) for word in config.hydra.overrides.hydra]
    return [word for word in words if not word.startswith(("hydra.mode=", "hydra.sweep.dir=", "hydra.sweeper.only="))]


def baseline(config: DictConfig, labels: list[str]) -> str:
    """What the cells are compared with: the study's baseline as a cell, or as the one setting that makes it ("thought=shortcut")."""
    own = arms_of(config).get(config.baseline) or []
    wanted = [str(config.baseline), *(own if len(own) == 1 else [])]
    return next((name for name in wanted if name and any(name == label or name in label.split(" ") for label in labels)), "")
