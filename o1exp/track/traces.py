"""Some sampled answers of a run as MLflow's traces: problem, thought, answer and verdict, to be read in the UI."""

import json
import random
import time
from typing import TYPE_CHECKING, Any

from o1exp.answers.thought import parted
from o1exp.history.arms import Arm
from o1exp.records import Attempt, Problem, Score

if TYPE_CHECKING:
    from mlflow import MlflowClient

EACH = 3
"""Right and wrong answers of a benchmark that are logged, so many of each at most."""
LONGEST = 20_000
"""Characters of a text: all of it stands in the artefacts."""


def log(client: "MlflowClient", experiment: str, run_id: str, arm: Arm) -> None:
    """The first right and the first wrong answers of every benchmark, as far as they are still there."""
    from mlflow.tracing.client import TracingClient

    found = [(name, *answer) for name in arm.sampled for answer in chosen(arm, name)]
    tracing = TracingClient(client.tracking_uri) if found else None
    for name, problem, attempt, score in found:
        assert tracing is not None
        info, span = _trace(experiment, run_id, name, (problem, attempt, score))
        tracing.start_trace(info)
        tracing.log_spans(experiment, [span])


def chosen(arm: Arm, benchmark: str) -> list[tuple[Problem, Attempt, Score]]:
    """At most `EACH` answers that are right and `EACH` that are not, by the order of the problems."""
    problems, attempts, scores = arm.problems(benchmark), arm.attempts(benchmark), arm.scores(benchmark)
    left, found = {True: EACH, False: EACH}, []
    for question, scored in scores.items():
        if not any(left.values()):
            break
        texts = {attempt.draw: attempt for attempt in attempts.get(question, [])}
        for score in scored[:1]:
            right = bool(score.correct)
            if question in problems and score.draw in texts and left[right]:
                left[right] -= 1
                found.append((problems[question], texts[score.draw], score))
    return found


def verdict(score: Score) -> str:
    """Right, wrong, no answer, or a judge's word."""
    if score.correct is None:
        return score.label or "unscored"
    return "right" if score.correct else "wrong" if score.extracted else "no answer"


def _trace(experiment: str, run_id: str, benchmark: str, answer: tuple[Problem, Attempt, Score]) -> tuple[Any, Any]:
    from mlflow.entities import AssessmentSource, Feedback, TraceInfo, TraceLocation, TraceState

    problem, attempt, score = answer
    number, now, said = random.getrandbits(128), time.time_ns(), verdict(score)
    trace_id = f"tr-{number:032x}"
    parts = parted(attempt.text)
    outputs = {"thought": parts.thought[:LONGEST], "answer": parts.answer[:LONGEST], "read as": score.extracted, "verdict": said}
    inputs = {"problem": problem.question[:LONGEST], "gold answer": problem.answer}
    source = AssessmentSource("CODE", score.scorer or "grade")
    info = TraceInfo(
        trace_id=trace_id, trace_location=TraceLocation.from_experiment_id(experiment), request_time=now // 10**6, state=TraceState.OK,
        request_preview=problem.question[:1000], response_preview=f"{said}: {score.extracted or attempt.text[-200:]}", execution_duration=0,
        trace_metadata={"mlflow.sourceRun": run_id, "mlflow.trace_schema.version": "3"},
        tags={"mlflow.traceName": benchmark, "verdict": said, "benchmark": benchmark, "tokens": str(attempt.tokens)},
        assessments=[Feedback(name="verdict", value=said, source=source, trace_id=trace_id)],
    )  # fmt: skip
    return info, _span(number, now, {"inputs": inputs, "outputs": outputs})


def _span(trace: int, now: int, said: dict[str, Any]) -> Any:
    from mlflow.entities.span import Span
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    own = {"traceRequestId": f"tr-{trace:032x}", "spanType": "LLM", "spanInputs": said["inputs"], "spanOutputs": said["outputs"]}
    attributes = {f"mlflow.{name}": json.dumps(value, ensure_ascii=False) for name, value in own.items()}
    context = SpanContext(trace_id=trace, span_id=random.getrandbits(64) or 1, is_remote=False)
    return Span(ReadableSpan(name="answer", context=context, start_time=now, end_time=now, attributes=attributes))
