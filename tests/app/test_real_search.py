"""Searches whose trials are real trainings: measured, failed, ended by the pruner, killed and gone on with, by two processes at once."""

from pathlib import Path

import pytest

from o1exp.history.cells import outcomes
from tests.app.commands import TINY
from tests.app.commands import o1exp as script


@pytest.mark.slow
def test_a_search_over_real_trainings_measures_fails_and_confirms(tmp_path: Path) -> None:
    words = ("-m", *TINY, "hydra/sweeper=optuna", "hydra/launcher=basic", "hydra.sweeper.sampler=grid", "hydra.sweeper.n_trials=3")
    options = ("hydra.sweeper.objectives=[accuracy,tokens]", "hydra.sweeper.options.prune=true", "hydra.sweeper.options.confirm=1")
    done = script(tmp_path, *words, *options, "think.validation_fraction=0.2", "think.lr=1e-3,2e-3,1e30", timeout=1200)
    assert done.returncode == 1, done.stdout + done.stderr  # the rate of 1e30 diverges
    assert "3 trials: " in done.stdout
    assert "2 complete" in done.stdout
    assert "1 fail" in done.stdout
    assert "again with seed=1000: accuracy " in done.stdout
    folder = next((tmp_path / "outputs" / "runs").glob("*/search.html")).parent
    assert len(list(folder.glob("cells/*/validation.jsonl"))) >= 2
    again = script(tmp_path, *words, *options, "think.validation_fraction=0.2", "think.lr=1e-3,2e-3,1e30", timeout=600)
    assert "made  " not in again.stdout
    assert "3 trials: " in again.stdout


@pytest.mark.slow
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
