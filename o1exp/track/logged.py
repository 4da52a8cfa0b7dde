"""What MLflow is told about a run: names, parameters, metrics, datasets and files, as plain values made from the artefacts."""

import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from o1exp.flow.manifest import NAME as MANIFEST
from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact
from o1exp.history.runs import RunRecord
from o1exp.media.text import markdown_cell, one_line
from o1exp.report.compare import ResultRow, plain_rows, rows
from o1exp.report.curves import points
from o1exp.report.ledger import money, usd_per_right
from o1exp.report.phases import learning_text
from o1exp.report.table import reported
from o1exp.track import names
from o1exp.train.data.preview import PAGE as PREVIEW
from o1exp.train.logs import LOGS
from o1exp.tti.stage import Audited


@dataclass(frozen=True)
class LoggedRun:
    """One MLflow run to be: `files` are (path, artifact folder), `metrics`, `params` and `datasets` MLflow's own entities."""

    name: str
    tags: dict[str, str]
    params: list[Any]
    metrics: list[Any]
    datasets: list[Any]
    files: list[tuple[Path, str]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def entry(record: RunRecord, arms: list[Arm]) -> LoggedRun:
    """The run itself. A single arm's scores and curves stand in it directly; those of several get the arm's name before them."""
    alone = len(arms) == 1
    report = arms[0].lineage.find(record.report) if record.report else None
    table = reported(arms, report.folder) if report else rows(arms, record.baseline)
    called = names.keys((arm.name for arm in arms), names.LONGEST_ARM)
    metrics = [metric for row in table for metric in _scores(row, "" if alone else f"{called[row.arm.name]}/")]
    metrics += _curves(arms[0]) if alone else []
    metrics += _transparency(arms[0].lineage.find(record.cards["audit"]) if "audit" in record.cards else None)
    metrics += _money(arms)
    tags = {
        "o1exp.key": names.searched(record.key), "o1exp.kind": "run", "mlflow.source.name": record.command or "o1exp",
        "mlflow.source.type": "LOCAL", "mlflow.note.content": _note(record, table),
        **{f"stage.{_stage(name)}": key for name, key in record.stages.items()},
        **_commit(arms[0].result), **(_phase_tags(arms[0]) if alone else {}),
    }  # fmt: skip
    if not record.stages:
        tags |= _stage_tags(arms)
    files = [(report.folder / name, "report") for name in report.manifest.files] if report else []
    files += [(path, "run") for path in record.files]
    texts = {f"manifests/{a.stage}-{a.manifest.key}.json": (a.folder / MANIFEST).read_text() for arm in arms for a in arm.stages}
    files += _phase_files(arms[0]) if alone else []
    texts |= _phase_texts(arms[0]) if alone else {}
    texts["config.json"] = json.dumps(record.config, indent=1, ensure_ascii=False)
    return LoggedRun(
        names.run_name(record.name), names.tags(tags), params(flat(record.config) | chosen(record)), metrics, _datasets(arms), files, texts
    )


def arm_entry(record: RunRecord, arm: Arm) -> LoggedRun:
    """One arm of a run of several: its scores under plain names, so that arms stand in one column, its curves and samples."""
    row_metrics = [metric for row in plain_rows([arm]) for metric in _scores(row, "")]
    tags = {"o1exp.key": f"{record.key} {arm.name}", "o1exp.kind": "arm", "o1exp.result": arm.result.path}
    tags |= _stage_tags([arm]) | _commit(arm.result) | _phase_tags(arm)
    own = {f"{t.artefact.stage}{t.number}": t.artefact.manifest.settings for t in arm.trainings}
    metrics = row_metrics + _curves(arm)
    parameters = params({"arm": arm.name, **own})
    datasets, files, texts = _datasets([arm]), _phase_files(arm), _phase_texts(arm)
    return LoggedRun(names.run_name(arm.name), names.tags(tags), parameters, metrics, datasets, files, texts)


def params(config: dict[str, Any]) -> list[Any]:
    """MLflow parameters for every leaf of a nested config, e.g. think.lr; names and values within MLflow's limits."""
    from mlflow.entities import Param

    leaves = flat(config)
    called = names.keys(leaves)
    return [Param(called[name], names.value(value)) for name, value in leaves.items()]


def chosen(record: RunRecord) -> dict[str, str]:
    """The options that overrides chose, thought=distil, which are no values of the config; by them the cells of a sweep are told apart."""
    words = (override.partition("=")[::2] for override in record.overrides if override[:1] not in "+~")
    return {name: option for name, option in words if isinstance(record.config.get(name.partition("@")[0]), dict) and "." not in name}


def flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted path; lists of scalars and empty containers count as leaves, Hydra's own keys (`_target_`) are left out."""
    leaves: dict[str, Any] = {}
    items = config.items() if isinstance(config, dict) else enumerate(config)
    for key, value in items:
        path = f"{prefix}{key}"
        if str(key).startswith("_"):
            continue
        nested = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))
        leaves |= flat(value, path + ".") if nested and value else {path: value}
    return leaves


def _scores(row: ResultRow, prefix: str) -> list[Any]:
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
    return [_metric(name, value, 0, time.time()) for name, value in found.items()]


def _curves(arm: Arm) -> list[Any]:
    """Every phase's curves, at the times of the training."""
    found = []
    for training in arm.trainings:
        started = datetime.fromisoformat(training.artefact.manifest.started).timestamp()
        found += [_metric(point.name, point.value, point.at, started + point.seconds) for point in points(training)]
    return found


def _transparency(audit: Artefact | None) -> list[Any]:
    """The points of the run's audit, as far as it has one."""
    points = Audited.read(audit.folder).points if audit else {}
    return [_metric(f"tti/{dimension}", value, 0, time.time()) for dimension, value in points.items()]


def _money(arms: list[Arm]) -> list[Any]:
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
    return [_metric(f"calls/{name}", value, 0, time.time()) for name, value in values.items()] if known else []


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


def _phase_tags(arm: Arm) -> dict[str, str]:
    """What each phase was, e.g. o1exp.phase3: DPO."""
    return {f"o1exp.phase{training.number}": training.kind for training in arm.trainings}


def _metric(name: str, value: float, step: float, second: float) -> Any:
    """A value at a step and a time (seconds since 1970)."""
    from mlflow.entities import Metric

    return Metric(names.key(name), float(value), int(second * 1000), int(step))


def _datasets(arms: list[Arm]) -> list[Any]:
    """The tables that were trained on and the benchmarks, each once, with the digest of their files."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    used: dict[tuple[str, str], tuple[Artefact, str]] = {}
    for arm in arms:
        for training in arm.trainings:
            used |= {(table.path, "training"): (table, "training") for table in training.tables[-1:]}
        used |= {(problems.path, "evaluation"): (problems, "evaluation") for problems in arm.posed.values()}
    return [
        DatasetInput(
            Dataset(
                name=f"{table.stage}-{table.manifest.key[:8]}", digest=table.manifest.digest[:32], source_type="local",
                source=json.dumps({"path": table.path}), profile=json.dumps({"rows": table.facts.get("rows")}),
            ),
            [InputTag("mlflow.data.context", context)],
        )
        for table, context in used.values()
    ]  # fmt: skip


def _note(record: RunRecord, table: list[ResultRow]) -> str:
    head = "| arm | benchmark | accuracy | 95 % interval | output tokens |\n|---|---|---:|---:|---:|\n"
    named = [(markdown_cell(row.arm.name), markdown_cell(row.benchmark), row) for row in table]
    lines = [f"| {arm} | {benchmark} | {_percents(row)} | {row.score.tokens:.0f} |\n" for arm, benchmark, row in named]
    verdicts = "".join(f"\n{markdown_cell(row.verdict)}\n" for row in table if row.verdict)
    command = f"\n    {one_line(record.command)}\n" if record.command else ""
    return head + "".join(lines) + verdicts + command + "\nThe page is under Artifacts: report/index.html.\n"


def _percents(row: ResultRow) -> str:
    return f"{100 * row.score.accuracy:.1f} % | {100 * row.score.low:.1f} to {100 * row.score.high:.1f}"


def _stage(name: str) -> str:
    """Tags have no brackets: "think (long thoughts)" becomes think.long thoughts."""
    return name.replace(" (", ".").replace(")", "")


def _stage_tags(arms: list[Arm]) -> dict[str, str]:
    """Stage keys by kind, numbered where a kind occurs more than once."""
    tags: dict[str, str] = {}
    for artefact in {a.path: a for arm in arms for a in arm.stages}.values():
        name, number = f"stage.{artefact.stage}", 1
        while name in tags:
            number += 1
            name = f"stage.{artefact.stage}.{number}"
        tags[name] = artefact.manifest.key
    return tags


def _commit(result: Artefact) -> dict[str, str]:
    commit = result.manifest.made_by.get("commit")
    return {"mlflow.source.git.commit": commit} if commit else {}
