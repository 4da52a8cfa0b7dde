"""The numbers of a run as MLflow's metrics: what came out in a few words that make columns, every number of every benchmark, curves."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact
from o1exp.report.compare import ResultRow
from o1exp.report.curves import CurvePoint, points
from o1exp.report.ledger import money, usd_per_right
from o1exp.track import names
from o1exp.tti.stage import Audited

HEADLINES = ("accuracy", "tokens", "train_tokens", "usd")
"""The columns of a table beside the benchmarks: means over them, and what the arm cost."""


def headlines(arm: Arm) -> list[Any]:
    """Accuracy and output tokens of an answer (means over benchmarks), tokens trained on, dollars; what is not known is left out."""
    scores, total = list(arm.outcome.benchmarks.values()), money([arm]).answers
    found: dict[str, float | None] = {"train_tokens": arm.training_tokens, "usd": None if arm.gone else total.usd}
    if scores:
        found["accuracy"] = sum(score.accuracy for score in scores) / len(scores)
        found["tokens"] = sum(score.tokens for score in scores) / len(scores)
    return [metric(name, value) for name, value in found.items() if value is not None]


def scores(row: ResultRow, prefix: str = "") -> list[Any]:
    """Everything about one arm on one benchmark."""
    score, start = row.score, f"{prefix}{row.benchmark}/"
    values = {
        "accuracy": score.accuracy, "accuracy_low": score.low, "accuracy_high": score.high, "accuracy_error": score.error,
        "output_tokens": score.tokens, "truncated": score.truncated, "no_answer": score.no_answer,
    }  # fmt: skip
    values |= {f"pass_at_{k}": value for k, value in score.pass_at.items() if k != "1"}
    values |= {f"majority_at_{k}": value for k, value in score.majority_at.items() if k != "1"}
    if row.against is not None:
        values |= {"difference": row.against.difference, "p": row.against.adjusted}
    found = {start + name: float(value) for name, value in values.items()}
    arm = row.arm
    trained = {"tokens": arm.training_tokens, "examples": arm.training_examples, "cpu_seconds": arm.training_cpu_seconds}
    found |= {f"{prefix}training/{name}": value for name, value in trained.items() if value is not None}
    return [metric(name, value) for name, value in found.items()]


def curves(arm: Arm, after: dict[str, int] | None = None) -> list[Any]:
    """Every phase's curves, at the times of the training; `after`: the last step of each curve that was told while it trained."""
    told = after or {}
    found = []
    for training in arm.trainings:
        started = datetime.fromisoformat(training.artefact.manifest.started).timestamp()
        found += [of_curve(point, started) for point in points(training) if point.at > told.get(point.name, -1)]
    return found


def of_curve(point: CurvePoint, started: float) -> Any:
    """A point of a training that began at `started` (seconds since 1970)."""
    return metric(point.name, point.value, point.at, started + point.seconds)


def transparency(audit: Artefact | None) -> list[Any]:
    """The points of the run's audit, as far as it has one."""
    found = Audited.read(audit.folder).points if audit else {}
    return [metric(f"tti/{dimension}", value) for dimension, value in found.items()]


def calls(arms: list[Arm]) -> list[Any]:
    """What the model calls of all arms came to by the ledger, each distinct answer once; nothing where no model was asked, or where
    stages that may have asked one were deleted.
    """
    total = money(arms)
    known = total.answers.answered and not any(arm.gone for arm in arms)
    values = {
        "answers": total.answers.answered, "answers_usd": total.answers.usd, "replayed": total.replayed.answered,
        "paid_usd": total.paid.usd, "lost": total.paid.lost, "lost_usd": total.paid.lost_usd,
        **({} if (each := usd_per_right(arms)) is None else {"usd_per_right": each}),
    }  # fmt: skip
    return [metric(f"calls/{name}", value) for name, value in values.items()] if known else []


def metric(name: str, value: float, step: float = 0, second: float | None = None) -> Any:
    """A value at a step and a time (seconds since 1970; now, where none is given)."""
    from mlflow.entities import Metric

    return Metric(names.key(name), float(value), int((time.time() if second is None else second) * 1000), int(step))


def percents(value: float, low: float, high: float) -> str:
    """e.g. "93.3 % (84.1 to 97.4)": a score that is read at once with its interval."""
    return f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def score_tags(arm: Arm) -> Iterator[tuple[str, str]]:
    """Each benchmark's score with its 95 % interval, one column of the table."""
    for name, score in arm.outcome.benchmarks.items():
        yield score_tag(name), percents(score.accuracy, score.low, score.high)


def score_tag(benchmark: str) -> str:
    return names.key(f"score {benchmark}")
