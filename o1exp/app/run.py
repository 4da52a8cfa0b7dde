"""Make what a study asks for, or show what that would take."""

import shlex
import shutil
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console as Terminal
from rich.table import Table as Grid
from rich.tree import Tree

from o1exp.config.compose import Study, run_name
from o1exp.config.graph import ConfigError
from o1exp.flow import forks
from o1exp.flow.artefacts import changed, finished
from o1exp.flow.disk import writing
from o1exp.flow.errors import Damaged
from o1exp.flow.plan import PlannedStage, plan, why
from o1exp.flow.process import child_environment
from o1exp.flow.stage import Stage
from o1exp.flow.store import Store
from o1exp.history.runs import CONFIG, PAGE, RunRecord, replace_text, run_folder, write
from o1exp.report.runs import merge
from o1exp.report.table import reported, summary
from o1exp.track.tracking import log_run, open_study

WIDE = 200
"""Columns of a table that goes to a file or a pipe."""


def run(study: Study, parent: str | None = None) -> Path:
    """Make the goals, write the run's folder, log it and print the scores. Returns the folder.

    Errors: ConfigError before anything starts; StageFailed, BudgetSpent, Stopped, Unwritable with all finished stages kept.
    """
    store = Store(Path(study.config.outputs))
    with writing(store.root):
        return _run(study, store, parent)


def _run(study: Study, store: Store, parent: str | None) -> Path:
    steps = plan(store, study.wanted)
    if obstacles := [f"{study.names.get(step.stage.key, step.stage.kind)}: {line}" for step in steps for line in step.obstacles]:
        raise ConfigError(obstacles)
    store.root.mkdir(parents=True, exist_ok=True)
    if study.track.enabled and study.report:
        open_study(study.track, store.root, study.config.study)
    if study.report is not None:
        write_config(study, store)
    with forks.warm(preloads(steps), child_environment(1)):
        store.make(study.wanted, study.machine.jobs)
    _tally(store)
    if study.report is None:
        for goal in {goal.key: goal for goal in study.goals.values()}.values():
            store.console.line(f"{study.names[goal.key]}: {_near(store.folder(goal))}")
        return store.root
    record = write_run(study, store)
    _wide(store).print(summary(reported(merge([record]), store.folder(study.report))))
    if study.track.enabled:
        log_run(study.track, record, parent)
    store.console.line(f"Report: open {_near(record.folder / PAGE)}")
    store.console.line("MLflow: make ui, then open http://127.0.0.1:5000" if study.track.enabled else "MLflow: off (track=none)")
    return record.folder


def preloads(steps: list[PlannedStage]) -> list[str]:
    """What is worth loading once for all workers: nothing where only one stage of those to be made starts any."""
    starting = [step.stage.preloads for step in steps if step.state == "make" and step.stage.preloads]
    return list(dict.fromkeys(module for modules in starting for module in modules)) if len(starting) > 1 else []


def write_run(study: Study, store: Store) -> RunRecord:
    """The run's folder under runs/, named by study and report key: its record, the resolved config, the page and the cards."""
    assert study.report is not None
    folder, cards = write_config(study, store), described(study.report)
    record = RunRecord(
        folder=folder, root=store.root, title=study.config.study, baseline=study.config.baseline, overrides=study.overrides,
        arms={arm: _place(goal) for arm, goal in study.goals.items()}, report=_place(study.report),
        cards={name: _place(card) for name, card in cards.items()}, stages={name: key for key, name in study.names.items()},
        command=shlex.join(["o1exp", *study.overrides]),
    )  # fmt: skip
    write(record)
    shutil.copyfile(store.folder(study.report) / "index.html", folder / PAGE)
    for name in ("data", "model"):
        if name in cards:
            shutil.copyfile(store.folder(cards[name]) / "index.html", folder / f"{name}_card.html")
            shutil.copyfile(store.folder(cards[name]) / "README.md", folder / f"{name}_card.md")
    return record


def _place(stage: Stage[Any]) -> str:
    return f"{stage.kind}/{stage.key}"


def write_config(study: Study, store: Store) -> Path:
    """The run's folder with its resolved config, before anything is made: the audit points to it."""
    assert study.report is not None
    folder = run_folder(store.root, run_name(study.config.study, study.report))
    replace_text(folder / CONFIG, OmegaConf.to_yaml(study.config, resolve=False))
    return folder


def described(report: Stage[Any]) -> dict[str, Stage[Any]]:
    """The audit and the cards of a report, as far as it has them."""
    audit = report.inputs.get("audit")
    return {} if audit is None else {"audit": audit, **audit.inputs}


def show_plan(study: Study) -> None:
    """Print every stage with its key, state and expected cost. Makes nothing."""
    store = Store(Path(study.config.outputs))
    steps = plan(store, study.wanted)
    terminal = _wide(store)
    grid = Grid("stage", "makes", "key", "", "rows", "requests", "tokens", "$", "hours", "GB/device", "disk GB", "remarks", box=None)
    for step in steps:
        grid.add_row(*_cells(step, study.names.get(step.stage.key, "")))
    made = [step for step in steps if step.state == "make"]
    totals = [sum(getattr(s.expect, name) for s in made) for name in ("requests", "tokens", "usd", "hours")]
    grid.add_section()
    grid.add_row("to be made", str(len(made)), "", "", "", *map(_amount, totals), *[""] * 2, "")
    terminal.print(grid)
    for step in steps:
        if step.damage:
            terminal.print(f"damaged: {study.names.get(step.stage.key, step.stage.kind)}: {step.damage}", markup=False)
        for obstacle in step.obstacles:
            terminal.print(f"before a run: {study.names.get(step.stage.key, step.stage.kind)}: {obstacle}", markup=False)


def _wide(store: Store) -> Terminal:
    terminal = store.console.terminal
    if not terminal.is_terminal:
        terminal.width = WIDE
    return terminal


def _cells(step: PlannedStage, name: str) -> list[str]:
    expect = step.expect
    state = {"make": "[yellow]make[/]", "reuse": "[green]reuse[/]", "hidden": "[dim]not needed[/]"}[step.state]
    rows = "?" if expect.rows is None and step.state == "make" else _amount(expect.rows or 0)
    costs = [expect.requests, expect.tokens, expect.usd, expect.hours, expect.memory_gb, expect.disk_gb]
    shown = [_amount(cost) for cost in costs] if step.state == "make" else [""] * len(costs)
    return [name, step.stage.kind, step.stage.key[:8], state, rows, *shown, expect.remark if step.state == "make" else ""]


def _amount(value: float) -> str:
    if not value:
        return ""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


def explain(study: Study) -> None:
    """Print, for each stage that would be made, the settings that differ from the nearest stored one."""
    store = Store(Path(study.config.outputs))
    missing = store.missing(study.wanted)
    tree = Tree(f"{len(missing)} stages would be made" if missing else "nothing would be made: every stage is there")
    for stage in missing:
        tree.add(f"{study.names.get(stage.key, stage.kind)} ({stage.kind} {stage.key[:8]}): {why(store, stage)}".replace("[", r"\["))
    store.console.terminal.print(tree, highlight=False, soft_wrap=True)


def verify(study: Study) -> None:
    """Compare every file of every artefact with its digest. Errors: Damaged, naming each file that differs."""
    store = Store(Path(study.config.outputs))
    count = len(finished(store.root))
    with store.console.live(), store.console.bar("artefacts", count) as bar:
        damaged = list(changed(store.root, bar.advance))
    if damaged:
        raise Damaged("\n".join([*damaged, f"{count} artefacts read, {len(damaged)} files are damaged"]))
    store.console.line(f"{count} artefacts read: every file is as it was made")


def _tally(store: Store) -> None:
    made = sum(done.made for done in store.done)
    store.console.line(f"{made} {'stage' if made == 1 else 'stages'} made, {len(store.done) - made} reused")


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
