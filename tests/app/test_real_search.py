"""Searches whose trials are real trainings: measured, failed, ended by the pruner, killed and gone on with, by two processes at once."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from o1exp.app.axes import Axes, Axis
from o1exp.app.search.asked import Search
from o1exp.app.search.study import Trials
from o1exp.history.cells import outcomes
from tests.app.commands import TINY, begin
from tests.app.commands import o1exp as script
from tests.app.searcher import asked

RATES = ("1e-3", "1.5e-3", "2e-3", "2.5e-3", "1e30")
SEARCH = (
    "-m", *TINY, "track=none", "hydra/sweeper=optuna", "hydra.sweeper.sampler=random", "hydra.sweeper.n_trials=20",
    "hydra.sweeper.objectives=[accuracy,tokens]", "hydra.sweeper.options.confirm=1", "hydra.sweeper.options.prune=true",
    'hydra.sweeper.options.held_out=["bench.arithmetic.problems.seed=1"]', "think.validation_fraction=0.2",
    f"think.lr={','.join(RATES)}",
)  # fmt: skip
"""Twenty trials of five trainings, of which one diverges: trials that draw the same one share it."""
SIDE_BY_SIDE = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.options.at_once=2")
ALONE = ("hydra/launcher=basic",)


def _ended(folder: Path) -> dict[str, str]:
    """What each trial that is over has left."""
    found = {cell: cell.read_text() for cell in folder.glob("outputs/runs/*/cells/*/cell.json")}
    return {str(cell): text for cell, text in found.items() if json.loads(text)["state"] in ("FINISHED", "FAILED", "PRUNED")}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_real_trials_by_two_processes_of_which_one_is_killed(tmp_path: Path) -> None:
    first = begin(tmp_path, tmp_path / "first.txt", *SEARCH, *SIDE_BY_SIDE)
    second = begin(tmp_path, tmp_path / "second.txt", *SEARCH, *ALONE)
    try:
        deadline = time.monotonic() + 1200
        while len(before := _ended(tmp_path)) < 3 or not list(tmp_path.glob("outputs/scratch/Sft-*")):
            assert first.poll() is None, (tmp_path / "first.txt").read_text()
            assert time.monotonic() < deadline, (tmp_path / "first.txt").read_text()
            time.sleep(0.05)
        first.kill()  # mid-trial, with its pool and their trainings
        first.wait()
        assert second.wait(timeout=1200) == 1, (tmp_path / "second.txt").read_text()  # the rate of 1e30 diverges
    finally:
        first.kill()
        second.kill()
    done = script(tmp_path, *SEARCH, *ALONE, timeout=1200)  # the same command again has nothing to do
    assert done.returncode == 1, done.stdout + done.stderr
    assert "made  " not in done.stdout
    (page,) = (tmp_path / "outputs" / "runs").glob("*/search.html")
    found = outcomes(page.parent)
    drawn = {cell.number: float(next(word for word in cell.overrides if word.startswith("think.lr=")).partition("=")[2]) for cell in found}
    assert sorted(drawn) == list(range(20))
    assert {cell.number for cell in found if cell.state == "FAILED"} == {number for number, lr in drawn.items() if lr == 1e30}
    assert {cell.state for cell in found} <= {"FINISHED", "FAILED", "PRUNED"}
    assert {place: Path(place).read_text() for place in before} == before  # nothing was overwritten
    trials = Trials(page.parent, _asked()).study.get_trials()
    assert [trial.number for trial in trials] == list(range(20))
    for cell, trial in zip(sorted(found, key=lambda cell: cell.number), trials, strict=True):
        assert trial.state.name == {"FINISHED": "COMPLETE", "FAILED": "FAIL", "PRUNED": "PRUNED"}[cell.state]
        assert drawn[cell.number] == float(RATES[trial.params["think.lr"]])
        if cell.state == "FINISHED":
            assert trial.values == [dict(cell.metrics)[name] for name in ("accuracy", "tokens")]
    trained = len(list((tmp_path / "outputs" / "artefacts" / "Sft").iterdir()))
    assert trained <= 1 + 4 + 2  # phase 1, four rates, and both phases of the winner on a fresh seed
    assert "hydra.sweeper.only" not in done.stderr  # a search has no such setting
    for said in ("again with seed=1000: accuracy ", "again with bench.arithmetic.problems.seed=1: accuracy ", "think.lr=1e+30: FAILED"):
        assert said in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_batches_of_trials_are_jobs_of_submitit(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra submitit is not installed")
    batch = ("hydra/launcher=submitit_local", "hydra.sweeper.options.at_once=2", "hydra.sweeper.options.confirm=0")
    words = (
        "-m",
        *TINY,
        "track=none",
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.sampler=grid",
        "bench.arithmetic.max_tokens=10,12",
        *batch,
    )
    done = script(tmp_path, *words, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 trials: 2 complete" in done.stdout
    assert len(list((tmp_path / "outputs" / "artefacts" / "Sft").iterdir())) == 2  # both jobs' trials share both phases


def _asked() -> Search:
    """The search as its command asks for it, as far as its study needs it."""
    axis = Axis("think.lr", tuple((f"think.lr={rate}",) for rate in RATES))
    return replace(asked(), axes=Axes((), (axis,)), sampler="random")


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_a_real_training_that_falls_behind_is_ended(tmp_path: Path) -> None:
    words = ("-m", *TINY, "hydra/sweeper=optuna", "hydra/launcher=basic", "hydra.sweeper.sampler=grid", "hydra.sweeper.n_trials=5")
    training = (
        "think.max_tokens=40000",
        "think.validation_fraction=0.2",
        "think.evaluations=20",
        "think.lr=2e-3,2.1e-3,2.2e-3,2.3e-3,1e-6",
    )
    done = script(
        tmp_path, *words, *training, "hydra.sweeper.options.prune=true", "hydra.sweeper.options.confirm=0", "track=none", timeout=2400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 complete, 1 pruned" in done.stdout
    found = outcomes(next((tmp_path / "outputs" / "runs").glob("*/search.html")).parent)
    assert [cell.state for cell in found] == ["FINISHED"] * 4 + ["PRUNED"]
    assert "above the median" in found[-1].error
    assert len(list((tmp_path / "outputs" / "artefacts" / "Sft").iterdir())) == 1 + 4  # phase 1, and no ended training
