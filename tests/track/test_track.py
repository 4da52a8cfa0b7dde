"""MLflow on a real sqlite file: created once by many, logged once, found again, nothing beyond its limits."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from o1exp.history.runs import RunRecord
from o1exp.track.columns import Columns, Seen, of_sweep
from o1exp.track.settings import name as run_name
from o1exp.track.settings import params, settings
from o1exp.track.study import log_run, log_sweep, open_study, view_urls
from o1exp.track.tracking import Cell, StudyHandle, Tracking
from o1exp.track.view import address, of_seeds, of_study, packed, unpacked, view
from o1exp.track.view import of_sweep as sweep_view
from tests.app.commands import TINY
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
    set_there = {word.split("=")[0] for word in TINY} - {"outputs"}
    assert set_there <= set(run.data.params), "what the command set"
    assert (run.data.params["experiment"], run.data.params["thought"], run.data.params["seed"]) == ("quickstart", "distil", "0")
    assert "think.batch_tokens" not in run.data.params, "nor what it left as it was"
    assert not any(name.startswith(("machine", "track", "arms", "imitate._")) for name in run.data.params)
    long = record.gathered()[0]
    assert run.data.metrics["long thoughts/arithmetic/accuracy"] == long.outcome.benchmarks["arithmetic"].accuracy
    assert run.data.metrics["long thoughts/arithmetic/p"] == 1
    assert {path.path for path in client.list_artifacts(logged)} == {"report", "run", "manifests.json", "config.json"}
    assert "report/index.html" in {path.path for path in client.list_artifacts(logged, "report")}
    used = {(found.dataset.name.split(":")[0], found.tags[0].value) for found in run.inputs.dataset_inputs}
    assert used == {("phase 1", "training"), ("phase 2", "training"), ("arithmetic", "evaluation")}
    assert all(len(found.dataset.digest) == 32 for found in run.inputs.dataset_inputs)


def test_every_node_stands_under_its_own_key(copy: Finished, client: Any, logged: str) -> None:
    """The training, not its encoded data, is what `think` is."""
    tags, stages = client.get_run(logged).data.tags, copy.record.stages
    trained = {f"{one.artefact.stage}/{one.artefact.manifest.key}" for arm in copy.record.gathered() for one in arm.trainings}
    assert json.loads(tags["o1exp.stages"]) == stages, "behind one tag"
    for name in ("imitate", "think (long thoughts)", "think (shortcut)"):
        assert f"Sft/{stages[name]}" in trained
    assert (copy.root / "artefacts" / "Prepare" / stages["imitate.prepared"]).is_dir()
    assert (copy.root / "artefacts" / "Sample" / stages["bench.arithmetic.attempts (shortcut)"]).is_dir()


def test_each_arm_has_a_run_with_its_curves(copy: Finished, client: Any, logged: str) -> None:
    runs = children(client, logged)
    assert {run.info.run_name for run in runs} == set(copy.record.arms)
    steps = {arm.name: [row.step for row in arm.trainings[1].logs.curve] for arm in copy.record.gathered()}
    for run in runs:
        assert "arithmetic/accuracy" in run.data.metrics
        history = client.get_metric_history(run.info.run_id, "phase2/loss")
        assert sorted(point.step for point in history) == steps[run.info.run_name], "told while it trained and afterwards, each once"
        assert run.data.params["thought"] == {"long thoughts": "distil", "shortcut": "shortcut"}[run.info.run_name]


def test_logging_again_finds_the_same_run(copy: Finished, client: Any, logged: str) -> None:
    before = len(client.search_runs(["1", "2"]))
    assert log_run(Tracking(), copy.record) == logged
    assert len(client.search_runs(["1", "2"])) == before


def test_what_is_logged_already_is_found_without_importing_mlflow(copy: Finished, logged: str) -> None:
    code = (
        "import sys; from pathlib import Path; from o1exp.history.runs import read; from o1exp.track.study import *\n"
        f"record = read(Path({str(copy.record.folder)!r}))\n"
        "open_study(Tracking(), record.root, record.study); print(log_run(Tracking(), record), 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == [logged, "False"], done.stderr


def test_a_half_logged_run_is_replaced(copy: Finished, client: Any) -> None:
    cell = Cell("killed", "0", open_study(Tracking(), copy.root, "quickstart", sweep="killed").run_id)
    first = log_run(Tracking(), copy.record, cell)
    client.update_run(first, status="RUNNING")
    second = log_run(Tracking(), copy.record, cell)
    assert second != first
    assert client.get_run(first).info.lifecycle_stage == "deleted"
    assert children(client, first) == []


def test_a_copied_folder_keeps_and_writes_its_own_artifacts(finished: Finished, copy: Finished, client: Any, logged: str) -> None:
    """Nothing of the copy names the original, which it would otherwise write into."""
    before = sorted((finished.root / "mlflow-artifacts").rglob("*"))  # other tests read the original meanwhile, and leave locks there
    experiment = client.get_run(logged).info.experiment_id
    runs = [client.get_run(logged), *children(client, logged)]
    assert len(runs) == 3, "the run and its arms, logged in the original"
    places = [client.get_experiment(experiment).artifact_location, *(run.info.artifact_uri for run in runs)]
    assert all(place.startswith((copy.root / "mlflow-artifacts").as_uri() + "/") for place in places)
    assert all(Path(unquote(urlparse(run.info.artifact_uri).path)).is_dir() for run in runs)
    log_sweep(Tracking(), copy.record.folder, copy.record.study)
    assert sorted((finished.root / "mlflow-artifacts").rglob("*")) == before


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
    found = params({"a." + "b" * 300: "v" * 7000, "c[0]=@x": "1"})
    assert all(len(p.key) <= 250 and len(p.value) <= 6000 for p in found)
    assert {p.key for p in found if len(p.key) < 20} == {"c_0___x"}
    assert len({p.key for p in params(dict.fromkeys(("k" * 300, "k" * 301, "k$", "k%", "k_"), "1"))}) == 5


def test_parameters_are_what_was_set_and_which_options_were_chosen(tmp_path: Path) -> None:
    words = ("experiment=paper", "sft@think=small", "think.lr=0.1", "+think.new=1", "~arms", "machine.jobs=2", "outputs=x", "thought=tree")
    choices = {"thought": "tree", "sft@think": "small", "machine": "cpu", "experiment": "paper", "source": "arithmetic"}
    record = RunRecord(folder=tmp_path / "runs" / "r-0a1b", root=tmp_path, title="s", arms={}, overrides=words, choices=choices)
    found = settings(record)
    assert found == {
        "thought": "tree", "think": "small", "experiment": "paper", "source": "arithmetic", "think.lr": "0.1", "think.new": "1",
    }  # fmt: skip
    assert run_name(record) == "sft@think=small think.lr=0.1 think.new=1 thought=tree"
    assert run_name(RunRecord(folder=tmp_path, root=tmp_path, title="s", arms={}, overrides=("experiment=paper",))) == "s"


def test_mlflow_takes_every_name(copy: Finished, client: Any) -> None:
    """Arms, a study, a run and a sweep of any name are logged once, each arm's scores apart."""
    folder = copy.root / "runs" / "it's 50 % [x] $y$"
    results = list(copy.record.arms.values())
    arms = {name: results[number % 2] for number, name in enumerate((*NASTY, "a$", "a%"))}
    record = RunRecord(folder=folder, root=copy.root, title="it's \u4e2d ${x}", arms=arms)
    parent = open_study(Tracking(), copy.root, record.study, sweep="it's").run_id
    assert open_study(Tracking(), copy.root, record.study, sweep="it's").run_id == parent
    cell = Cell("it's", "0", parent, "it's = [1]")
    run = log_run(Tracking(), record, cell)
    assert log_run(Tracking(), record, cell) == run
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


def _open_and_die(root: str) -> None:
    """Half way through the tables of MLflow's database."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def die(connection: object, cursor: object, statement: str, *more: object) -> None:
        if "CREATE TABLE guardrails" in statement:
            os._exit(9)

    event.listen(Engine, "after_cursor_execute", die)
    _open(root)


def test_a_process_that_is_killed_while_it_makes_the_database_leaves_none(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow"])
    killed = context.Process(target=_open_and_die, args=[str(tmp_path)])
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    assert _open(str(tmp_path)).run_id
    assert [path.name for path in tmp_path.glob("mlflow.db*")] == ["mlflow.db"]


def test_the_columns_of_a_study_grow_with_its_runs_and_none_is_read_again() -> None:
    seen = Seen()
    for seed in range(3):
        seen.add({"source": "sums", "thought": "tree", "seed": str(seed)}, ["gsm8k"], 2)
    assert seen.columns == Columns(("seed",), ("gsm8k",), 2)
    seen = Seen.of(unpacked(packed(seen.plain())))
    seen.add({"source": "sums", "thought": "distil", "seed": "0", "think.lr": "0.1", "arm": "a"}, ["gsm8k", "math"], 1)
    assert seen.columns == Columns(("thought", "seed", "think.lr"), ("gsm8k", "math"), 2), "what some runs lack comes last"


def test_the_columns_of_a_sweep_are_its_axes_the_seed_last() -> None:
    cells = [(f"seed={seed}", f"sft@think={think}", "source=sums") for seed in (0, 1) for think in ("a", "b")]
    assert of_sweep(cells, asked=["gsm8k"]) == Columns(("think", "seed"), ("gsm8k",), 0)
    assert of_sweep([*cells, ("seed=0", "think.lr=1")]).params == ("think", "source", "think.lr", "seed")


def test_a_view_is_small_enough_for_a_tag_and_comes_back_whole() -> None:
    many = Columns(tuple(f"think.setting_{n}" for n in range(8)), tuple(f"benchmark {n}" for n in range(6)), 3)
    for state in (of_study(many), sweep_view(many, "0" * 32), of_seeds(many, "0" * 32)):
        assert unpacked(packed(state)) == state
        assert len(packed(state)) < 5000, "MLflow takes no longer tag of an experiment"
    charts = {chart["displayName"] for chart in of_study(many)["compareRunCharts"]}
    assert {"Accuracy against output tokens", "Phase 1: loss against tokens", "Phase 3: held-out loss by step"} <= charts


def test_the_installed_ui_still_reads_such_a_view() -> None:
    """The format is the UI's own and undocumented: its script must know the tag, the header, the address and the fields."""
    import mlflow

    script = "".join(p.read_text(errors="replace") for p in (Path(mlflow.__file__).parent / "server/js/build/static/js").glob("*.js"))
    state = view(Columns((), (), 1), "")
    fields = [name for name in state if name not in ("orderByKey", "orderByAsc", "startTime", "modelVersionFilter")]
    cards = {name for chart in state["compareRunCharts"] for name in chart}
    known = [
        "mlflow.sharedViewState.", '"deflate;"', '"viewStateShareKey"', "workflowType", "compareRunsMode", "runDateAndNestInfo",
        "mlflow.experimentKind", "custom_model_development", '"SHOW_ALL"', '"SCATTER"', '"LINE"', *fields, *cards,
        *state["compareRunSections"][0],
    ]  # fmt: skip
    assert [name for name in known if name not in script] == []
    place = "http://127.0.0.1:5000/#/experiments/7/runs?workflowType=machine_learning&compareRunsMode=TABLE&viewStateShareKey=study"
    assert address("7", 5000) == place
    assert view(Columns(), "")["selectedColumns"] == ["metrics.`tokens`", "metrics.`usd`", "tags.`status`", "metrics.`train_tokens`"]
