"""The plan as a page to decide on: what is asked, what is made, whether it fits, what it costs, and how it would be submitted."""

import textwrap
from collections.abc import Iterator

from rich.console import Console as Terminal
from rich.text import Text

from o1exp.app.grid import amount, arm_and_node, grid
from o1exp.app.show import named, readable, store_of, tell_stale
from o1exp.app.slurm.jobs import before, parts, slurm_jobs
from o1exp.app.slurm.kept import place as slurm_place
from o1exp.app.total import Total, total
from o1exp.config.compose import Study, arms_of
from o1exp.flow.expect import counted, duration
from o1exp.flow.plan import PlannedStage, plan

WIDE = 100
"""Columns of a plan, wherever it goes."""
INDENT = 10


def show_plan(study: Study) -> None:
    """Print every stage with its key, state and expected cost, what arms share first; then what it takes. Makes nothing."""
    store = readable(study)
    steps = plan(store, study.wanted, store.remake)
    terminal = store.console.terminal
    terminal.width = min(terminal.width, WIDE) if terminal.is_terminal else WIDE
    for name, text in [*_heading(study), *_fit(study, steps), *totals(study, total(steps, study.machine.jobs))]:
        line(terminal, name, text)
    section(terminal, "stages")
    terminal.print(grid(study, steps))
    for remark, names in _remarks(study, steps).items():
        _say(terminal, f"{', '.join(names)}: {remark}")
    _blocks(terminal, study, steps)
    _scripts(terminal, study, steps)
    tell_stale(study, store, steps)
    for step in steps:
        if step.damage:
            terminal.print(f"damaged: {named(study, step.stage)}: {step.damage}", markup=False, soft_wrap=True)
        for obstacle in step.obstacles:
            terminal.print(f"before a run: {named(study, step.stage)}: {obstacle}", markup=False, soft_wrap=True)
    if why := study.ledger.other_than(store.root):
        terminal.print(f"before a run: ledger.url={study.ledger.url}: {why}", markup=False, soft_wrap=True)


def _heading(study: Study) -> Iterator[tuple[str, str]]:
    report = study.config.get("report") or {}
    yield "Plan", str(report.get("title") or study.config.study)
    if question := str(report.get("question") or ""):
        yield "Question", question
    arms = arms_of(study.config)
    for place, arm in enumerate(study.goals if len(study.goals) > 1 else ()):
        yield "Arms" if place == 0 else "", f"{arm}: {' '.join(arms.get(arm, [])) or 'as configured'}"
    if len(study.goals) == 1:
        yield "Arms", "one, as configured"
    machine = study.machine
    devices = counted(machine.devices, "GPU" if machine.accelerator == "gpu" else "CPU rank")
    many = f"{machine.nodes} nodes of {devices}" if machine.nodes > 1 else devices
    memory = f", {machine.memory_gb:g} GB each" if machine.memory_gb else ""
    started = ", started by Slurm" if machine.launcher == "slurm" else ""
    yield "Machine", f"{many}{memory}{started}"


def _fit(study: Study, steps: list[PlannedStage]) -> Iterator[tuple[str, str]]:
    """Whether all that is to be made on GPUs has the memory it needs, where that can be known."""
    on_gpus = [step for step in steps if step.state == "make" and step.expect.gpus and step.expect.memory_gb]
    if not on_gpus or not study.machine.memory_gb:
        return
    without = [named(study, step.stage) for step in on_gpus if step.expect.obstacles]
    most = max(step.expect.memory_gb for step in on_gpus)
    yield "Fits", f"no: {', '.join(without)}; see below for what does" if without else f"yes: {most:.1f} GB of a GPU at most"


def _blocks(terminal: Terminal, study: Study, steps: list[PlannedStage]) -> None:
    """What each stage says of itself, equal words once."""
    said: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for step in steps:
        if step.state == "make" and step.expect.details:
            said.setdefault(step.expect.details, []).append(named(study, step.stage))
    if said:
        section(terminal, "what it takes")
    for details, names in said.items():
        for heading in textwrap.wrap(", ".join(names), terminal.width, break_long_words=False, break_on_hyphens=False):
            terminal.print(Text(heading, style="bold"), soft_wrap=True)
        for name, text in details:
            line(terminal, f"  {name}", text)


def totals(study: Study, found: Total) -> Iterator[tuple[str, str]]:
    """What is expected, what is the worst case, and where the budget stops it."""
    machine = study.machine
    dated = f" ({machine.price_date})" if machine.price_date else ""
    gpus = f" + GPUs ${found.gpu_usd:,.2f} at ${machine.gpu_hour_usd:g} an hour{dated}" if machine.gpu_hour_usd and found.gpu_hours else ""
    if found.gpu_hours and not machine.gpu_hour_usd:
        gpus = " + GPUs that are not priced (machine.gpu_hour_usd=0)"
    parts = [
        f"{found.requests:,.0f} requests" if found.requests else "", f"{amount(found.tokens)} tokens" if found.tokens else "",
        f"${found.usd + found.gpu_usd:,.2f} = models ${found.usd:,.2f}{gpus}" if found.usd or gpus else "",
        f"{duration(found.hours)} one after the other" if found.hours else "",
        f"{found.gpu_hours:,.0f} GPU-hours" if found.gpu_hours else "", f"{found.disk:,.3g} GB kept" if found.disk >= 0.01 else "",
        f"up to {found.scratch:,.0f} GB of checkpoints" if found.scratch >= 1 else "",
        f"{found.download:,.0f} GB of weights from the hub" if found.download else "",
    ]  # fmt: skip
    known = "; ".join(part for part in parts if part)
    if found.uncounted:
        more = "requests to models whose number is not known, since the number of problems is not (source.expected_rows=N tells the plan)"
        yield "Total", f"{known}; besides {more}" if known else more
    else:
        yield "Total", known or "no requests, no GPUs"
    worst = [
        f"${found.most_usd:,.2f}" if found.most_usd else "", duration(found.most_hours),
        f"{found.most_gpu_hours:,.0f} GPU-hours" if found.most_gpu_hours else "",
    ]  # fmt: skip
    if found.most_usd > found.usd + found.gpu_usd or found.most_hours > found.hours:
        why = "every draw made, every answer as long as allowed" + (", GPUs at a quarter of their rate" if found.gpu_hours else "")
        yield "At worst", f"{', '.join(part for part in worst if part)}: {why}"
    if found.usd:
        cap = study.config.budget.get("usd")
        yield (
            "Budget",
            f"the study stops before models cost ${cap:,.2f}" if cap is not None else "none: budget.usd=... stops the study there",
        )


def _scripts(terminal: Terminal, study: Study, steps: list[PlannedStage]) -> None:
    found = parts(steps) if study.machine.launcher == "slurm" else []
    if not found:
        return
    section(terminal, "what the run submits, from a login node")
    if asked := before(study, steps):
        _say(terminal, "Where CPU nodes have no network, first, on a machine that has one:")
        for command in asked:
            plain(terminal, command)
    jobs = slurm_jobs(study, found, slurm_place(store_of(study).root))
    for part, job in zip(found, jobs, strict=True):
        after = f", after {', '.join(jobs[at].name for at in sorted(part.needs))}" if part.needs else ""
        made = ", ".join(dict.fromkeys(named(study, step.stage) for step in part.steps))
        _say(terminal, f"{job.name}{after}: {made}")
        for line in job.script.splitlines():
            plain(terminal, line)


def _remarks(study: Study, steps: list[PlannedStage]) -> dict[str, list[str]]:
    """The nodes that each remark is about, with their arms only where it is not about all of them."""
    said = [step for step in steps if step.expect.remark and step.state != "hidden"]
    of_node: dict[str, set[str]] = {}
    for step in said:
        of_node.setdefault(arm_and_node(study, step.stage)[1], set()).add(step.expect.remark)
    found: dict[str, list[str]] = {}
    for step in said:
        node = arm_and_node(study, step.stage)[1]
        name = node if len(of_node[node]) == 1 else named(study, step.stage)
        names = found.setdefault(step.expect.remark, [])
        names += [name] if name not in names else []
    return found


def section(terminal: Terminal, title: str) -> None:
    """A line with a title across the page."""
    plain(terminal, f"── {title} ".ljust(terminal.width, "─"))


def line(terminal: Terminal, name: str, text: str) -> None:
    """A name and its text in a column of its own."""
    for place, line in enumerate(textwrap.wrap(text, max(40, terminal.width - INDENT), break_long_words=False, break_on_hyphens=False)):
        plain(terminal, f"{name if place == 0 else '':<{INDENT}}{line}")


def _say(terminal: Terminal, text: str) -> None:
    for line in textwrap.wrap(text, terminal.width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False):
        plain(terminal, line)


def plain(terminal: Terminal, text: str) -> None:
    """A line as it is, however long."""
    terminal.print(text, markup=False, highlight=False, soft_wrap=True)
