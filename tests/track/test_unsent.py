"""A tracking server that is down: nothing stops, and what it did not get is sent later."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.track import unsent
from o1exp.track.__main__ import main
from o1exp.track.study import log_run, log_sweep, open_study
from o1exp.track.tracking import Cell, StudyHandle, Tracking
from tests.servers import answers, free_port
from tests.track.swept import record, sweep

CELLS = [("thought=distil", "seed=0"), ("thought=distil", "seed=1")]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def test_a_server_that_refuses_stops_nothing_and_gets_all_of_it_later(
    tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    root, down = tmp_path.resolve(), Tracking(uri=f"http://127.0.0.1:{free_port()}")
    folder = sweep(root, CELLS, "grid", down)
    assert log_run(down, record(root, ("thought=walk",), 0.5, "planted-alone")) == ""
    assert open_study(down, root, "planted", "grid") == StudyHandle("", "")
    kept = unsent.waiting(root)
    assert [place.name.partition("-")[0] for place in kept] == ["run", "run", "run", "sweep"]
    log_sweep(down, folder, "planted")
    assert unsent.waiting(root) == kept, "once"
    assert main(["send", "--outputs", str(root)]) == 1
    assert "0 sent, 4 still waiting: runs cannot be logged in http://127.0.0.1" in capsys.readouterr().out

    up = f"sqlite:///{root / 'server.db'}"  # the server is back, at another address
    for place in kept:
        place.write_text(place.read_text().replace(down.uri, up))
    assert main(["send", "--outputs", str(root)]) == 0
    assert capsys.readouterr().out == "4 sent, 0 still waiting\n"
    from mlflow import MlflowClient

    runs = MlflowClient(tracking_uri=up).search_runs(["1"])
    assert sorted(run.info.run_name for run in runs) == ["all cells", "grid", "seed=0", "seed=1", "thought=walk"]
    parent = next(run.info.run_id for run in runs if run.info.run_name == "grid")
    assert all(run.data.tags["mlflow.parentRunId"] == parent for run in runs if run.info.run_name.startswith("seed="))


def test_a_server_that_did_not_answer_is_left_alone_for_a_while(tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    down = Tracking(uri=f"http://127.0.0.1:{free_port()}")
    open_study(down, tmp_path, "s")
    mark = tmp_path / "unsent" / "down"
    said = mark.stat().st_mtime_ns
    assert open_study(down, tmp_path, "s") == StudyHandle("", "")
    assert mark.stat().st_mtime_ns == said, "it was not asked"
    os.utime(mark, ns=(said, said - 10**9))  # two looks may fall between two ticks of the file system's clock
    said = mark.stat().st_mtime_ns
    monkeypatch.setattr(unsent, "REST", 0.0)
    open_study(down, tmp_path, "s")
    assert mark.stat().st_mtime_ns != said


def test_what_is_kept_names_no_run_of_a_server(tmp_path: Path) -> None:
    unsent.keep_run("http://h", record(tmp_path, ("seed=0",), 0.5, "r"), Cell("grid", "0", "f" * 32, "seed=0"))
    (place,) = unsent.waiting(tmp_path.resolve())
    assert "f" * 32 not in place.read_text()


@pytest.mark.slow
def test_a_real_server_takes_runs_sweeps_and_artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "300")  # as busy as it may be
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{tmp_path / 'there.db'}", "--host", "127.0.0.1"]
    command += ["--artifacts-destination", str(tmp_path / "there"), "--port", str(port), "--workers", "1"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        answers(f"http://127.0.0.1:{port}/health", server)
        sweep(tmp_path.resolve() / "outputs", CELLS, "grid", Tracking(uri=f"http://127.0.0.1:{port}"))
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=f"http://127.0.0.1:{port}")
        (cell, _) = client.search_runs(["1"], "tags.`o1exp.kind` = 'cell'")
        assert "config.json" in {found.path for found in client.list_artifacts(cell.info.run_id)}
        assert len(client.search_traces(locations=["1"])) > 0
    finally:
        server.terminate()
        server.wait()
    assert unsent.waiting(tmp_path.resolve() / "outputs") == []
