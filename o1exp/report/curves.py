"""A training's curves as points for MLflow: by optimizer step, and the same by tokens seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from o1exp.history.lineage import Training

T = TypeVar("T")
CURVE_POINTS = 500
"""Points of a curve that are logged at most: MLflow's charts draw 320 of a run and take 0.1 ms to store one; the files hold every step."""
WINDOW = 10
"""Steps over which speed is measured."""
BY_TOKENS = ("loss", "accuracy", "grad_norm", "lr")
BY_STEP = (*BY_TOKENS, "tokens", "tokens_per_second", "memory_mb")
CHECKED = ("loss", "accuracy")


@dataclass(frozen=True)
class Point:
    """One value of a curve at `at` steps or tokens; `seconds` is when, counted from the start of the training."""

    name: str
    value: float
    at: int
    seconds: float


def points(training: Training) -> Iterator[Point]:
    """Every curve of a training below `phase1/` (by optimizer step) and `phase1_by_tokens/`."""
    by_step, by_tokens = f"phase{training.phase}/", f"phase{training.phase}_by_tokens/"
    rows = steps(training)
    for row in thinned(rows, CURVE_POINTS):
        yield from _points(row, BY_STEP, by_step, "step")
        yield from _points(row, BY_TOKENS, by_tokens, "tokens")
    seconds = {row["step"]: row.get("seconds", 0.0) for row in rows}
    for row in thinned(training.validation, CURVE_POINTS):
        timed = {**row, "seconds": seconds.get(row["step"], 0.0)}
        yield from _points(timed, CHECKED, by_step + "validation_", "step")
        yield from _points(timed, CHECKED, by_tokens + "validation_", "tokens")


def _points(row: dict[str, Any], names: Sequence[str], prefix: str, axis: str) -> Iterator[Point]:
    yield from (Point(prefix + name, row[name], row[axis], row.get("seconds", 0.0)) for name in names if name in row)


def steps(training: Training) -> list[dict[str, Any]]:
    """The curve's rows with what each step cost: seconds, cpu_seconds and memory_mb so far, and tokens_per_second.

    Speed is that of the last steps, with the evaluations and checkpoints among them.
    """
    cost = {row["step"]: row for row in training.timing}
    rows = [{**cost.get(row["step"], {}), **row} for row in training.curve]
    for at, row in enumerate(rows[1:], 1):
        before = rows[max(0, at - WINDOW)]
        passed = row.get("seconds", 0.0) - before.get("seconds", 0.0)
        if passed > 0 and "seconds" in before:
            row["tokens_per_second"] = (row["tokens"] - before["tokens"]) / passed
    return rows


def thinned(rows: Sequence[T], most: int) -> list[T]:
    """At most so many rows, evenly spaced, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]
