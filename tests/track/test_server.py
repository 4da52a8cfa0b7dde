"""MLflow as a team has it: a server on PostgreSQL with a store of artifacts; parallel cells, and a server that is slow, down, and back."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from o1exp.history.cells import CellOutcome
from o1exp.history.numbers import numbered
from o1exp.history.runs import RunRecord, run_folder
from o1exp.track import unsent
from o1exp.track.study import log_sweep, open_study, send
from o1exp.track.tracking import Tracking
from tests.planted import BENCHMARK
from tests.servers import Postgres, answers, free_port, postgres
from tests.track.swept import record

CELLS = [(f"seed={number}",) for number in range(8)]
LOGGING = """
import sys
from pathlib import Path
from o1exp.history.runs import read
from o1exp.track.study import log_run
from o1exp.track.tracking import Cell, Tracking
root, uri, parent, number = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
log_run(Tracking(uri=uri), read(root / "runs" / f"grid-cell-{number}"), Cell("grid", number, parent, f"seed={number}"))
"""


@contextmanager
def served(folder: Path, database: Postgres, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """MLflow's own server."""
    store = database.url("mlflow").replace("postgresql://", "postgresql+psycopg://")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--artifacts-destination", str(folder / "there"), "--workers", "1"]
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        answers(f"http://127.0.0.1:{port}/health", server)
        yield server
    finally:
        os.killpg(server.pid, signal.SIGCONT)
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def log(root: Path, uri: str, parent: str, numbers: range, patience: int = 10) -> None:
    """The cells, side by side, each in a process of its own, which waits `patience` seconds for an answer."""
    command, env = [sys.executable, "-c", LOGGING, str(root), uri, parent], {**os.environ, "MLFLOW_HTTP_REQUEST_TIMEOUT": str(patience)}
    with ThreadPoolExecutor(len(numbers)) as pool:
        done = list(pool.map(lambda number: subprocess.run([*command, str(number)], env=env, check=False).returncode, numbers))
    assert done == [0] * len(numbers), "a server stops nothing"


@pytest.mark.slow
def test_a_sweep_on_a_server_that_is_slow_down_and_back_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "o1exp")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "300")
    root, port = tmp_path.resolve() / "outputs", free_port()
    uri, folder = f"http://127.0.0.1:{port}", run_folder(root, "grid")
    known = numbered(folder, CELLS)
    made: list[RunRecord] = [record(root, cell, 0.3 + 0.05 * number, f"grid-cell-{number}") for number, cell in known.items()]
    with postgres() as database:
        database.database("mlflow")
        with served(tmp_path, database, port) as server:
            parent = open_study(Tracking(uri=uri), root, "planted", "grid", [BENCHMARK]).run_id
            log(root, uri, parent, range(5), patience=300)
            assert unsent.waiting(root) == []
            os.killpg(server.pid, signal.SIGSTOP)  # it takes requests and says nothing
            log(root, uri, parent, range(5, 6))
            assert len(unsent.waiting(root)) == 1
        log(root, uri, parent, range(6, 8))  # nobody is there
        assert len(unsent.waiting(root)) == 3
        for number, (cell, one) in enumerate(zip(CELLS, made, strict=True)):
            CellOutcome(overrides=cell, run=one.name, parent=parent).write(folder / "cells" / str(number))
        (folder / "report.html").write_text("<p>all cells</p>")
        assert not log_sweep(Tracking(uri=uri), folder, "planted")
        with served(tmp_path, database, port):
            assert send(root) == (4, 0)
            from mlflow import MlflowClient

            client = MlflowClient(tracking_uri=uri)
            cells = client.search_runs(["1"], "tags.`o1exp.kind` = 'cell'")
            assert sorted(run.data.tags["o1exp.cell"] for run in cells) == [str(number) for number in range(8)]
            assert {run.data.tags["mlflow.parentRunId"] for run in cells} == {parent}
            assert {run.info.status for run in cells} == {"FINISHED"}
            assert "config.json" in {found.path for found in client.list_artifacts(cells[0].info.run_id)}
    assert unsent.waiting(root) == []
