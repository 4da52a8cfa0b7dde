"""Runs in MLflow: an experiment per study, a parent run per sweep, a run per cell, a nested run per arm."""

import json
from collections.abc import Iterable
from pathlib import Path

from o1exp.history.runs import RunRecord, read
from o1exp.track import unsent
from o1exp.track.client import connected, experiment
from o1exp.track.known import experiment_of, run_of
from o1exp.track.names import searched
from o1exp.track.opening import sweep_run
from o1exp.track.tracking import KEY_TAG, PARENT_TAG, Begun, Cell, StudyHandle, Tracking, key_of
from o1exp.track.usable import Unreached


def open_study(tracking: Tracking, root: Path, study: str, sweep: str = "", asked: Iterable[str] = ()) -> StudyHandle:
    """Create the database, the experiment and the sweep's parent run, before anything is launched; what is there already is kept.

    Any number of processes may do this at once: one creates, the others wait. `asked` are the benchmarks, columns from the start.
    """
    if not tracking.uri and (known := experiment_of(root, study)):
        tags = (KEY_TAG, searched(f"sweep {sweep}")), (PARENT_TAG, None)
        parent = run_of(root, study, tags) if sweep else ""
        if parent is not None:
            return StudyHandle(known, parent)
    try:
        with unsent.tried(tracking.uri, root), connected(tracking.uri, root) as client:
            own = experiment(client, tracking.uri, root, study)
            return StudyHandle(own, sweep_run(client, root, own, sweep, asked) if sweep else "")
    except Unreached:
        return StudyHandle("", "")


def log_run(tracking: Tracking, record: RunRecord, cell: Cell | None = None, begun: Begun | None = None) -> str:
    """Log a finished run from its artefacts and return its MLflow id; "" where the server is down, and it is sent later.

    A run of the same key below the same parent is logged once; a half-logged one (its process was killed) is replaced. `begun` is the run
    as it was logged while it was made.
    """
    tags = (KEY_TAG, searched(key_of(record, cell))), (PARENT_TAG, cell.parent if cell else None)
    if not tracking.uri and (known := run_of(record.root, record.study, tags)):
        return known
    from o1exp.track.writing import log_all

    try:
        with unsent.tried(tracking.uri, record.root), connected(tracking.uri, record.root) as client:
            own = experiment(client, tracking.uri, record.root, record.study)
            return log_all(client, own, record, cell, begun)
    except Unreached:
        unsent.keep_run(tracking.uri, record, cell)
        return ""


def log_sweep(tracking: Tracking, folder: Path, study: str) -> bool:
    """Attach a sweep's page and record to its run, log its failed cells and its means over seeds, and save its views.

    False where the server is down, and it is sent later.
    """
    root = folder.resolve().parents[1]
    from o1exp.track.sweeps import finish

    try:
        with unsent.tried(tracking.uri, root), connected(tracking.uri, root) as client:
            own = experiment(client, tracking.uri, root, study)
            finish(client, own, sweep_run(client, root, own, folder.name), folder)
            return True
    except Unreached:
        unsent.keep_sweep(tracking.uri, folder, study)
        return False


def view_urls(tracking: Tracking, root: Path, port: int = 5000) -> dict[str, str]:
    """Where the UI shows each study's runs with swept settings and scores as columns, and each sweep; the latest study first."""
    from o1exp.track.view import STUDY, address, tag

    with connected(tracking.uri, root) as client:
        studies = [found for found in client.search_experiments() if tag(STUDY) in found.tags]
    latest = sorted(studies, key=lambda found: found.last_update_time or 0, reverse=True)
    urls: dict[str, str] = {}
    for found in latest:
        sweeps = sorted(key.removeprefix(tag("")) for key in found.tags if key.startswith(tag("")) and key != tag(STUDY))
        for key in (STUDY, *sweeps):
            urls[found.name if key == STUDY else f"{found.name}, {key}"] = address(found.experiment_id, port, key)
    return urls


def send(root: Path, patient: bool = True) -> tuple[int, int]:
    """Send what waits: how many were sent, and how many still wait. `patient`: also to a server that did not answer a moment ago."""
    if patient:
        (root / unsent.FOLDER / unsent.DOWN).unlink(missing_ok=True)
    places = unsent.waiting(root)
    for sent, place in enumerate(places):
        kept = json.loads(place.read_text(encoding="utf-8"))
        tracking = Tracking(uri=kept["uri"])
        if "run" in kept:
            cell = Cell(**kept["cell"]) if kept["cell"] else None
            taken = bool(log_run(tracking, read(root / "runs" / kept["run"]), cell))
        else:
            taken = log_sweep(tracking, root / "runs" / kept["sweep"], kept["study"])
        if not taken:
            return sent, len(places) - sent
        place.unlink(missing_ok=True)
    return len(places), 0
