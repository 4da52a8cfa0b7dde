"""MLflow on a real sqlite file: created once by many, logged once, found again, nothing beyond its limits."""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import Store
from o1exp.history.runs import CONFIG, RunRecord, read, replace_text
from o1exp.track.logged import flat, params
from o1exp.track.tracking import StudyHandle, Tracking, log_page, log_run, open_study, view_urls
from o1exp.track.view import NAME, address, packed, scores, swept, unpacked, view
from tests.report.conftest import Made
from tests.report.world import arm


@pytest.fixture(scope="module")
def client(made: Made) -> Any:
    open_study(Tracking(), made.root, "addition")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=Tracking().address(made.root))


@pytest.fixture(scope="module")
def record(made: Made) -> RunRecord:
    (made.run / "config.yaml").write_text(
        "study: addition\nseed: 3\nthink: {start: '${imitate}', lr: 0.001, seed: '${seed}', machine: {devices: 1}}\n"
        "imitate: {_target_: o1exp.train.Sft, lr: 0.01}\narms: {long: [], shortcut: [thought=short]}\nnow: '${unknown:x}'\n"
    )
    return read(made.run)


@pytest.fixture(scope="module")
def logged(made: Made, client: Any, record: RunRecord) -> str:
    return log_run(Tracking(), record)


def test_the_record_holds_the_resolved_config_and_keeps_edges(record: RunRecord) -> None:
    assert record.study == "addition"
    assert record.config["think"] == {"start": "${imitate}", "lr": 0.001, "seed": 3, "machine": {"devices": 1}}
    assert record.config["now"] == "${unknown:x}"


def test_a_run_holds_params_scores_stages_files_and_datasets(made: Made, client: Any, logged: str) -> None:
    run = client.get_run(logged)
    assert run.info.status == "FINISHED"
    assert run.data.params["think.lr"] == "0.001"
    assert run.data.params["arms.shortcut"] == "['thought=short']"
    assert "imitate._target_" not in run.data.params
    long = made.goal.arms["long"]
    assert run.data.metrics["long/held-out sums/accuracy"] == Store(made.root).get(long).benchmarks["held-out sums"].accuracy
    assert run.data.metrics["long/held-out sums/p"] < 0.05
    assert long.key in (value for name, value in run.data.tags.items() if name.startswith("stage.Result"))
    assert {path.path for path in client.list_artifacts(logged)} == {"report", "run", "manifests", "config.json"}
    assert "report/index.html" in {path.path for path in client.list_artifacts(logged, "report")}
    used = {(found.dataset.name.split("-")[0], found.tags[0].value) for found in run.inputs.dataset_inputs}
    assert used == {("Distil", "training"), ("Rejection", "training"), ("Arithmetic", "evaluation")}
    digests = {found.dataset.digest for found in run.inputs.dataset_inputs}
    assert len(digests) == 4
    assert all(len(digest) == 32 for digest in digests)


def test_each_arm_has_a_run_with_its_curves(client: Any, logged: str) -> None:
    runs = client.search_runs([client.get_experiment_by_name("addition").experiment_id], f"tags.`mlflow.parentRunId` = '{logged}'")
    assert {run.info.run_name for run in runs} == {"long", "shortcut"}
    for run in runs:
        assert "held-out sums/accuracy" in run.data.metrics
        assert [point.step for point in client.get_metric_history(run.info.run_id, "phase2/loss")] == list(range(1, 121))
        by_tokens = client.get_metric_history(run.info.run_id, "phase2_by_tokens/loss")
        assert [point.step for point in by_tokens] == [1000 * step for step in range(1, 121)]


def test_logging_again_finds_the_same_run(made: Made, client: Any, record: RunRecord, logged: str) -> None:
    before = len(client.search_runs(["1", "2"]))
    assert log_run(Tracking(), record) == logged
    assert len(client.search_runs(["1", "2"])) == before


def test_a_half_logged_run_is_replaced(made: Made, client: Any, record: RunRecord) -> None:
    parent = open_study(Tracking(), made.root, "addition", sweep="killed").run_id
    first = log_run(Tracking(), record, parent)
    client.update_run(first, status="RUNNING")
    second = log_run(Tracking(), record, parent)
    assert second != first
    assert client.get_run(first).info.lifecycle_stage == "deleted"


def test_cells_of_a_sweep_stand_below_one_parent(made: Made, client: Any, tmp_path: Path) -> None:
    study = open_study(Tracking(), made.root, "swept", sweep="grid-1")
    assert open_study(Tracking(), made.root, "swept", sweep="grid-1") == study
    for rate in (1e-3, 2e-3):
        cell = arm(0.8, "long", lr=rate)
        Store(made.root).make([cell])
        folder = made.root / "runs" / f"lr={rate}"
        replace_text(folder / CONFIG, f"think: {{lr: {rate}, epochs: 3}}")
        record = RunRecord(folder=folder, root=made.root, title="swept", arms={"run": f"Result/{cell.key}"})
        log_run(Tracking(), record, study.run_id)
    cells = client.search_runs([study.experiment_id], f"tags.`mlflow.parentRunId` = '{study.run_id}'")
    assert {run.data.params["think.lr"] for run in cells} == {"0.001", "0.002"}
    assert all("held-out sums/accuracy" in run.data.metrics and "phase1/loss" in run.data.metrics for run in cells)
    state = unpacked(client.get_experiment(study.experiment_id).tags[NAME])
    assert state["selectedColumns"][:2] == ["params.`think.lr`", "metrics.`held-out sums/accuracy`"]
    (tmp_path / "report.html").write_text("<p>")
    log_page(Tracking(), made.root, study.run_id, tmp_path)
    assert [path.path for path in client.list_artifacts(study.run_id, "report")] == ["report/report.html"]


def test_artifacts_lie_beside_the_database(made: Made, client: Any, logged: str) -> None:
    assert client.get_run(logged).info.artifact_uri.startswith((made.root / "mlflow-artifacts").as_uri())
    assert view_urls(Tracking(), made.root)["addition"].startswith("http://127.0.0.1:5000/#/experiments/")


def test_names_and_values_stay_within_mlflows_limits() -> None:
    found = params({"a": {"b" * 300: "v" * 7000}, "c[0]=@x": 1, "list": [{"x": 1}, {"x": 2}], "empty": {}})
    assert all(len(p.key) <= 250 and len(p.value) <= 6000 for p in found)
    assert {p.key for p in found if len(p.key) < 20} == {"c_0___x", "list.0.x", "list.1.x", "empty"}
    assert len({p.key for p in params({"k" * 300: 1, "k" * 301: 2})}) == 2
    assert flat({"a": [1, 2]}) == {"a": [1, 2]}


def _open(root: str) -> StudyHandle:
    return open_study(Tracking(), Path(root), "raced", sweep="grid")


@pytest.mark.parametrize("processes", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_processes_that_open_a_new_database_at_once_share_it(tmp_path: Path, processes: int) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow"])
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        handles = set(pool.map(_open, [str(tmp_path)] * processes))
    assert len(handles) == 1
    assert handles.pop().run_id


def test_the_view_shows_what_was_swept_and_no_copies_of_arms() -> None:
    cells = [(str(i), "p", {"lr": str(i), "epochs": "3"}, {"gsm8k/accuracy": 0.5, "gsm8k/output_tokens": 9.0}) for i in range(3)]
    runs = [("p", None, {"lr": "9"}, {"long/gsm8k/accuracy": 0.5, "loss": 1.0}), *cells]
    assert swept(runs) == ["lr"], "the parent is on another level"
    assert scores(runs) == ["gsm8k/accuracy", "gsm8k/output_tokens"]
    state = view(runs)
    assert unpacked(packed(state)) == state
    assert state["orderByKey"] == "metrics.`gsm8k/accuracy`"


def test_the_installed_ui_still_reads_such_a_view() -> None:
    """The format is the UI's own and undocumented: its script must know the tag, the header, the address and the fields."""
    import mlflow

    script = "".join(p.read_text(errors="replace") for p in (Path(mlflow.__file__).parent / "server/js/build/static/js").glob("*.js"))
    fields = [f'"{name}"' for name in view([]) if name not in ("orderByKey", "orderByAsc", "startTime", "modelVersionFilter")]
    known = ["mlflow.sharedViewState.", '"deflate;"', '"viewStateShareKey"', "workflowType", "runDateAndNestInfo", *fields]
    assert [name for name in known if name not in script and name.strip('"') not in script] == []
    assert address("7", 5000) == "http://127.0.0.1:5000/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=o1exp"
    assert json.loads(json.dumps(view([])))["selectedColumns"] == []
