"""The plan of a sweep as a page: how many experiments and distinct stages its cells are, what they cost, what they can show."""

from collections.abc import Iterator

from rich.table import Table as Grid

from o1exp.app.axes import Axis
from o1exp.app.grid import amount
from o1exp.app.order import critical, hours
from o1exp.app.page import WIDE, line, plain, section, totals
from o1exp.app.whole import Step, Whole
from o1exp.bench.power import detectable
from o1exp.config.compose import Study
from o1exp.flow.expect import duration

MANY = 6
"""Values of an axis that are shown, at most."""


def show_whole(first: Study, whole: Whole) -> None:
    """Print the plan of all cells: what they are, what they take, what they can detect; then each node, and each axis with its price."""
    terminal = whole.store.console.terminal
    terminal.width = min(terminal.width, WIDE) if terminal.is_terminal else WIDE
    report = first.config.get("report") or {}
    line(terminal, "Plan", f"a sweep: {report.get('title') or first.config.study}")
    if question := str(report.get("question") or ""):
        line(terminal, "Question", question)
    for name, text in [
        *counts(whole),
        *totals(first, whole.total(first.machine.jobs)),
        *_longest(whole),
        *_budget(first, whole),
        *_power(whole),
    ]:
        line(terminal, name, text)
    section(terminal, "stages over all cells")
    terminal.print(_grid(whole))
    if whole.axes.axes:
        section(terminal, "axes, and what each costs")
    for axis in whole.axes.axes:
        line(terminal, "", f"{axis.name}: {_axis(first, whole, axis)}")
    for said in whole.obstacles:
        plain(terminal, f"before a run: {said}")


def counts(whole: Whole) -> Iterator[tuple[str, str]]:
    """Cells against experiments, distinct stages against stages of all cells."""
    cells, experiments = len(whole.cells), len(whole.experiments)
    finished = f", {len(whole.finished)} finished" if whole.finished else ""
    same = "" if cells == experiments else "; the others differ in settings that change nothing in them"
    yield "Cells", f"{cells:,} cells, {experiments:,} experiments{finished}{same}"
    make = sum(step.state == "make" for step in whole.steps.values())
    share = len(whole.steps) / whole.naive if whole.naive else 0
    yield "Stages", f"{len(whole.steps):,} distinct of {whole.naive:,} in all cells ({share:.0%}), {make:,} to be made"


def _longest(whole: Whole) -> Iterator[tuple[str, str]]:
    """The chain of stages that the sweep waits for however many machines it has, and how many machines its work would keep busy."""
    chain = critical(whole.steps)
    alone = sum(hours(whole.steps[key]) for key in chain)
    if alone:
        named = " > ".join(whole.steps[key].node for key in chain if hours(whole.steps[key]))
        side = sum(map(hours, whole.steps.values())) / alone
        yield "At least", f"{duration(alone)} with any number of machines: {named}; its work is {side:,.1f} times as long"


def _budget(first: Study, whole: Whole) -> Iterator[tuple[str, str]]:
    cap, total = first.config.budget.get("usd"), whole.total(first.machine.jobs)
    if cap is not None and total.usd > cap:
        yield "", f"budget.usd={cap:g} is less than the models' ${total.usd:,.2f}: the sweep would stop before it is whole"
    elif cap is not None and total.most_usd - total.gpu_usd > cap:
        yield "", f"budget.usd={cap:g} holds what is expected of the models, ${total.usd:,.2f}, and not the worst case"


LUCK = (0.01, 0.03)
"""Standard deviations of one setting's accuracy from seed to seed, for which the plan says what could be detected."""


def _power(whole: Whole) -> Iterator[tuple[str, str]]:
    """What the benchmarks, samples and seeds can detect between two levels, and what would show less."""
    seeds = max([1, *(len(axis.values) for axis in whole.axes.axes if axis.name.rpartition(".")[2] == "seed")])
    others = max([1, *(len(axis.values) - 1 for axis in whole.axes.axes if axis.name.rpartition(".")[2] != "seed")])
    for place, (name, asked) in enumerate(whole.benchmarks.items()):
        title = "Detects" if place == 0 else ""
        if not asked.problems:
            yield title, f"{name}: the number of its problems is not known"
            continue
        now = detectable(asked.problems, asked.samples, seeds, others)
        more = [
            (f"{4 * asked.samples} samples", detectable(asked.problems, 4 * asked.samples, seeds, others)),
            (f"{max(3, 2 * seeds)} seeds", detectable(asked.problems, asked.samples, max(3, 2 * seeds), others)),
            (f"{4 * asked.problems:,.0f} problems", detectable(4 * asked.problems, asked.samples, seeds, others)),
        ]
        yield (
            title,
            f"{name} can detect {100 * now:.1f} points between two settings ({asked.problems:,.0f} problems, {asked.samples} samples, "
            f"{seeds} {'seed' if seeds == 1 else 'seeds'}); less with {', '.join(f'{what}: {100 * least:.1f}' for what, least in more)}",
        )
        lucky = ", ".join(f"{100 * detectable(asked.problems, asked.samples, seeds, others, luck):.1f}" for luck in LUCK)
        by = " or ".join(f"{100 * luck:g}" for luck in LUCK)
        yield "", f"where seeds of one setting differ by {by} points (standard deviation): {lucky}"
    if whole.benchmarks:
        one = "; one seed does not tell an effect from the luck of a training" if seeds == 1 else ""
        many = f", {others} comparisons" if others > 1 else ""
        yield "", f"80 % power at p < 0.05{many}; assumed: 50 % right, half of the variance between questions, alike by 0.7 in both{one}"


def _grid(whole: Whole) -> Grid:
    grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("stage", "makes", "in cells", "distinct", "to make", "requests", "tokens", "$", "hours", "disk\nGB"):
        grid.add_column(column, justify="left" if column in ("stage", "makes") else "right", overflow="fold")
    for node, steps, naive in whole.nodes():
        made = [step.expect for step in steps if step.state == "make"]
        costs = (
            sum(one.requests for one in made), sum(one.tokens for one in made), sum(one.usd + one.gpu_usd for one in made),
            sum(one.hours for one in made), sum(one.disk_gb for one in made),
        )  # fmt: skip
        grid.add_row(node, _kinds(steps), f"{naive:,}", f"{len(steps):,}", f"{len(made):,}", *map(amount, costs))
    return grid


def _kinds(steps: list[Step]) -> str:
    return ", ".join(dict.fromkeys(step.kind for step in steps))


def _axis(first: Study, whole: Whole, axis: Axis) -> str:
    if not axis.values:
        return f"drawn from {axis.interval.input_line.partition('=')[2] if axis.interval and axis.interval.input_line else 'an interval'}"
    shown = [" ".join(value).removeprefix(f"{axis.name}=") or "as configured" for value in axis.values[:MANY]]
    named = ", ".join(shown) + (f", and {len(axis.values) - MANY} more" if len(axis.values) > MANY else "")
    jobs = first.machine.jobs
    all_, one = whole.total(jobs), whole.without(axis, jobs)
    usd = all_.usd + all_.gpu_usd - one.usd - one.gpu_usd
    saved = [
        f"{all_.requests - one.requests:,.0f} requests" if all_.requests > one.requests else "", f"${usd:,.2f}" if usd > 0 else "",
        f"{all_.gpu_hours - one.gpu_hours:,.1f} GPU-hours" if all_.gpu_hours > one.gpu_hours else "",
        f"{len(whole.steps) - whole.stages_without(axis):,} stages",
    ]  # fmt: skip
    return f"{named} ({len(axis.values)} values; all but the first cost {', '.join(part for part in saved if part)})"
