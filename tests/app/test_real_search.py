"""Searches whose trials are real trainings: measured, failed, ended by the pruner, killed and gone on with, by two processes at once."""

import json
import time
from collections.abc import Sequence
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

GOOD, DIVERGING, HOPELESS = ("2e-3", "2.2e-3", "2.4e-3"), "1e30", "1e-6"
RATES, LENGTHS = (*GOOD, DIVERGING, HOPELESS), ("10", "11", "12", "13")
SEARCH = (
    "-m", *(word for word in TINY if not word.startswith("bench.arithmetic.max_tokens=")), "track=none",
    "hydra/sweeper=optuna", "hydra.sweeper.sampler=grid", "hydra.sweeper.n_trials=20",
    "hydra.sweeper.objectives=[accuracy,tokens]", "hydra.sweeper.options.confirm=1", "hydra.sweeper.options.prune=true",
    'hydra.sweeper.options.held_out=["bench.arithmetic.problems.seed=1"]', "think.validation_fraction=0.2", "think.max_tokens=12000",
    "think.evaluations=10", f"think.lr={','.join(RATES)}", f"bench.arithmetic.max_tokens={','.join(LENGTHS)}",
)  # fmt: skip
"""Twenty trials of five trainings, of which one diverges and the last is hopeless; those of one rate follow each other and share it.
"""
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
    found = sorted(outcomes(page.parent), key=lambda cell: cell.number)
    assert [cell.number for cell in found] == list(range(20))
    wanted = [(float(rate), length) for rate in RATES for length in LENGTHS]
    assert [_values(cell.overrides) for cell in found] == wanted
    states = {**{float(rate): "FINISHED" for rate in GOOD}, float(DIVERGING): "FAILED", float(HOPELESS): "PRUNED"}
    assert [cell.state for cell in found] == [states[rate] for rate, _ in wanted]
    assert all("above the median" in cell.error for cell in found if cell.state == "PRUNED")
    assert {place: Path(place).read_text() for place in before} == before  # nothing was overwritten
    trials = Trials(page.parent, _asked()).study.get_trials()
    assert [trial.number for trial in trials] == list(range(20))
    for cell, trial in zip(found, trials, strict=True):
        assert trial.state.name == {"FINISHED": "COMPLETE", "FAILED": "FAIL", "PRUNED": "PRUNED"}[cell.state]
        assert (float(RATES[trial.params["think.lr"]]), LENGTHS[trial.params["bench.arithmetic.max_tokens"]]) == _values(cell.overrides)
        scores = [dict(cell.metrics)[name] for name in ("accuracy", "tokens")] if cell.state == "FINISHED" else None
        assert trial.values == scores
    assert "20 trials: 12 complete, 4 fail, 4 pruned" in done.stdout
    trained = len(list((tmp_path / "outputs" / "artefacts" / "Sft").iterdir()))
    assert trained == 1 + len(GOOD) + 2  # phase 1, the rates that came to an end, and both phases of the winner on a fresh seed
    assert "hydra.sweeper.only" not in done.stderr  # a search has no such setting
    diverged = "think.lr=1e+30 bench.arithmetic.max_tokens=10: FAILED"
    for said in ("again with seed=1000: accuracy ", "again with bench.arithmetic.problems.seed=1: accuracy ", diverged):
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
    named = {"think.lr": RATES, "bench.arithmetic.max_tokens": LENGTHS}
    axes = tuple(Axis(name, tuple((f"{name}={value}",) for value in values)) for name, values in named.items())
    return replace(asked(), axes=Axes((), axes), sampler="grid")


def _values(overrides: Sequence[str]) -> tuple[float, str]:
    """Rate and length of a trial."""
    said = dict(word.split("=", 1) for word in overrides)
    return float(said["think.lr"]), said["bench.arithmetic.max_tokens"]


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
