"""Show what a study would take: the plan, and why a stage would be made."""

import re
from pathlib import Path

from rich.console import Console as Terminal
from rich.markup import escape
from rich.table import Table as Grid

from o1exp.config.compose import Study
from o1exp.flow.plan import PlannedStage, Reason, plan, reason
from o1exp.flow.stage import Stage
from o1exp.flow.store import Store

WIDE = 200
"""Columns of a table that goes to a file or a pipe."""
PLAN_WIDE = 100
"""Columns of a plan, wherever it goes."""
COLUMNS = ("stage", "makes", "key", "", "rows", "requests", "tokens", "$", "hours", "GB per\ndevice", "disk\nGB")
LAST = ("data_card", "model_card", "audit", "report")
"""Nodes that stand on all arms."""


def show_plan(study: Study) -> None:
    """Print every stage with its key, state and expected cost, what arms share first. Makes nothing."""
    store = store_of(study)
    steps = plan(store, study.wanted, store.remake)
    terminal = store.console.terminal
    terminal.width = min(terminal.width, PLAN_WIDE) if terminal.is_terminal else PLAN_WIDE
    terminal.print(_grid(study, steps))
    for remark, names in _remarks(study, steps).items():
        terminal.print(f"{', '.join(names)}: {remark}", markup=False, highlight=False)
    tell_stale(study, store, steps)
    for step in steps:
        if step.damage:
            terminal.print(f"damaged: {_name(study, step.stage)}: {step.damage}", markup=False, soft_wrap=True)
        for obstacle in step.obstacles:
            terminal.print(f"before a run: {_name(study, step.stage)}: {obstacle}", markup=False, soft_wrap=True)


def _grid(study: Study, steps: list[PlannedStage]) -> Grid:
    grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column in COLUMNS:
        grid.add_column(column, justify="right" if column in COLUMNS[4:] else "left", overflow="fold")
    by_arm: dict[str, list[PlannedStage]] = {"": []}
    for step in steps:
        by_arm.setdefault(_arm_and_node(study, step.stage)[0], []).append(step)
    last = [step for step in by_arm[""] if _arm_and_node(study, step.stage)[1] in LAST]
    for arm, own in by_arm.items():
        if arm:
            grid.add_section()
            grid.add_row(f"[bold]{escape(arm)}[/]")
        for step in own:
            if step not in last:
                grid.add_row(*_cells(step, ("  " if arm else "") + _arm_and_node(study, step.stage)[1]))
    if len(by_arm) > 1:
        grid.add_section()
    for step in last:
        grid.add_row(*_cells(step, _arm_and_node(study, step.stage)[1]))
    made = [step for step in steps if step.state == "make"]
    totals = [sum(getattr(s.expect, name) for s in made) for name in ("requests", "tokens", "usd", "hours")]
    grid.add_section()
    grid.add_row("to be made", str(len(made)), "", "", "", *map(_amount, totals))
    return grid


def _arm_and_node(study: Study, stage: Stage[object]) -> tuple[str, str]:
    """The arms that have the stage, "" for all, and its place in the config."""
    found = re.fullmatch(r"(\S+)(?: \((.+)\))?", study.names.get(stage.key, ""))
    return (found[2] or "", found[1]) if found else ("", stage.kind)


def _remarks(study: Study, steps: list[PlannedStage]) -> dict[str, list[str]]:
    """The nodes that each remark is about, with their arms only where it is not about all of them."""
    said = [step for step in steps if step.expect.remark and step.state != "hidden"]
    of_node: dict[str, set[str]] = {}
    for step in said:
        of_node.setdefault(_arm_and_node(study, step.stage)[1], set()).add(step.expect.remark)
    found: dict[str, list[str]] = {}
    for step in said:
        node = _arm_and_node(study, step.stage)[1]
        name = node if len(of_node[node]) == 1 else _name(study, step.stage)
        names = found.setdefault(step.expect.remark, [])
        names += [name] if name not in names else []
    return found


def wide(store: Store) -> Terminal:
    """The terminal, as wide as a table needs where it is a file or a pipe."""
    terminal = store.console.terminal
    if not terminal.is_terminal:
        terminal.width = WIDE
    return terminal


def _cells(step: PlannedStage, name: str) -> list[str]:
    expect = step.expect
    state = {"make": "[yellow]make[/]", "reuse": "[green]reuse[/]", "hidden": "[dim]skip[/]"}[step.state]
    rows = "?" if expect.rows is None and step.state == "make" else _amount(expect.rows or 0)
    costs = [expect.requests, expect.tokens, expect.usd, expect.hours, expect.memory_gb, expect.disk_gb]
    shown = [_amount(cost) for cost in costs] if step.state == "make" else [""] * len(costs)
    return [escape(name), step.stage.kind, step.stage.key[:8], state, rows, *shown]


def _amount(value: float) -> str:
    """At most five characters."""
    if not value:
        return ""
    if value < 0.01:
        return "<0.01"
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:.0f}" if value == int(value) or value >= 1000 else f"{value:.3g}"


def explain(study: Study) -> None:
    """Print why stages would be made: those that changed with what changed, then what only follows from them."""
    store = store_of(study)
    missing = store.missing(study.wanted, store.remake)
    reasons = {stage.key: reason(store, stage) for stage in missing}
    causes = [stage for stage in missing if not reasons[stage.key].new and not _follows(stage, reasons)]
    new = [stage for stage in missing if reasons[stage.key].new]
    behind = [stage for stage in missing if stage not in causes and stage not in new]
    lines = [f"{_count(len(missing))} would be made" if missing else "nothing would be made: every stage is there"]
    lines += [f"  {_name(study, stage)} ({stage.kind} {stage.key[:8]}): {reasons[stage.key].text}" for stage in causes]
    lines += [f"  never made here: {_listed(study, new)}"] if new else []
    lines += [f"  because of these: {_listed(study, behind)}"] if behind else []
    for line in lines:
        store.console.terminal.print(line, markup=False, highlight=False, soft_wrap=True)
    tell_stale(study, store, plan(store, study.wanted, store.remake))


def _count(stages: int) -> str:
    return f"{stages} {'stage' if stages == 1 else 'stages'}"


def _follows(stage: Stage[object], reasons: dict[str, Reason]) -> bool:
    """Is the stage as it was, and only inputs that are made themselves are others?"""
    found = reasons[stage.key]
    others = [stage.inputs[edge] for edge in found.edges if edge in stage.inputs]
    return not found.own and bool(others) and len(others) == len(found.edges) and any(other.key in reasons for other in others)


def _listed(study: Study, stages: list[Stage[object]]) -> str:
    """Each node once, with the kinds of its stages."""
    kinds: dict[str, list[str]] = {}
    for stage in stages:
        kinds.setdefault(_name(study, stage), []).append(stage.kind)
    return ", ".join(f"{name} ({', '.join(of)})" for name, of in kinds.items())


def _name(study: Study, stage: Stage[object]) -> str:
    return study.names.get(stage.key, stage.kind)


def store_of(study: Study) -> Store:
    return Store(Path(study.config.outputs), remake=study.config.stale == "remake")


def tell_stale(study: Study, store: Store, steps: list[PlannedStage]) -> None:
    """A line for what is reused although it would come out otherwise today, or might."""
    reasons: dict[str, list[str]] = {}
    for step in steps:
        if step.stale and step.state == "reuse":
            reasons.setdefault(step.stale, []).append(_name(study, step.stage))
    for said, names in reasons.items():
        store.console.line(f"[yellow]stale[/]   {escape(', '.join(names))}: {said}; used as it is (stale=remake makes it again)")
