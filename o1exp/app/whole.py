"""One plan over all cells of a sweep: each distinct stage once, whatever the number of cells that need it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from o1exp.app.axes import Axes, Axis, Value
from o1exp.app.total import Total, total
from o1exp.bench.grade import ATTEMPTS
from o1exp.bench.sample import Sample
from o1exp.config.compose import Study
from o1exp.flow.expect import Expect
from o1exp.flow.manifest import Manifest
from o1exp.flow.plan import PlannedStage, plan
from o1exp.flow.stage import Stage
from o1exp.flow.store import Store
from o1exp.flow.work import Made

KEPT = 10_000
"""Stages that are kept from cell to cell, at most."""


class Remembering(Store):
    """A store that looks once at each artefact: the cells of a sweep ask for the same ones."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.root, store.console, store.remake, storage=store.storage)
        self._looked: dict[str, Manifest | None] = {}

    def sound(self, stage: Made[object]) -> Manifest | None:
        if stage.key not in self._looked:
            self._looked[stage.key] = super().sound(stage)
        return self._looked[stage.key]


@dataclass(frozen=True)
class Step:
    """A distinct stage: the node it stands at, what it is expected to cost, and whether it is to be made."""

    node: str
    kind: str
    state: str
    expect: Expect
    preloads: tuple[str, ...]
    inputs: tuple[str, ...]
    """The keys of the stages that it stands on."""


@dataclass(frozen=True)
class Asked:
    """A benchmark as the cells ask it: problems (None: not known) and samples for each."""

    problems: float | None
    samples: int


@dataclass
class Whole:
    """What all cells take together. It grows cell by cell and keeps no stage, so that ten thousand cells fit into memory."""

    store: Remembering
    axes: Axes
    steps: dict[str, Step] = field(default_factory=dict)
    """The distinct stages by key."""
    cells: dict[Value, tuple[str, ...]] = field(default_factory=dict)
    """The keys of each cell's stages."""
    experiments: set[tuple[str, ...]] = field(default_factory=set)
    """The distinct goals: cells with the same one are the same experiment."""
    finished: set[Value] = field(default_factory=set)
    """Cells of which no stage is to be made."""
    reports: dict[Value, str] = field(default_factory=dict)
    """The key of each cell's report."""
    benchmarks: dict[str, Asked] = field(default_factory=dict)
    obstacles: dict[str, None] = field(default_factory=dict)
    """Why a cell could not run, one sentence each."""
    _planned: dict[str, PlannedStage] = field(default_factory=dict)
    """The last planned stages: cells that follow each other share most of theirs."""

    def add(self, overrides: Value, study: Study) -> None:
        steps = plan(self.store, study.wanted, self.store.remake, self._planned)
        if len(self._planned) > KEPT:
            self._planned.clear()
        self._planned |= {step.stage.key: step for step in steps}
        for step in steps:
            self._add(study.names.get(step.stage.key, step.stage.kind), step)
        if not self.benchmarks:
            self.benchmarks = dict(_benchmarks(study, steps))
        self.cells[overrides] = tuple(step.stage.key for step in steps)
        self.experiments.add(tuple(goal.key for goal in study.goals.values()))
        if study.report is not None:
            self.reports[overrides] = study.report.key
        if all(step.state != "make" for step in steps):
            self.finished.add(overrides)

    def _add(self, node: str, step: PlannedStage) -> None:
        known = self.steps.get(step.stage.key)
        if known is None or (known.state != "make" and step.state == "make"):  # hidden below one goal, and needed by another
            expect = replace(step.expect, details=())
            self.steps[step.stage.key] = Step(node, step.stage.kind, step.state, expect, step.stage.preloads, step.inputs)
        for line in step.obstacles:
            self.obstacles[f"{node}: {line}"] = None

    def preloads(self) -> list[str]:
        """What is worth loading once for the workers of all cells."""
        starting = [step.preloads for step in self.steps.values() if step.state == "make" and step.preloads]
        return list(dict.fromkeys(module for modules in starting for module in modules)) if len(starting) > 1 else []

    def total(self, jobs: int) -> Total:
        return total(self.steps.values(), jobs)

    @property
    def naive(self) -> int:
        """The stages of all cells, each counted in every cell."""
        return sum(map(len, self.cells.values()))

    def without(self, axis: Axis, jobs: int) -> Total:
        """What it would take with the axis at its first value alone."""
        kept = self._kept(axis)
        return total([step for key, step in self.steps.items() if key in kept], jobs)

    def stages_without(self, axis: Axis) -> int:
        """The distinct stages of those cells."""
        return len(self._kept(axis))

    def _kept(self, axis: Axis) -> set[str]:
        others = {word for value in axis.values[1:] for word in value} - set(axis.values[0])  # the first may set nothing: as configured
        return {key for cell, keys in self.cells.items() if not others & set(cell) for key in keys}

    def nodes(self) -> Iterator[tuple[str, list[Step], int]]:
        """Each node with its distinct stages, and how many they would be if no two cells shared one."""
        found: dict[str, list[Step]] = {}
        for step in self.steps.values():
            found.setdefault(step.node, []).append(step)
        counts: dict[str, int] = {}
        for keys in self.cells.values():
            for key in keys:
                counts[self.steps[key].node] = counts.get(self.steps[key].node, 0) + 1
        yield from ((node, steps, counts[node]) for node, steps in found.items())


def _benchmarks(study: Study, steps: Sequence[PlannedStage]) -> Iterator[tuple[str, Asked]]:
    """What the first cell's benchmarks ask; other cells rarely ask otherwise, and then no one difference holds for all."""
    expected = {step.stage.key: step.expect for step in steps}
    for step in steps:
        name = study.names.get(step.stage.key, step.stage.kind)
        sample = step.stage.inputs.get(ATTEMPTS)
        node, _, of = name.partition(" ")
        benchmark = node.removeprefix("bench.")
        if benchmark != node and "." not in benchmark and step.stage.role == "grading" and isinstance(sample, Sample):
            yield " ".join(filter(None, (benchmark, of))), Asked(_rows(expected, sample.problems), sample.samples)


def _rows(expected: dict[str, Expect], problems: Stage[object]) -> float | None:
    found = expected.get(problems.key)
    return found.rows if found else None
