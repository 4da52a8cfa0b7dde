"""Where the examples went and what everything cost, over all arms, each stage once."""

from dataclasses import dataclass

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact, Training

COUNTS = (
    "right", "wrong", "no_answer", "unscored", "problems_covered", "left_out", "unreadable", "without_solution", "rewritten", "disagreed",
    "dropped", "cut",
)  # fmt: skip
"""Facts of a stage that tell why rows were lost; zeros and what is not there go unsaid."""


@dataclass(frozen=True)
class Step:
    """One stage of a funnel: rows that came out, and what it noted about the others."""

    stage: str
    rows: int
    remark: str


@dataclass(frozen=True)
class Funnel:
    """From problems to the examples of one training, e.g. label "Phase 2: SFT"; `arms` share it."""

    label: str
    arms: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def most(self) -> int:
        return max((step.rows for step in self.steps), default=1) or 1


@dataclass(frozen=True)
class Cost:
    """One stage's bill; `arms` share it."""

    artefact: Artefact
    arms: tuple[str, ...]

    def fact(self, name: str) -> float:
        value = self.artefact.facts.get(name, 0)
        return float(value) if isinstance(value, int | float) else 0.0


def shared_trainings(arms: list[Arm]) -> list[tuple[Training, tuple[str, ...]]]:
    """Every training once, phase by phase, with the arms that stand on it."""
    owners: dict[str, list[str]] = {}
    found: dict[str, Training] = {}
    for arm in arms:
        for training in arm.trainings:
            found.setdefault(training.artefact.path, training)
            owners.setdefault(training.artefact.path, []).append(arm.name)
    ordered = sorted(found.values(), key=lambda training: training.phase)
    return [(training, tuple(owners[training.artefact.path])) for training in ordered]


def funnels(arms: list[Arm]) -> list[Funnel]:
    """The way to every training; arms whose ways have the same numbers share one."""
    owners: dict[tuple[str, tuple[Step, ...]], list[str]] = {}
    for training, names in shared_trainings(arms):
        owners.setdefault((training.label, _steps(training)), []).extend(names)
    return [Funnel(label, tuple(names), steps) for (label, steps), names in owners.items()]


def costs(arms: list[Arm]) -> list[Cost]:
    """Every stage below the arms once, inputs first."""
    owners: dict[str, list[str]] = {}
    found: dict[str, Artefact] = {}
    for arm in arms:
        for artefact in arm.stages:
            found.setdefault(artefact.path, artefact)
            owners.setdefault(artefact.path, []).append(arm.name)
    return [Cost(artefact, tuple(owners[path])) for path, artefact in found.items()]


@dataclass(frozen=True)
class Bill:
    """What one arm costs alone: model calls, and CPU seconds of data, training and evaluation."""

    arm: str
    requests: float
    tokens: float
    usd: float
    data: float
    training: float
    evaluation: float


def bills(arms: list[Arm]) -> list[Bill]:
    return [_bill(arm) for arm in arms]


def _bill(arm: Arm) -> Bill:
    calls = [Cost(artefact, (arm.name,)) for artefact in arm.stages if artefact.facts.get("requests")]
    training = {artefact.path for phase in arm.trainings for artefact in arm.lineage.below(phase.artefact)}
    seconds = {"data": 0.0, "training": 0.0, "evaluation": 0.0}
    for artefact in arm.stages:
        part = "evaluation" if artefact.path not in training else "data" if artefact.is_table else "training"
        seconds[part] += artefact.manifest.cpu_seconds
    requests, tokens, usd = (sum(call.fact(name) for call in calls) for name in ("requests", "tokens", "usd"))
    return Bill(arm.name, requests, tokens, usd, seconds["data"], seconds["training"], seconds["evaluation"])


def _steps(training: Training) -> tuple[Step, ...]:
    steps = [Step(table.stage, int(table.facts.get("rows", 0)), _remark(table)) for table in training.tables]
    remark = f"{training.tokens:,} tokens, {training.steps:,} {'step' if training.steps == 1 else 'steps'}"
    remark = ", ".join(filter(None, (remark, _remark(training.artefact))))
    return (*steps, Step(training.artefact.stage, training.examples, remark))


def _remark(table: Artefact) -> str:
    """What the stage noted, e.g. "974 requests, 600 right, 31 wrong"; a mapping of reasons is spelled out."""
    said = []
    for name in ("requests", *COUNTS):
        value, words = table.facts.get(name), name.replace("_", " ")
        if isinstance(value, dict):
            said += [f"{count:,} {words} ({reason.replace('_', ' ')})" for reason, count in value.items() if count]
        elif isinstance(value, int) and value:
            said.append(f"{value:,} {words}")
    return ", ".join(said)
