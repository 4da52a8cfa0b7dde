"""MLflow on a real sqlite file: created once by many, logged once, found again, nothing beyond its limits."""

import json
import multiprocessing
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from o1exp.history.cells import CellOutcome
from o1exp.history.runs import CONFIG, RunRecord, replace_text, write
from o1exp.track.logged import flat, params
from o1exp.track.tracking import StudyHandle, Tracking, log_run, log_sweep, open_study, view_urls
from o1exp.track.view import NAME, address, packed, scores, swept, unpacked, view
from tests.conftest import ROOT
from tests.finished import Finished
from tests.media.test_text import NASTY


@pytest.fixture(scope="module")
def copy(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The quick start's outputs, logged by the run itself, as a copy that lies elsewhere."""
    return finished.copy(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def client(copy: Finished) -> Any:
    open_study(Tracking(), copy.root, "addition")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=Tracking().address(copy.root))


@pytest.fixture(scope="module")
def logged(copy: Finished, client: Any) -> str:
    return log_run(Tracking(), copy.record)


def children(client: Any, run: str) -> list[Any]:
    experiment = client.get_run(run).info.experiment_id
    found: list[Any] = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run}'")
    return found


def test_a_run_holds_params_scores_stages_files_and_datasets(copy: Finished, client: Any, logged: str) -> None:
    run, record = client.get_run(logged), copy.record
    assert run.info.status == "FINISHED"
    assert run.data.params["think.lr"] == str(record.config["think"]["lr"])
    assert run.data.params["arms.shortcut"] == "['thought=shortcut']"
    assert "imitate._target_" not in run.data.params
    long = record.gathered()[0]
    assert run.data.metrics["long thoughts/arithmetic/accuracy"] == long.outcome.benchmarks["arithmetic"].accuracy
    assert run.data.metrics["long thoughts/arithmetic/p"] == 1
    assert {path.path for path in client.list_artifacts(logged)} == {"report", "run", "manifests", "config.json"}
    assert "report/index.html" in {path.path for path in client.list_artifacts(logged, "report")}
    used = {(found.dataset.name.split("-")[0], found.tags[0].value) for found in run.inputs.dataset_inputs}
    assert used == {("Solutions", "training"), ("Rejection", "training"), ("Arithmetic", "evaluation")}
    assert all(len(found.dataset.digest) == 32 for found in run.inputs.dataset_inputs)


def test_every_node_stands_under_its_own_key(copy: Finished, client: Any, logged: str) -> None:
    """The training, not its encoded data, is what `think` is."""
    tags, stages = client.get_run(logged).data.tags, copy.record.stages
    trained = {f"{one.artefact.stage}/{one.artefact.manifest.key}" for arm in copy.record.gathered() for one in arm.trainings}
    for name, tag in (("imitate", "imitate"), ("think (long thoughts)", "think.long thoughts"), ("think (shortcut)", "think.shortcut")):
        assert f"Sft/{stages[name]}" in trained
        assert tags[f"stage.{tag}"] == stages[name]
    assert (copy.root / "artefacts" / "Prepare" / stages["imitate.prepared"]).is_dir()
    assert (copy.root / "artefacts" / "Sample" / stages["bench.arithmetic.attempts (shortcut)"]).is_dir()


def test_each_arm_has_a_run_with_its_curves(copy: Finished, client: Any, logged: str) -> None:
    runs = children(client, logged)
    assert {run.info.run_name for run in runs} == set(copy.record.arms)
    steps = {arm.name: [row.step for row in arm.trainings[1].logs.curve] for arm in copy.record.gathered()}
    for run in runs:
        assert "arithmetic/accuracy" in run.data.metrics
        assert [point.step for point in client.get_metric_history(run.info.run_id, "phase2/loss")] == steps[run.info.run_name]


def test_logging_again_finds_the_same_run(copy: Finished, client: Any, logged: str) -> None:
    before = len(client.search_runs(["1", "2"]))
    assert log_run(Tracking(), copy.record) == logged
    assert len(client.search_runs(["1", "2"])) == before


def test_what_is_logged_already_is_found_without_importing_mlflow(copy: Finished, logged: str) -> None:
    code = (
        "import sys; from pathlib import Path; from o1exp.history.runs import read; from o1exp.track.tracking import *\n"
        f"record = read(Path({str(copy.record.folder)!r}))\n"
        "open_study(Tracking(), record.root, record.study); print(log_run(Tracking(), record), 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == [logged, "False"], done.stderr


def test_a_half_logged_run_is_replaced(copy: Finished, client: Any) -> None:
    parent = open_study(Tracking(), copy.root, "addition", sweep="killed").run_id
    first = log_run(Tracking(), copy.record, parent)
    client.update_run(first, status="RUNNING")
    second = log_run(Tracking(), copy.record, parent)
    assert second != first
    assert client.get_run(first).info.lifecycle_stage == "deleted"
    assert children(client, first) == []


def test_cells_of_a_sweep_stand_below_one_parent(copy: Finished, client: Any, tmp_path: Path) -> None:
    study = open_study(Tracking(), copy.root, "swept", sweep="grid-1")
    assert open_study(Tracking(), copy.root, "swept", sweep="grid-1") == study
    sweep = copy.root / "runs" / "grid-1"
    for number, (rate, result) in enumerate(zip(("0.001", "0.002"), copy.record.arms.values(), strict=True)):
        folder, overrides = copy.root / "runs" / f"swept-{number}", ("seed=1", f"think.lr={rate}", f"thought={rate[-1]}")
        replace_text(folder / CONFIG, f"{{seed: 1, think: {{lr: {rate}, epochs: 3}}, thought: {{draws: 4}}}}")
        record = RunRecord(folder=folder, root=copy.root, title="swept", arms={"run": result}, overrides=overrides)
        write(record)
        log_run(Tracking(), record, study.run_id)
        CellOutcome(overrides=overrides, run=folder.name).write(sweep / "cells" / str(number))
    cells = children(client, study.run_id)
    assert {run.data.params["think.lr"] for run in cells} == {"0.001", "0.002"}
    assert all("arithmetic/accuracy" in run.data.metrics and "phase1/loss" in run.data.metrics for run in cells)
    state = unpacked(client.get_experiment(study.experiment_id).tags[NAME])
    assert state["selectedColumns"][:3] == ["params.`thought`", "params.`think.lr`", "metrics.`arithmetic/accuracy`"]
    assert {run.data.params["seed"] for run in cells} == {"1"}
    (sweep / "report.html").write_text("<p>")
    log_sweep(Tracking(), copy.root, study.run_id, sweep)
    assert {run.info.run_name for run in children(client, study.run_id)} == {"think.lr=0.001 thought=1", "think.lr=0.002 thought=2"}
    assert [path.path for path in client.list_artifacts(study.run_id, "report")] == ["report/report.html"]


def test_a_copied_folder_keeps_and_writes_its_own_artifacts(finished: Finished, copy: Finished, client: Any, logged: str) -> None:
    """Nothing of the copy names the original, which it would otherwise write into."""
    before = sorted(finished.root.rglob("*"))
    experiment = client.get_run(logged).info.experiment_id
    runs = [client.get_run(logged), *children(client, logged)]
    assert len(runs) == 3, "the run and its arms, logged in the original"
    places = [client.get_experiment(experiment).artifact_location, *(run.info.artifact_uri for run in runs)]
    assert all(place.startswith((copy.root / "mlflow-artifacts").as_uri() + "/") for place in places)
    assert all(Path(unquote(urlparse(run.info.artifact_uri).path)).is_dir() for run in runs)
    log_sweep(Tracking(), copy.root, logged, copy.record.folder)
    assert sorted(finished.root.rglob("*")) == before


def test_a_moved_folder_may_have_any_name(copy: Finished, logged: str, tmp_path: Path) -> None:
    for number, name in enumerate(("a b_%", "c'd")):
        place, before = tmp_path / name, (copy.root, tmp_path / "a b_%")[number]
        place.mkdir()
        shutil.copyfile(before / "mlflow.db", place / "mlflow.db")
        shutil.copytree(before / "mlflow-artifacts", place / "mlflow-artifacts")
        assert view_urls(Tracking(), place)
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=Tracking().address(place))
        assert client.get_run(logged).info.artifact_uri.startswith((place / "mlflow-artifacts").as_uri() + "/")
        assert "report/index.html" in {path.path for path in client.list_artifacts(logged, "report")}


def test_names_and_values_stay_within_mlflows_limits() -> None:
    found = params({"a": {"b" * 300: "v" * 7000}, "c[0]=@x": 1, "list": [{"x": 1}, {"x": 2}], "empty": {}})
    assert all(len(p.key) <= 250 and len(p.value) <= 6000 for p in found)
    assert {p.key for p in found if len(p.key) < 20} == {"c_0___x", "list.0.x", "list.1.x", "empty"}
    assert len({p.key for p in params({"k" * 300: 1, "k" * 301: 2, "k$": 3, "k%": 4, "k_": 5})}) == 5
    assert flat({"a": [1, 2]}) == {"a": [1, 2]}


def test_mlflow_takes_every_name(copy: Finished, client: Any) -> None:
    """Arms, a study, a run and a sweep of any name are logged once, each arm's scores apart."""
    folder = copy.root / "runs" / "it's 50 % [x] $y$"
    results = list(copy.record.arms.values())
    arms = {name: results[number % 2] for number, name in enumerate((*NASTY, "a$", "a%"))}
    record = RunRecord(folder=folder, root=copy.root, title="it's \u4e2d ${x}", arms=arms)
    parent = open_study(Tracking(), copy.root, record.study, sweep="it's").run_id
    assert open_study(Tracking(), copy.root, record.study, sweep="it's").run_id == parent
    run = log_run(Tracking(), record, parent)
    assert log_run(Tracking(), record, parent) == run
    scores = [name for name in client.get_run(run).data.metrics if name.endswith("arithmetic/accuracy")]
    assert len(scores) == len(arms)
    assert len(children(client, run)) == len(arms)
    assert client.get_run(run).info.artifact_uri.startswith((copy.root / "mlflow-artifacts").as_uri() + "/")
    assert client.list_artifacts(run)


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
    cells[0][2]["draws"] = "4"
    assert swept(runs) == ["lr", "draws"], "what some runs lack comes last"
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
