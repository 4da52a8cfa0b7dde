"""What MLflow holds of a sweep: rows told apart by what was swept, means over seeds, cells without a result, and views of it all."""

import sqlite3
import time
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from o1exp.history.cells import CellOutcome, outcome
from o1exp.history.runs import RunRecord
from o1exp.report.effects import REPLICATES
from o1exp.track.logged import KIND
from o1exp.track.study import log_run, log_sweep, open_study, view_urls
from o1exp.track.tracking import KEY_TAG, PARENT_TAG, Cell, Tracking
from o1exp.track.view import tag, unpacked
from o1exp.track.writing import CELL
from tests.planted import BENCHMARK
from tests.track.swept import failed, sweep

AXES = [(f"thought={thought}", f"seed={seed}") for thought, seed in product(("distil", "shortcut"), (0, 1, 2))]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep(tmp_path_factory.mktemp("swept"), AXES, "planted-grid")


@pytest.fixture(scope="module")
def client(grid: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=Tracking().address(grid.parents[1]))


def rows(client: Any, kind: str) -> list[Any]:
    found: list[Any] = client.search_runs(["1"], f"tags.`o1exp.kind` = '{kind}'")
    return found


def test_a_swept_choice_is_a_parameter_and_a_seed_is_one(client: Any) -> None:
    """Neither the whole config nor a copy of the seed for every node that it reaches."""
    cells = rows(client, "cell")
    assert {(run.data.params["thought"], run.data.params["seed"]) for run in cells} == {tuple(w.split("=")[1] for w in c) for c in AXES}
    assert all(set(run.data.params) == {"source", "thought", "think", "bench", "seed"} for run in cells), "how to run is none of it"
    assert {run.info.run_name for run in cells} == {" ".join(cell) for cell in AXES}


def test_a_score_stands_with_its_interval_beside_tokens_dollars_and_state(client: Any, grid: Path) -> None:
    for run in rows(client, "cell"):
        low, middle, high = (100 * run.data.metrics[f"{BENCHMARK}/{name}"] for name in ("accuracy_low", "accuracy", "accuracy_high"))
        assert run.data.tags[f"score {BENCHMARK}"] == f"{middle:.1f} % ({low:.1f} to {high:.1f})"
        assert {"accuracy", "tokens", "usd", "train_tokens"} <= set(run.data.metrics)
        assert run.data.tags["status"] == "done"
        assert "config.json" in {found.path for found in client.list_artifacts(run.info.run_id)}


def test_a_run_for_each_combination_has_the_mean_over_its_seeds(client: Any) -> None:
    cells, means = rows(client, "cell"), rows(client, "seeds")
    assert {run.info.run_name for run in means} == {"thought=distil", "thought=shortcut"}
    for run in means:
        own = [cell.data.metrics["accuracy"] for cell in cells if cell.data.params["thought"] == run.data.params["thought"]]
        found = run.data.metrics
        assert found["accuracy"] == pytest.approx(sum(own) / 3)
        assert found[f"{BENCHMARK}/accuracy_low"] < found[f"{BENCHMARK}/accuracy"] < found[f"{BENCHMARK}/accuracy_high"]
        assert run.data.tags["status"] == "3 seeds"
        assert not set(REPLICATES) & set(run.data.params)


def test_the_views_show_what_was_swept_and_then_what_came_out(client: Any, grid: Path) -> None:
    tags = client.get_experiment("1").tags
    score = f"tags.`score {BENCHMARK}`"
    for key, swept in (("study", ["thought", "seed"]), ("planted-grid", ["thought", "seed"]), ("planted-grid-seeds", ["thought"])):
        state = unpacked(tags[tag(key)])
        assert state["selectedColumns"][: len(swept) + 2] == [*(f"params.`{name}`" for name in swept), score, "metrics.`tokens`"], key
        assert state["columnOrder"][1:-2] == state["selectedColumns"]
        shown = state["columnWidths"]
        assert sum(shown.values()) < 1150, "1,440 pixels less the UI's own"
    parent = rows(client, "sweep")[0].info.run_id
    for key, count in (("study", 7), ("planted-grid", 6), ("planted-grid-seeds", 2)):
        state = unpacked(tags[tag(key)])
        assert len(client.search_runs(["1"], state["searchFilter"])) == count, key
        assert key == "study" or parent in state["searchFilter"]
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert list(view_urls(Tracking(), grid.parents[1])) == ["planted", "planted, planted-grid", "planted, planted-grid-seeds"]


def test_a_sweep_that_is_ended_again_says_nothing_twice(client: Any, grid: Path) -> None:
    before = len(client.search_runs(["1"])), client.get_experiment("1").tags[tag("study")]
    log_sweep(Tracking(), grid, "planted")
    assert (len(client.search_runs(["1"])), client.get_experiment("1").tags[tag("study")]) == before


def test_the_view_of_a_sweep_is_there_before_its_first_cell(tmp_path: Path) -> None:
    open_study(Tracking(), tmp_path, "s", "s-1", ["gsm8k"])
    from mlflow import MlflowClient

    tags = MlflowClient(tracking_uri=Tracking().address(tmp_path)).get_experiment("1").tags
    assert "tags.`score gsm8k`" in unpacked(tags[tag("s-1")])["selectedColumns"]


def test_failed_and_killed_cells_are_runs_with_that_state_until_they_are_made(tmp_path: Path) -> None:
    open_study(Tracking(), tmp_path, "s", sweep="s-1")
    folder = tmp_path / "runs" / "s-1"
    failed(folder, 0, "why")
    CellOutcome(overrides=("seed=1",), state="RUNNING").write(folder / "cells" / "1")
    log_sweep(Tracking(), folder, "s")
    assert _states(tmp_path) == {"s-1": "FINISHED", "seed=0": "FAILED", "seed=1": "KILLED"}
    assert _said(tmp_path, "seed=0") == "failed: why"
    CellOutcome(overrides=("seed=0",)).write(folder / "cells" / "0")
    log_sweep(Tracking(), folder, "s")
    assert _states(tmp_path) == {"s-1": "FINISHED", "seed=1": "KILLED"}
    assert outcome(folder / "cells" / "0") is not None


def test_a_cell_that_failed_with_other_code_is_listed_once(tmp_path: Path) -> None:
    """Its first run has another key: nothing but the cell's number tells that both are the same cell."""
    from mlflow import MlflowClient

    folder = sweep(tmp_path, [("seed=0",), ("seed=1",)], "s")
    client = MlflowClient(tracking_uri=Tracking().address(tmp_path))
    (run,) = client.search_runs(["1"], f"tags.`{CELL}` = '1'")
    parent = run.data.tags[PARENT_TAG]
    for number, status in (("1", "FAILED"), ("1", "KILLED"), ("7", "FAILED")):
        old = client.create_run("1", tags={PARENT_TAG: parent, CELL: number, KIND: "cell", KEY_TAG: "of other code"})
        client.set_terminated(old.info.run_id, status=status)
    failed(folder, 7, "no luck")
    assert log_sweep(Tracking(), folder, "planted")
    found = client.search_runs(["1"], f"tags.`{PARENT_TAG}` = '{parent}'")
    cells = sorted((run.data.tags[CELL], run.info.status) for run in found if CELL in run.data.tags)
    assert cells == [("0", "FINISHED"), ("1", "FINISHED"), ("7", "FAILED")]


@pytest.mark.slow
def test_a_cell_costs_no_more_to_log_among_thousands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU seconds, beside 2,000 runs that are there already: nothing reads them again."""
    from mlflow import MlflowClient

    cells, spent = [("thought=distil", f"seed={seed}") for seed in range(8)], [0.0]

    def timed(tracking: Tracking, record: RunRecord, cell: Cell) -> str:
        began = time.process_time()
        try:
            return log_run(tracking, record, cell)
        finally:
            spent[-1] += time.process_time() - began

    sweep(tmp_path, AXES[:1], "first")
    monkeypatch.setattr("tests.track.swept.log_run", timed)
    sweep(tmp_path, cells, "alone")
    place = Tracking().address(tmp_path)
    client = MlflowClient(tracking_uri=place)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as sql, sql:
        one = client.search_runs(["1"], "tags.`o1exp.kind` = 'cell'")[0].info.run_id
        columns = [row[1] for row in sql.execute("PRAGMA table_info(runs)") if row[1] != "run_uuid"]
        for number in range(2000):
            sql.execute(
                f"INSERT INTO runs (run_uuid, {', '.join(columns)}) SELECT ?, {', '.join(columns)} FROM runs WHERE run_uuid = ?",
                (f"{number:032x}", one),
            )
            sql.execute(
                "INSERT INTO tags (key, value, run_uuid) SELECT key, value || ?, ? FROM tags WHERE run_uuid = ?",
                (f" {number}", f"{number:032x}", one),
            )
    spent.append(0.0)
    sweep(tmp_path, cells, "second")
    assert spent[1] < 2 * spent[0]


def _states(root: Path) -> dict[str, str]:
    with closing(sqlite3.connect(root / "mlflow.db")) as sql:
        return dict(sql.execute("select name, status from runs where lifecycle_stage = 'active'").fetchall())


def _said(root: Path, name: str) -> str:
    with closing(sqlite3.connect(root / "mlflow.db")) as sql:
        question = "select tags.value from tags join runs using (run_uuid) where runs.name = ? and tags.key = 'status'"
        return str(sql.execute(question, (name,)).fetchone()[0])
