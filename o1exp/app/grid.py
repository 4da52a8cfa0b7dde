"""The table of a plan: each stage with its key, state and expected cost."""

import re

from rich.markup import escape
from rich.table import Table as Grid

from o1exp.config.compose import Study
from o1exp.flow.plan import PlannedStage
from o1exp.flow.stage import Stage

COLUMNS = ("stage", "makes", "key", "", "rows", "requests", "tokens", "$", "hours", "GB per\ndevice", "disk\nGB")
LAST = ("data_card", "model_card", "audit", "report")
"""Nodes that stand on all arms."""


def grid(study: Study, steps: list[PlannedStage]) -> Grid:
    """What arms share first, then what is theirs; dollars are those of requests and GPUs."""
    grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column in COLUMNS:
        grid.add_column(column, justify="right" if column in COLUMNS[4:] else "left", overflow="fold")
    by_arm: dict[str, list[PlannedStage]] = {"": []}
    for step in steps:
        by_arm.setdefault(arm_and_node(study, step.stage)[0], []).append(step)
    last = [step for step in by_arm[""] if arm_and_node(study, step.stage)[1] in LAST]
    for arm, own in by_arm.items():
        if arm:
            grid.add_section()
            grid.add_row(f"[bold]{escape(arm)}[/]")
        for step in own:
            if step not in last:
                grid.add_row(*_cells(step, ("  " if arm else "") + arm_and_node(study, step.stage)[1]))
    if len(by_arm) > 1:
        grid.add_section()
    for step in last:
        grid.add_row(*_cells(step, arm_and_node(study, step.stage)[1]))
    made = [step.expect for step in steps if step.state == "make"]
    sums = [sum(e.requests for e in made), sum(e.tokens for e in made), sum(e.usd + e.gpu_usd for e in made), sum(e.hours for e in made)]
    grid.add_section()
    grid.add_row("to be made", str(len(made)), "", "", "", *map(amount, sums), "", amount(sum(e.disk_gb for e in made)))
    return grid


def arm_and_node(study: Study, stage: Stage[object]) -> tuple[str, str]:
    """The arms that have the stage, "" for all, and its place in the config."""
    found = re.fullmatch(r"(\S+)(?: \((.+)\))?", study.names.get(stage.key, ""))
    return (found[2] or "", found[1]) if found else ("", stage.kind)


def _cells(step: PlannedStage, name: str) -> list[str]:
    expect = step.expect
    state = {"make": "[yellow]make[/]", "reuse": "[green]reuse[/]", "hidden": "[dim]skip[/]"}[step.state]
    known = expect.rows is not None or expect.model is not None
    rows = "?" if not known and step.state == "make" else amount(expect.rows or 0)
    costs = [expect.requests, expect.tokens, expect.usd + expect.gpu_usd, expect.hours, expect.memory_gb, expect.disk_gb]
    shown = [amount(cost) for cost in costs] if step.state == "make" else [""] * len(costs)
    return [escape(name), step.stage.kind, step.stage.key[:8], state, rows, *shown]


def amount(value: float) -> str:
    """At most five characters."""
    if not value:
        return ""
    if value < 0.01:
        return "<0.01"
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:.0f}" if value == int(value) or value >= 1000 else f"{value:.3g}"
