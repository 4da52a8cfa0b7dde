"""Which command is the quick start, and that no other study has its words."""

import pytest

from o1exp.app.job import arranged
from o1exp.app.sweep import baseline
from o1exp.config.compose import composed, study_of
from tests.inside import Command

QUICK = "experiment=quickstart"


@pytest.mark.parametrize(
    "words",
    [
        [], ["action=plan"], ["goal=verify"], ["seed=1", "outputs=elsewhere"], ["budget.usd=20", "track=none"], ["--cfg", "job"],
        ["machine=gpu", "machine.devices=2", "hydra/launcher=basic", "hydra.verbose=true"], ["--config-dir", "more"],
    ],
)  # fmt: skip
def test_a_command_that_only_says_how_to_run_is_the_quick_start(words: list[str]) -> None:
    assert arranged(words) == [*words, QUICK]


@pytest.mark.parametrize(
    "words",
    [
        ["source=local", "source.path=x"], ["think.lr=1e-3"], ["sft@imitate=skip"], ["+bench=[gsm8k]"], ["~filter"], ["study=mine"],
        ["experiment=dpo"], ["arms={}"], ["-m", "seed=0,1,2"], ["--config-name=x"],
        ["--config-dir", "sweeps", "--config-name", "three_seeds"],
    ],
)  # fmt: skip
def test_any_other_command_is_a_study_of_its_own(words: list[str]) -> None:
    assert arranged(words) == words


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["seed=1", "--cfg", "job"], ["--cfg", "job", "seed=1", QUICK]),
        (["thought=distil", "-m", "seed=0,1"], ["-m", "thought=distil", "seed=0,1"]),
        (["-m", "~filter", "--config-dir", "a=b", "seed=0,1"], ["-m", "--config-dir", "a=b", "~filter", "seed=0,1"]),
    ],
)
def test_flags_may_stand_between_overrides(words: list[str], found: list[str]) -> None:
    assert arranged(words) == found


def test_null_chooses_no_experiment(o1exp: Command) -> None:
    assert arranged(["experiment=null", "-m", "seed=0,1"]) == ["-m", "experiment=none", "seed=0,1"]
    done = o1exp("experiment=null", "action=plan")
    assert done.code == 0, done.err
    assert "shortcut" not in done.out


def test_a_study_of_its_own_has_no_words_of_the_quick_start() -> None:
    study = study_of(composed(["source=local", "source.path="]), [])
    assert list(study.goals) == ["run"]
    assert study.baseline == ""
    assert study.report is not None
    assert (study.report.title, study.report.question, study.report.caveat) == ("study", "", "")  # type: ignore[attr-defined]


def test_the_cells_of_a_sweep_are_compared_with_the_short_solutions_where_there_are_such() -> None:
    config = composed([])
    assert baseline(config, ["seed=0 thought=distil", "seed=0 thought=shortcut"]) == "thought=shortcut"
    assert baseline(config, ["seed=0", "seed=1"]) == ""
    assert baseline(composed([QUICK]), ["thought=distil", "thought=shortcut"]) == "thought=shortcut"


@pytest.mark.parametrize("experiment", ["quickstart", "none", "paper/math"])
def test_a_launcher_can_be_chosen_on_any_experiment(o1exp: Command, experiment: str) -> None:
    for launcher in ("basic", "joblib", "side_by_side"):
        done = o1exp(f"experiment={experiment}", f"hydra/launcher={launcher}", "--cfg", "hydra", "-p", "hydra.launcher")
        assert done.code == 0, done.err
        assert ("n_jobs: 2" in done.out) == (launcher == "side_by_side")


def test_a_sweep_for_another_goal_than_the_report_ends_without_a_page(o1exp: Command, recwarn: pytest.WarningsRecorder) -> None:
    done = o1exp("-m", "source.count=5,6", "goal=source", "track=none", "hydra/launcher=basic")
    assert done.code == 0, done.err
    assert done.out.count("1 stage made") == 2
    assert not [warning for warning in recwarn if "Sweep" in str(warning.message)]
