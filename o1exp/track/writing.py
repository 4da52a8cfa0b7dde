"""A run written into MLflow, all at once from its artefacts, or into what was begun while it was made."""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from o1exp.history.runs import RunRecord
from o1exp.track import models, traces
from o1exp.track.columns import Seen
from o1exp.track.logged import KIND, LoggedRun, arm_entry, entry
from o1exp.track.names import run_name, searched
from o1exp.track.opening import sweep_run
from o1exp.track.tracking import KEY_TAG, PARENT_TAG, Begun, Cell, key_of
from o1exp.track.view import STUDY, of_study, packed, tag, unpacked

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROCESS, CELL, SEEN = "o1exp.process", "o1exp.cell", "o1exp.seen"


def log_all(client: "MlflowClient", experiment: str, record: RunRecord, cell: Cell | None, begun: Begun | None = None) -> str:
    """The run and, below it, its arms. It is finished last, so that a kill in between leaves nothing that counts as logged."""
    parent = (cell.parent or sweep_run(client, record.root, experiment, cell.sweep)) if cell else None
    started = begun or Begun()
    known = logged(client, experiment, key_of(record, cell), parent, started.runs.get("", ""))
    if known is not None:
        return known
    arms = record.gathered()
    whole = as_cell(entry(record, arms, started.told.get("")), record, cell)
    run_id = _write(client, experiment, whole, parent, started.runs.get("", ""))
    for arm in arms if len(arms) > 1 else []:
        own = arm_entry(record, arm, started.told.get(arm.name))
        arm_id = _write(client, experiment, own, run_id, started.runs.get(arm.name, ""))
        _end(client, arm_id, own, started)
    _end(client, run_id, whole, started)
    if cell is None:
        phases = max(len(arm.trainings) for arm in arms)
        see(
            client,
            experiment,
            [{param.key: param.value for param in whole.params}],
            [name for arm in arms for name in arm.outcome.benchmarks],
            phases,
        )
    return run_id


def as_cell(run: LoggedRun, record: RunRecord, cell: Cell | None) -> LoggedRun:
    """The run as the cell of a sweep that it is: called by what tells it apart, whatever else was set."""
    if cell is None:
        return run
    tags = {KIND: "cell", CELL: cell.place, KEY_TAG: searched(key_of(record, cell))}
    return replace(run, name=run_name(cell.name) if cell.name else run.name, tags=run.tags | tags)


def create(client: "MlflowClient", experiment: str, run: LoggedRun, parent: str | None) -> str:
    """A run with its name, tags and parameters, under way since the beginning of its span."""
    tags = run.tags | ({PARENT_TAG: parent} if parent else {}) | {PROCESS: f"{socket.gethostname()} {os.getpid()}"}
    start = int(1000 * run.span[0]) if run.span else None
    run_id = str(client.create_run(experiment, start_time=start, run_name=run.name, tags=tags).info.run_id)
    for params in parts(run.params, 90):
        client.log_batch(run_id, params=params)
    return run_id


def logged(client: "MlflowClient", experiment: str, key: str, parent: str | None, ours: str = "") -> str | None:
    """The finished run of this key and parent; unfinished ones are deleted with all below them, but for `ours`."""
    for run in client.search_runs([experiment], f"tags.`{KEY_TAG}` = '{searched(key)}'", max_results=1000):
        if run.data.tags.get(PARENT_TAG) != parent or run.info.run_id == ours:
            continue
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        for inner in client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{run.info.run_id}'"):
            client.delete_run(inner.info.run_id)
        client.delete_run(run.info.run_id)
    return None


def see(client: "MlflowClient", experiment: str, runs: Sequence[Mapping[str, str]], scored: Sequence[str], phases: int) -> None:
    """Take runs into account in the study's view: what is known of those before stands in a tag."""
    tags = client.get_experiment(experiment).tags
    seen = Seen.of(unpacked(tags[SEEN])) if SEEN in tags else Seen()
    for run in runs:
        seen.add(dict(run), scored, phases)
    client.set_experiment_tag(experiment, SEEN, packed(seen.plain()))
    client.set_experiment_tag(experiment, tag(STUDY), packed(of_study(seen.columns)))


def _write(client: "MlflowClient", experiment: str, run: LoggedRun, parent: str | None, begun: str) -> str:
    from mlflow.entities import RunTag

    run_id = begun or create(client, experiment, run, parent)
    tags = [RunTag(name, text) for name, text in run.tags.items()] if begun else []
    model_id = models.log(client, experiment, run_id, run.arm) if run.arm else None
    metrics = models.linked(run.metrics, run.arm, model_id) if run.arm else run.metrics
    for number, some in enumerate(parts(metrics, 900) if metrics else [[]]):
        client.log_batch(run_id, metrics=some, tags=[] if number else tags[:90])
    client.log_inputs(run_id, run.datasets)
    for path, folder in run.files:
        client.log_artifact(run_id, str(path), folder)
    for name, text in run.texts.items():
        client.log_text(run_id, text, name)
    if run.arm:
        traces.log(client, experiment, run_id, run.arm)
    return run_id


def _end(client: "MlflowClient", run_id: str, run: LoggedRun, begun: Begun) -> None:
    """The run lasted as long as its work did, not its logging."""
    over = begun.ended if begun.runs else (run.span[1] if run.span else None)
    client.set_terminated(run_id, end_time=None if over is None else int(1000 * over))


def parts(rows: list[Any], size: int) -> Iterator[list[Any]]:
    yield from (rows[start : start + size] for start in range(0, len(rows), size))
