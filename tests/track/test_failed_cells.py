"""Cells without a result in MLflow."""

import sqlite3
from contextlib import closing
from pathlib import Path

from o1exp.history.cells import CellOutcome
from o1exp.track.tracking import Tracking, log_sweep, open_study


def _runs(root: Path) -> dict[str, str]:
    with closing(sqlite3.connect(root / "mlflow.db")) as sql:
        return dict(sql.execute("select name, status from runs where lifecycle_stage = 'active'").fetchall())


def test_failed_and_killed_cells_are_runs_with_that_state_until_they_are_made(tmp_path: Path) -> None:
    parent = open_study(Tracking(), tmp_path, "s", sweep="s-1").run_id
    folder = tmp_path / "runs" / "s-1"
    for number, state in enumerate(("FAILED", "RUNNING")):
        CellOutcome(overrides=(f"seed={number}",), state=state, error="why").write(folder / "cells" / str(number))  # type: ignore[arg-type]
    log_sweep(Tracking(), tmp_path, parent, folder)
    assert _runs(tmp_path) == {"s-1": "FINISHED", "seed=0": "FAILED", "seed=1": "KILLED"}
    CellOutcome(overrides=("seed=0",)).write(folder / "cells" / "0")
    log_sweep(Tracking(), tmp_path, parent, folder)
    assert _runs(tmp_path) == {"s-1": "FINISHED", "seed=1": "KILLED"}
    assert open_study(Tracking(), tmp_path, "s", sweep="s-1").run_id == parent
