"""A run in MLflow while it is made."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import Store
from o1exp.flow.errors import StageFailed, Stopped
from o1exp.history.runs import RunRecord
from o1exp.track.live import _Training, live
from o1exp.track.study import log_run, open_study
from o1exp.track.tracking import Begun, Tracking
from o1exp.train.logs import CurveRow, OpenLogs, TimingRow, ValidationRow
from tests.planted import Planted, graded, held_out
from tests.track.swept import record
from tests.waiting import until


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("live").resolve()
    open_study(Tracking(), found, "planted")
    return found


@pytest.fixture(scope="module")
def client(root: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=Tracking().address(root))


def _there(begun: Begun) -> str:
    until(lambda: "" in begun.runs)
    return begun.runs[""]


def test_a_run_is_there_from_its_start_and_lasts_as_long_as_its_work(root: Path, client: Any) -> None:
    store, goal = Store(root), graded(Planted(problems=held_out(count=20), skill=0.5))
    made = record(root, ("thought=tree",), 0.5, "planted-live")
    with live(Tracking(), made, None, {"run": goal}, store) as begun:
        run = client.get_run(_there(begun))
        assert (run.info.status, run.info.run_name) == ("RUNNING", "thought=tree")
        assert run.data.params["thought"] == "tree"
        store.make([goal])
    over = begun.ended
    assert client.get_run(run.info.run_id).data.tags["status"] == "4 of 4 stages"
    assert log_run(Tracking(), made, None, begun) == run.info.run_id
    run = client.get_run(run.info.run_id)
    assert (run.info.status, run.info.end_time, run.data.tags["status"]) == ("FINISHED", int(1000 * over), "done")
    assert run.data.metrics["accuracy"] >= 0


@pytest.mark.parametrize(("ended_by", "state"), [(StageFailed("the teacher is down\nmore"), "FAILED"), (Stopped(), "KILLED")])
def test_a_run_that_ends_early_has_that_state_at_once(root: Path, client: Any, ended_by: Exception, state: str) -> None:
    made = record(root, ("seed=9",), {"FAILED": 0.6, "KILLED": 0.7}[state], f"planted-{state}")
    with pytest.raises(type(ended_by)), live(Tracking(), made, None, {}, Store(root)) as begun:  # noqa: PT012
        _there(begun)
        raise ended_by
    run = client.get_run(begun.runs[""])
    assert run.info.status == state
    assert run.data.tags["status"] == ("failed: the teacher is down" if state == "FAILED" else "killed")


def test_curves_come_while_a_training_writes_them_each_point_once(root: Path, client: Any, tmp_path: Path) -> None:
    run = client.create_run("1").info.run_id
    begun, training = Begun(runs={"": run}), _Training("", 2, tmp_path)
    training.tell(client, begun)
    logs = OpenLogs(tmp_path, 0)
    for step in range(1, 7):
        logs.curve.add(CurveRow(step=step, tokens=100 * step, loss=1 / step, lr=0.1, grad_norm=1.0))
        logs.timing.add(TimingRow(step=step, seconds=float(step), cpu_seconds=0.0, memory_mb=1.0))
        if step == 3:
            logs.validation.add(ValidationRow(step=0, tokens=0, loss=2.0))
            (tmp_path / "curve.jsonl").open("a").write('{"step": 4, "tok')
            training.tell(client, begun)
            (tmp_path / "curve.jsonl").write_text("".join((tmp_path / "curve.jsonl").read_text().splitlines(keepends=True)[:3]))
    training.tell(client, begun)
    training.tell(client, begun)
    assert sorted(point.step for point in client.get_metric_history(run, "phase2/loss")) == [1, 2, 3, 4, 5, 6]
    assert [point.step for point in client.get_metric_history(run, "phase2_by_tokens/loss")] == [100, 200, 300, 400, 500, 600]
    assert [point.value for point in client.get_metric_history(run, "phase2/validation_loss")] == [2.0]
    assert begun.told[""]["phase2/loss"] == 6


def test_a_long_training_is_told_in_ever_wider_steps(tmp_path: Path) -> None:
    logs = OpenLogs(tmp_path, 0)
    for step in range(1, 4001):
        logs.curve.add(CurveRow(step=step, tokens=step, loss=1.0, lr=0.1, grad_norm=1.0))
    found = [point.at for point in _Training("", 1, tmp_path)._points({}) if point.name == "phase1/loss"]
    assert found[:250] == list(range(1, 251))
    assert len(found) < 1000


def test_nothing_of_mlflows_stops_a_run(root: Path, tmp_path: Path) -> None:
    made: RunRecord = record(root, ("seed=8",), 0.5, "planted-down")
    with live(Tracking(uri="mssql://h/d"), made, None, {}, Store(root)) as begun:
        pass
    assert begun.runs == {}
