"""Runs in MLflow: an experiment per study, a parent run per sweep, a run per cell, a nested run per arm."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from o1exp.flow import Settings
from o1exp.history.cells import CellOutcome, labels, outcomes
from o1exp.history.runs import RunRecord, read
from o1exp.media.text import file_name
from o1exp.secrets import refusal
from o1exp.track.known import experiment_of, run_of
from o1exp.track.names import run_name, searched, value
from o1exp.track.place import DATABASE, artifacts_of, settle
from o1exp.track.usable import Untracked, no_address, usable

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY_TAG = "o1exp.key"
PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True, kw_only=True)
class Tracking(Settings):
    """Where runs are logged. An empty `uri` is sqlite at <outputs>/mlflow.db with its artifacts beside it."""

    enabled: bool = True
    uri: str = ""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if why := refusal(self.uri):
            places = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            if not self.uri.startswith(("http://", "https://")):
                places = "what its driver reads, e.g. PGUSER and PGPASSWORD"
            yield "uri", f"{why}; leave that out and put it into the environment: {places}"
        elif why := no_address(self.uri):
            yield "uri", why

    def address(self, root: Path) -> str:
        return self.uri or f"sqlite:///{root.resolve() / DATABASE}"


@dataclass(frozen=True)
class StudyHandle:
    """An open study: its experiment, and the parent run of the sweep ("" for a single run)."""

    experiment_id: str
    run_id: str


def open_study(tracking: Tracking, root: Path, study: str, sweep: str = "") -> StudyHandle:
    """Create the database, the experiment and the sweep's parent run, before anything is launched; what is there already is kept.

    Any number of processes may do this at once: one creates, the others wait.
    """
    if not tracking.uri and (known := experiment_of(root, study)):
        tags = (KEY_TAG, searched(f"sweep {sweep}")), (PARENT_TAG, None)
        parent = run_of(root, study, tags) if sweep else ""
        if parent is not None:
            return StudyHandle(known, parent)
    with _client(tracking, root) as client:
        experiment = _experiment(client, tracking, root, study)
        return StudyHandle(experiment, _sweep(client, experiment, sweep) if sweep else "")


def log_run(tracking: Tracking, record: RunRecord, parent: str | None = None) -> str:
    """Log a finished run from its artefacts and return its MLflow id.

    A run of the same key below the same parent is logged once; a half-logged one (its process was killed) is replaced.
    """
    tags = (KEY_TAG, searched(record.key)), (PARENT_TAG, parent)
    if not tracking.uri and (known := run_of(record.root, record.study, tags)):
        return known
    with _client(tracking, record.root) as client:
        experiment = _experiment(client, tracking, record.root, record.study)
        run_id = _logged(client, experiment, record.key, parent) or _log_all(client, experiment, record, parent)
        _save_view(client, experiment)
        return run_id


def log_sweep(tracking: Tracking, root: Path, run_id: str, folder: Path) -> None:
    """Attach a sweep's page and record to its parent run, and call its cells by what tells them apart."""
    found = outcomes(folder)
    names = labels(found)
    called = {searched(read(folder.parent / cell.run).key): names[cell.number] for cell in found if cell.run}
    with _client(tracking, root) as client:
        experiment = client.get_run(run_id).info.experiment_id
        _log_failed(client, experiment, run_id, [cell for cell in found if cell.state in ("FAILED", "KILLED")], names)
        for cell in client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{run_id}'"):
            if label := called.get(cell.data.tags.get(KEY_TAG, "")):
                client.update_run(cell.info.run_id, name=run_name(label))
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            client.log_artifact(run_id, str(path), "report")


def _log_failed(client: "MlflowClient", experiment: str, parent: str, failed: list[CellOutcome], names: dict[int, str]) -> None:
    """A run for each cell without a result, FAILED or KILLED, with the reason; those of an earlier failure are gone."""
    for run in client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{parent}' and tags.`o1exp.kind` = 'failed cell'"):
        client.delete_run(run.info.run_id)
    for cell in failed:
        tags = {PARENT_TAG: parent, "o1exp.kind": "failed cell", "o1exp.cell": str(cell.number), "o1exp.error": value(cell.error)}
        run = client.create_run(experiment, run_name=run_name(names[cell.number]), tags=tags)
        client.set_terminated(run.info.run_id, status=cell.state)


def view_urls(tracking: Tracking, root: Path, port: int = 5000) -> dict[str, str]:
    """Where the UI shows each study's runs with their scores and swept settings as columns; the latest study first."""
    from o1exp.track.view import NAME, address

    with _client(tracking, root) as client:
        studies = [found for found in client.search_experiments() if NAME in found.tags]
    latest = sorted(studies, key=lambda found: found.last_update_time or 0, reverse=True)
    return {found.name: address(found.experiment_id, port) for found in latest}


@contextmanager
def _client(tracking: Tracking, root: Path) -> "Iterator[MlflowClient]":
    """A client, one process at a time: creating the database from several at once fails, and so would looking for a run twice."""
    from filelock import FileLock

    (root / "locks").mkdir(parents=True, exist_ok=True)
    place = tracking.uri or str(root / DATABASE)
    with FileLock(root / "locks" / "mlflow.lock"), usable(place, root, ours=not tracking.uri):
        if not tracking.uri:
            settle(root)
        yield _connect(tracking.address(root))


def _connect(address: str) -> "MlflowClient":
    import logging
    import warnings

    # Read when mlflow is imported.
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_AGENT_SKILLS_TIP": "true"}
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from mlflow import MlflowClient

    warnings.filterwarnings("ignore", message="The ``noload`` loader", category=DeprecationWarning)  # mlflow's own use of SQLAlchemy
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking.client"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=address)


def _experiment(client: "MlflowClient", tracking: Tracking, root: Path, study: str) -> str:
    known = client.get_experiment_by_name(study)
    if known is not None:
        if known.lifecycle_stage == "deleted":
            raise Untracked(f"the MLflow experiment {study!r} is in the trash; restore it, or name the study otherwise (study=NAME)")
        return str(known.experiment_id)
    # A server chooses where artifacts go.
    place = None if tracking.uri else f"{artifacts_of(root)}/{quote(file_name(study))}"
    return str(client.create_experiment(study, artifact_location=place))


def _sweep(client: "MlflowClient", experiment: str, sweep: str) -> str:
    known = _logged(client, experiment, f"sweep {sweep}", None)
    if known is not None:
        return known
    run = client.create_run(experiment, run_name=run_name(sweep), tags={KEY_TAG: searched(f"sweep {sweep}"), "o1exp.kind": "sweep"})
    client.set_terminated(run.info.run_id)  # it holds the cells and nothing else; each cell has a state of its own
    return str(run.info.run_id)


def _logged(client: "MlflowClient", experiment: str, key: str, parent: str | None) -> str | None:
    """The finished run of this key and parent; unfinished ones are deleted with all below them."""
    for run in client.search_runs([experiment], f"tags.`{KEY_TAG}` = '{searched(key)}'", max_results=1000):
        if run.data.tags.get(PARENT_TAG) != parent:
            continue
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        for inner in client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{run.info.run_id}'"):
            client.delete_run(inner.info.run_id)
        client.delete_run(run.info.run_id)
    return None


def _log_all(client: "MlflowClient", experiment: str, record: RunRecord, parent: str | None) -> str:
    """The run and, below it, its arms. It is finished last, so that a kill in between leaves nothing that counts as logged."""
    from o1exp.track.logged import arm_entry, entry

    arms = record.gathered()
    run_id = _log(client, experiment, entry(record, arms), parent)
    if len(arms) > 1:
        for arm in arms:
            client.set_terminated(_log(client, experiment, arm_entry(record, arm), run_id))
    client.set_terminated(run_id)
    return run_id


def _log(client: "MlflowClient", experiment: str, logged: Any, parent: str | None) -> str:
    from o1exp.track.logged import LoggedRun

    assert isinstance(logged, LoggedRun)
    tags = logged.tags | ({PARENT_TAG: parent} if parent else {})
    run_id = str(client.create_run(experiment, run_name=logged.name, tags=tags).info.run_id)
    for metrics in _parts(logged.metrics, 900):
        client.log_batch(run_id, metrics=metrics)
    for params in _parts(logged.params, 90):
        client.log_batch(run_id, params=params)
    client.log_inputs(run_id, logged.datasets)
    for path, folder in logged.files:
        client.log_artifact(run_id, str(path), folder)
    for name, text in logged.texts.items():
        client.log_text(run_id, text, name)
    return run_id


def _save_view(client: "MlflowClient", experiment: str) -> None:
    from o1exp.track.view import NAME, packed, view

    runs = client.search_runs([experiment], max_results=1000)
    shown = [(run.info.run_id, run.data.tags.get(PARENT_TAG), run.data.params, run.data.metrics) for run in runs]
    client.set_experiment_tag(experiment, NAME, packed(view(shown)))


def _parts(rows: list[Any], size: int) -> Iterator[list[Any]]:
    yield from (rows[start : start + size] for start in range(0, len(rows), size))
