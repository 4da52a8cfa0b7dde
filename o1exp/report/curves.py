"""A training's curves as points for MLflow: by optimizer step, and the same by tokens seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from o1exp.history.trained import TrainedPhase
from o1exp.train.logs import CurveRow, TimingRow

T = TypeVar("T")
CURVE_POINTS = 500
"""Points of a curve that are logged at most: MLflow's charts draw 320 of a run and take 0.1 ms to store one; the files hold every step."""
WINDOW = 10
"""Steps over which speed is measured."""


@dataclass(frozen=True)
class CurvePoint:
    """One value of a curve at `at` steps or tokens; `seconds` is when, counted from the start of the training."""

    name: str
    value: float
    at: int
    seconds: float


@dataclass(frozen=True)
class TimedStep:
    """A step with what it had cost by then (None: not written down) and the tokens per second of the last steps."""

    row: CurveRow
    cost: TimingRow | None
    tokens_per_second: float | None

    @property
    def seconds(self) -> float:
        return self.cost.seconds if self.cost else 0.0


def points(training: TrainedPhase) -> Iterator[CurvePoint]:
    """Every curve of a training below `phase1/` (by optimizer step) and `phase1_by_tokens/`."""
    by_step, by_tokens = f"phase{training.number}/", f"phase{training.number}_by_tokens/"
    rows = steps(training)
    for step in thinned(rows, CURVE_POINTS):
        row = step.row
        learned = {"loss": row.loss, "accuracy": row.accuracy, "grad_norm": row.grad_norm, "lr": row.lr}
        memory = step.cost.memory_mb if step.cost else None
        cost = {"tokens": row.tokens, "tokens_per_second": step.tokens_per_second, "memory_mb": memory}
        yield from _points({**learned, **cost}, by_step, row.step, step.seconds)
        yield from _points(learned, by_tokens, row.tokens, step.seconds)
    seconds = {step.row.step: step.seconds for step in rows}
    for checked in thinned(training.logs.validation, CURVE_POINTS):
        found, when = {"validation_loss": checked.loss, "validation_accuracy": checked.accuracy}, seconds.get(checked.step, 0.0)
        yield from _points(found, by_step, checked.step, when)
        yield from _points(found, by_tokens, checked.tokens, when)


def _points(values: dict[str, float | None], prefix: str, at: int, seconds: float) -> Iterator[CurvePoint]:
    yield from (CurvePoint(prefix + name, value, at, seconds) for name, value in values.items() if value is not None)


def steps(training: TrainedPhase) -> list[TimedStep]:
    """The curve's rows with what each step cost. Speed is that of the last steps, with the evaluations and checkpoints among them."""
    cost = {row.step: row for row in training.logs.timing}
    timed = [(row, cost.get(row.step)) for row in training.logs.curve]
    return [TimedStep(row, own, _speed(row, own, *timed[max(0, at - WINDOW)])) for at, (row, own) in enumerate(timed)]


def _speed(row: CurveRow, cost: TimingRow | None, before: CurveRow, cost_before: TimingRow | None) -> float | None:
    passed = cost.seconds - cost_before.seconds if cost and cost_before else 0.0
    return (row.tokens - before.tokens) / passed if passed > 0 else None


def thinned(rows: Sequence[T], most: int) -> list[T]:
    """At most so many rows, evenly spaced, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]
