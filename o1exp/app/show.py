"""Show what a study would take: the plan, and why a stage would be made."""

from pathlib import Path

from rich.console import Console as Terminal
from rich.markup import escape
from rich.table import Table as Grid
from rich.tree import Tree

from o1exp.config.compose import Study
from o1exp.flow.plan import PlannedStage, plan, why
from o1exp.flow.store import Store

WIDE = 200
"""Columns of a table that goes to a file or a pipe."""


def show_plan(study: Study) -> None:
    """Print every stage with its key, state and expected cost. Makes nothing."""
    store = store_of(study)
    steps = plan(store, study.wanted, store.remake)
    terminal = wide(store)
    grid = Grid("stage", "makes", "key", "", "rows", "requests", "tokens", "$", "hours", "GB/device", "disk GB", "remarks", box=None)
    for step in steps:
        grid.add_row(*_cells(step, study.names.get(step.stage.key, "")))
    made = [step for step in steps if step.state == "make"]
    totals = [sum(getattr(s.expect, name) for s in made) for name in ("requests", "tokens", "usd", "hours")]
    grid.add_section()
    grid.add_row("to be made", str(len(made)), "", "", "", *map(_amount, totals), *[""] * 2, "")
    terminal.print(grid)
    tell_stale(study, store, steps)
    for step in steps:
        if step.damage:
            terminal.print(f"damaged: {study.names.get(step.stage.key, step.stage.kind)}: {step.damage}", markup=False)
        for obstacle in step.obstacles:
            terminal.print(f"before a run: {study.names.get(step.stage.key, step.stage.kind)}: {obstacle}", markup=False)


def wide(store: Store) -> Terminal:
    """The terminal, as wide as a table needs where it is a file or a pipe."""
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
    return [name, step.stage.kind, step.stage.key[:8], state, rows, *shown, "" if step.state == "hidden" else expect.remark]


def _amount(value: float) -> str:
    if not value:
        return ""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


def explain(study: Study) -> None:
    """Print, for each stage that would be made, the settings that differ from the nearest stored one."""
    store = store_of(study)
    missing = store.missing(study.wanted, store.remake)
    tree = Tree(f"{len(missing)} stages would be made" if missing else "nothing would be made: every stage is there")
    for stage in missing:
        tree.add(f"{study.names.get(stage.key, stage.kind)} ({stage.kind} {stage.key[:8]}): {why(store, stage)}".replace("[", r"\["))
    store.console.terminal.print(tree, highlight=False, soft_wrap=True)
    tell_stale(study, store, plan(store, study.wanted, store.remake))


def store_of(study: Study) -> Store:
    return Store(Path(study.config.outputs), remake=study.config.stale == "remake")


def tell_stale(study: Study, store: Store, steps: list[PlannedStage]) -> None:
    """A line for what is reused although it would come out otherwise today, or might."""
    reasons: dict[str, list[str]] = {}
    for step in steps:
        if step.stale and step.state == "reuse":
            reasons.setdefault(step.stale, []).append(study.names.get(step.stage.key, step.stage.kind))
    for reason, names in reasons.items():
        store.console.line(f"[yellow]stale[/]   {escape(', '.join(names))}: {reason}; used as it is (stale=remake makes it again)")
