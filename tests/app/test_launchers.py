"""Cells side by side: what they share is made once, each line says whose it is, a lost process takes no other cell along."""

import json
import sqlite3
from pathlib import Path

import pytest

from o1exp.history.cells import outcomes
from tests.app.commands import TINY
from tests.app.commands import o1exp as ran
from tests.inside import Command

EIGHT = ("-m", *TINY, "hydra/launcher=joblib", "hydra.launcher.n_jobs=8", "seed=0,1", "thought=distil,shortcut", "think.lr=1e-3,2e-3")


KINDS = "join tags using (run_uuid) where lifecycle_stage = 'active' and tags.key = 'o1exp.kind' and tags.value in ('sweep', 'cell')"


def _folder(folder: Path) -> Path:
    return next((folder / "outputs" / "runs").glob("*/cells.json")).parent


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_eight_cells_at_once_on_joblib_make_what_they_share_once(tmp_path: Path) -> None:
    done = ran(tmp_path, *EIGHT, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "locked" not in done.stdout + done.stderr
    made = [line for line in done.stdout.splitlines() if "] made  " in line]
    assert sum(" Distil " in line for line in made) == 1
    assert sum(" Sft " in line for line in made) == 2 + 8  # phase 1 for each seed, phase 2 for each cell
    assert {line.split("]")[0] for line in made} <= {f"[{number}" for number in range(8)}
    with sqlite3.connect(tmp_path / "outputs" / "mlflow.db") as sql:
        states = [state for (state,) in sql.execute(f"select status from runs {KINDS}")]
    assert states == ["FINISHED"] * 9  # the sweep and its cells
    again = ran(tmp_path, *EIGHT)
    assert again.returncode == 0, again.stderr
    assert "8 finished" in again.stdout
    assert "made  " not in again.stdout


def test_the_launcher_of_a_cluster_composes(o1exp: Command) -> None:
    pytest.importorskip("submitit", reason="the extra submitit is not installed")
    launcher = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu", "hydra.launcher.gpus_per_node=8")
    done = o1exp(*launcher, "--cfg", "hydra", "--package", "hydra.launcher")
    assert done.code == 0, done.err
    assert "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher" in done.out
    assert "partition: gpu" in done.out
    assert "gpus_per_node: 8" in done.out


@pytest.mark.slow
def test_cells_run_as_jobs_of_submitit(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra submitit is not installed")
    words = ("-m", "goal=thought", "source.count=5", "track=none", "hydra/launcher=submitit_local", "thought=distil,shortcut")
    done = ran(tmp_path, *words, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    found = outcomes(_folder(tmp_path))
    assert [cell.state for cell in found] == ["FINISHED", "FINISHED"]
    assert sorted(path.name for path in (tmp_path / "outputs" / "artefacts").iterdir()) == ["Arithmetic", "Distil", "Solutions"]


@pytest.mark.slow
def test_cells_run_as_tasks_of_two_workers_of_ray(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    words = ("-m", "goal=thought", "source.count=5", "track=none", "hydra/launcher=ray", "thought=distil,shortcut")
    done = ran(tmp_path, *words, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    found = outcomes(_folder(tmp_path))
    assert [cell.state for cell in found] == ["FINISHED", "FINISHED"]
    assert len(list((tmp_path / "outputs" / "artefacts" / "Arithmetic").iterdir())) == 1
    assert {line.partition("] ")[0].rpartition("[")[2] for line in done.stdout.splitlines() if "] made  " in line} == {"0", "1"}


@pytest.mark.slow
def test_a_cell_whose_process_is_killed_takes_no_other_along(tmp_path: Path) -> None:
    (tmp_path / "conf" / "thought").mkdir(parents=True)
    (tmp_path / "conf" / "thought" / "deadly.yaml").write_text("_target_: deadly_of_tests.Deadly\n")
    (tmp_path / "deadly_of_tests.py").write_text(
        "import os, signal\nfrom dataclasses import dataclass\nfrom o1exp.flow import Stage, Work\n"
        "from o1exp.records import Example, Problem, Table\n\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Deadly(Stage[Table[Example]]):\n"
        '    """Kills its process."""\n\n    problems: Stage[Table[Problem]]\n    mood: int = 0\n\n'
        "    def make(self, work: Work) -> None:\n        if self.mood == 1:\n            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        work.write(Example, [])\n"
    )
    words = ("--config-dir", "conf", "-m", "goal=thought", "track=none", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = ran(tmp_path, *words, "thought=deadly", "thought.mood=0,1,2,3")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "thought.mood=1: KILLED" in done.stderr
    states = {cell.overrides[-1]: cell.state for cell in outcomes(_folder(tmp_path))}
    assert states["thought.mood=1"] == "KILLED"
    assert [states.get(f"thought.mood={mood}") for mood in (0, 2, 3)] == ["FINISHED"] * 3
    assert json.loads((_folder(tmp_path) / "cells.json").read_text()).keys() == {"0", "1", "2", "3"}
