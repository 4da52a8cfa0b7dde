"""What MLflow is told about a run: names, parameters, metrics, datasets and files, as plain values made from the artefacts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from o1exp.flow.manifest import NAME as MANIFEST
from o1exp.history.arms import Arm
from o1exp.history.runs import RunRecord
from o1exp.media.text import markdown_cell, one_line
from o1exp.report.compare import ResultRow, plain_rows, rows
from o1exp.report.phases import learning_text
from o1exp.report.table import reported
from o1exp.track import datasets, measured, names
from o1exp.track.settings import name, params, settings
from o1exp.train.data.preview import PAGE as PREVIEW
from o1exp.train.logs import LOGS

KIND, STATUS, DONE = "o1exp.kind", "status", "done"
Span = tuple[float, float]
"""When the work of a run began and when it was over: seconds since 1970."""


@dataclass(frozen=True)
class LoggedRun:
    """One MLflow run to be: `files` are (path, artifact folder), `metrics`, `params` and `datasets` MLflow's own entities.

    `span` is that of the work; `arm` the one whose model and answers stand behind the run, None for a run of several.
    """

    name: str
    tags: dict[str, str]
    params: list[Any]
    metrics: list[Any] = field(default_factory=list)
    datasets: list[Any] = field(default_factory=list)
    files: list[tuple[Path, str]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    span: Span | None = None
    arm: Arm | None = None


def begun(record: RunRecord, began: float) -> LoggedRun:
    """What is known of a run before anything is made."""
    tags = {KIND: "run", STATUS: "waiting", **_tags(record), "o1exp.stages": json.dumps(record.stages, ensure_ascii=False)}
    return LoggedRun(name(record), names.tags(tags), params(settings(record)), span=(began, began))


def arm_begun(record: RunRecord, arm: str, began: float) -> LoggedRun:
    """The same for one arm of several."""
    tags = {KIND: "arm", STATUS: "waiting", **_tags(record)}
    return LoggedRun(names.run_name(arm), names.tags(tags), params({"arm": arm, **settings(record, arm)}), span=(began, began))


def entry(record: RunRecord, arms: list[Arm], told: dict[str, int] | None = None) -> LoggedRun:
    """The run itself. A single arm's scores and curves stand in it directly; those of several get the arm's name before them.

    `told` is the last step of each curve that was logged while it trained.
    """
    alone = len(arms) == 1
    report = arms[0].lineage.find(record.report) if record.report else None
    table = reported(arms, report.folder) if report else rows(arms, record.baseline)
    called = names.keys((arm.name for arm in arms), names.LONGEST_ARM)
    metrics = [one for row in table for one in measured.scores(row, "" if alone else f"{called[row.arm.name]}/")]
    metrics += measured.transparency(arms[0].lineage.find(record.cards["audit"]) if "audit" in record.cards else None)
    metrics += measured.calls(arms)
    found = begun(record, 0.0)
    stages = record.stages or {a.path: a.manifest.key for arm in arms for a in arm.stages}
    tags = {"mlflow.note.content": _note(record, table), "o1exp.stages": json.dumps(stages, ensure_ascii=False), **_made(arms)}
    files = [(report.folder / name, "report") for name in report.manifest.files] if report else []
    files += [(path, "run") for path in record.files]
    texts = {"config.json": json.dumps(record.config, indent=1, ensure_ascii=False), "manifests.json": _manifests(arms)}
    run = replace(
        found, tags=found.tags | names.tags(tags | {STATUS: DONE}), metrics=metrics, datasets=datasets.inputs(arms), files=files,
        texts=texts, span=span(arms),
    )  # fmt: skip
    return _with_arm(run, arms[0], told) if alone else run


def arm_entry(record: RunRecord, arm: Arm, told: dict[str, int] | None = None) -> LoggedRun:
    """One arm of a run of several: its scores under plain names, so that arms stand in one column, its curves and samples."""
    found = arm_begun(record, arm.name, 0.0)
    tags = {"o1exp.result": arm.result.path, STATUS: DONE, **_made([arm])}
    stages = {"o1exp.stages": json.dumps({a.path: a.manifest.key for a in arm.stages})}
    metrics = [one for row in plain_rows([arm]) for one in measured.scores(row)]
    run = replace(
        found, tags=found.tags | names.tags(tags | stages), metrics=metrics, datasets=datasets.inputs([arm]), span=span([arm])
    )  # fmt: skip
    return _with_arm(run, arm, told)


def span(arms: Iterable[Arm]) -> Span | None:
    """From the first stage's beginning to the last one's end, as the manifests say."""
    found = [(datetime.fromisoformat(a.manifest.started).timestamp(), a.manifest.seconds) for arm in arms for a in arm.stages]
    return (min(began for began, _ in found), max(began + seconds for began, seconds in found)) if found else None


def _with_arm(run: LoggedRun, arm: Arm, told: dict[str, int] | None) -> LoggedRun:
    """The run with what it says of its one arm."""
    phases = {f"o1exp.phase{training.number}": training.kind for training in arm.trainings}
    return replace(
        run, arm=arm, tags=run.tags | names.tags(dict(measured.score_tags(arm)) | phases),
        metrics=run.metrics + measured.headlines(arm) + measured.curves(arm, told),
        files=run.files + _phase_files(arm), texts=run.texts | _phase_texts(arm),
    )  # fmt: skip


def _tags(record: RunRecord) -> dict[str, str]:
    tags = {"o1exp.key": names.searched(record.key), "mlflow.source.name": record.command or "o1exp", "mlflow.source.type": "LOCAL"}
    return tags | ({"o1exp.baseline": record.baseline} if record.baseline else {})


def _made(arms: list[Arm]) -> dict[str, str]:
    """Commit and machine of the first result."""
    by = arms[0].result.manifest.made_by
    said = {"mlflow.source.git.commit": by.get("commit"), "o1exp.commit": by.get("commit"), "o1exp.machine": by.get("processor")}
    gpus = {a.manifest.made_by["gpu"] for arm in arms for a in arm.stages if a.manifest.made_by.get("gpu")}
    return {tag: value for tag, value in said.items() if value} | ({"o1exp.gpu": ", ".join(sorted(gpus))} if gpus else {})


def _manifests(arms: list[Arm]) -> str:
    """The manifests of all stages in one file: one file is written in a tenth of the time of thirty."""
    every = {a.path: a.folder for arm in arms for a in arm.stages}
    found = {path: json.loads((folder / MANIFEST).read_text(encoding="utf-8")) for path, folder in every.items()}
    return json.dumps(found, ensure_ascii=False)


def _phase_files(arm: Arm) -> list[tuple[Path, str]]:
    """Per phase what the training wrote, every step of it, and the first examples with what is learned of them marked."""
    found = []
    for training in arm.trainings:
        made = [(training.artefact, log.name) for log in LOGS]
        made += [(training.prepared, PREVIEW)] if training.prepared else []
        found += [(one.folder / name, f"phase{training.number}") for one, name in made if name in one.manifest.files]
    return found


def _phase_texts(arm: Arm) -> dict[str, str]:
    return {f"phase{training.number}/samples.md": learning_text(training) for training in arm.trainings if training.logs.samples}


def _note(record: RunRecord, table: list[ResultRow]) -> str:
    head = "| arm | benchmark | accuracy | 95 % interval | output tokens |\n|---|---|---:|---:|---:|\n"
    named = [(markdown_cell(row.arm.name), markdown_cell(row.benchmark), row) for row in table]
    lines = [f"| {arm} | {benchmark} | {_percents(row)} | {row.score.tokens:.0f} |\n" for arm, benchmark, row in named]
    verdicts = "".join(f"\n{markdown_cell(row.verdict)}\n" for row in table if row.verdict)
    command = f"\n    {one_line(record.command)}\n" if record.command else ""
    return head + "".join(lines) + verdicts + command + "\nThe page is under Artifacts: report/index.html.\n"


def _percents(row: ResultRow) -> str:
    return f"{100 * row.score.accuracy:.1f} % | {100 * row.score.low:.1f} to {100 * row.score.high:.1f}"
