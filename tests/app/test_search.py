"""A search counts right: failing and pruned trials, processes that are killed, two at once on one study."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from o1exp.app.axes import Axes, Axis
from o1exp.app.prune import behind, write
from o1exp.app.search.results import importance, show_search, told
from o1exp.app.search.study import Trials, sampler
from o1exp.history.cells import CellOutcome
from o1exp.train.logs import ValidationRow
from tests.app.commands import environment
from tests.app.searcher import asked, main, scored
from tests.inside import Command
from tests.waiting import LONG, until


def _start(folder: Path, storage: str, seconds: float = 0.3) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "tests.app.searcher", str(folder), str(seconds), storage], env=environment(None))


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_twenty_trials_by_two_processes_of_which_one_is_killed(tmp_path: Path, storage: str) -> None:
    first, second = _start(tmp_path, storage), _start(tmp_path, storage)
    until(lambda: (tmp_path / "began").exists() and len((tmp_path / "began").read_text().split()) >= 5)
    first.kill()
    first.wait()
    assert second.wait(timeout=LONG) == 0
    main(tmp_path, 0, storage)  # the same command again: what the killed one left, and nothing else
    study = Trials(tmp_path, asked(storage)).study
    trials = study.get_trials()
    states = [trial.state.name for trial in trials]
    assert len(trials) == 20
    assert {state: states.count(state) for state in set(states)} == {"COMPLETE": 15, "PRUNED": 4, "FAIL": 1}
    began = [int(number) for number in (tmp_path / "began").read_text().split()]
    assert sorted(set(began)) == list(range(20))
    assert len(began) - len(set(began)) <= 1  # only the trial that was under way at the kill, under its own number
    for trial in trials:
        if trial.state.name == "COMPLETE":
            words = (f"lr={trial.params['lr']:.6g}", f"kind={'ab'[trial.params['kind']]}")
            assert trial.values == pytest.approx([scored(words)[name] for name in ("accuracy", "tokens")])
    assert len({trial.params["lr"] for trial in trials}) == 20


def test_more_trials_go_on_with_the_study_and_fewer_add_none(tmp_path: Path) -> None:
    main(tmp_path, 0, "journal")
    assert Trials(tmp_path, asked(trials=10)).claim() == []
    (more,) = Trials(tmp_path, asked(trials=21)).claim()
    assert more.number == 20
    assert more.overrides[0] == "x=1"


@pytest.mark.parametrize("name", ["tpe", "gp", "nsga2", "qmc", "random"])
def test_every_sampler_keeps_to_the_space_and_to_constraints(tmp_path: Path, name: str) -> None:
    search = asked(sampler=name, constraints=("tokens<=200",), trials=12)
    trials = Trials(tmp_path, search)
    while claimed := trials.claim():
        trials.tell(claimed[0], "FINISHED", scored(claimed[0].overrides))
    found = trials.study.get_trials()
    assert len(found) == 12
    assert all(0.5 <= trial.params["lr"] <= 3 for trial in found)
    if name in ("tpe", "gp", "nsga2"):
        broken = [trial.constraints["tokens<=200"] for trial in found]
        assert broken == pytest.approx([trial.values[1] - 200 for trial in found])
        assert all(trial.values[1] <= 200 for trial in trials.study.best_trials)


def test_cmaes_draws_from_intervals_and_comes_nearer(tmp_path: Path) -> None:
    words = {"hydra": {"overrides": {"task": ["lr=interval(0.5,3.0)", "decay=interval(0.0,1.0)"]}, "sweeper": {"params": {}}}}
    search = replace(asked(trials=30), sampler="cmaes", axes=Axes.of(OmegaConf.create(words)), objectives=("accuracy",))
    trials = Trials(tmp_path, search)
    while claimed := trials.claim():  # each with a sampler of its own, as in processes that know the study alone
        lr, decay = (float(word.partition("=")[2]) for word in claimed[0].overrides[-2:])
        trials.tell(claimed[0], "FINISHED", {"accuracy": 1 - (lr - 1.5) ** 2 - (decay - 0.3) ** 2})
    values = [trial.values[0] for trial in trials.study.get_trials()]
    assert len(values) == 30
    assert all(0.5 <= trial.params["lr"] <= 3 and 0 <= trial.params["decay"] <= 1 for trial in trials.study.get_trials())
    assert sum(values[-10:]) > sum(values[:10])


def test_a_grid_is_searched_once_and_then_is_whole(tmp_path: Path) -> None:
    axes = Axes(("x=1",), (Axis("lr", (("lr=1",), ("lr=2",))), Axis("kind", (("kind=a",), ("kind=b",)))))
    trials = Trials(tmp_path, replace(asked(), sampler="grid", axes=axes))
    found = []
    while claimed := trials.claim():
        found.append(claimed[0].overrides)
        trials.tell(claimed[0], "FINISHED", scored(claimed[0].overrides))
    assert found == [("x=1", f"lr={lr}", f"kind={kind}") for lr in (1, 2) for kind in "ab"]


def test_a_trial_that_is_under_way_elsewhere_is_left_alone(tmp_path: Path) -> None:
    here, there = Trials(tmp_path, asked(trials=1)), Trials(tmp_path, asked(trials=1))
    (mine,) = here.claim()
    assert there.claim() == []
    mine.lock.release()  # as when this process is gone
    (orphan,) = there.claim()
    assert (orphan.number, orphan.overrides) == (mine.number, mine.overrides)


def test_other_objectives_are_another_study(tmp_path: Path) -> None:
    Trials(tmp_path, asked())
    with pytest.raises(ValueError, match="other objectives"):
        Trials(tmp_path, replace(asked(), objectives=("accuracy",)))


def test_the_results_say_what_mattered_and_warn_of_the_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(tmp_path, 0, "journal")
    search = asked()
    study = Trials(tmp_path, search).study
    again = CellOutcome(overrides=("lr=1.5", "seed=1000"), number=7, metrics=(("accuracy", 0.5), ("tokens", 150.0)))
    said = "\n".join(told(study, search, [again]))
    assert "20 trials: 15 complete" in said
    assert "partly luck" in said
    assert "trial 7 again with seed=1000: accuracy 0.5, tokens 150" in said
    assert importance(study, search, "tokens")["lr"] > 0.5
    show_search(study, search, tmp_path, [])
    page = (tmp_path / "search.html").read_text()
    assert page.count("<circle") == 15
    assert "http" not in page
    assert "what mattered for tokens" in capsys.readouterr().out


def _rows(*losses: float) -> list[ValidationRow]:
    return [ValidationRow(step=step, tokens=100 * step, loss=loss) for step, loss in enumerate(losses)]


def test_a_trial_behind_the_median_is_ended_and_others_are_not(tmp_path: Path) -> None:
    for number, loss in enumerate((1.0, 1.1, 1.2, 1.3)):
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number), _rows(3.0, 2.0, loss, loss / 2))
    assert "above the median 1.15 of 4 other trials" in behind(tmp_path / "9", _rows(3.0, 2.0, 1.4))
    assert behind(tmp_path / "9", _rows(3.0, 2.0, 1.1)) == ""
    assert behind(tmp_path / "9", _rows(9.0)) == ""  # before training
    assert behind(tmp_path / "3", _rows(3.0, 2.0, 1.4)) == ""  # three others are too few


def test_losses_that_are_no_numbers_end_nobody_but_their_own_trial(tmp_path: Path) -> None:
    losses = (math.nan, 1.0, 1.1, math.inf, 1.2, 1.3)
    for number, loss in enumerate(losses):
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number), _rows(3.0, loss))
    assert behind(tmp_path / "9", _rows(3.0, 1.1)) == ""
    assert "above the median 1.15 of 4 other trials" in behind(tmp_path / "9", _rows(3.0, 1.2))
    assert "validation loss inf" in behind(tmp_path / "9", _rows(3.0, math.nan))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hydra.sweeper.sampler=best", "think.lr=interval(0.001,0.002)"], "hydra.sweeper.sampler=best: choose one of tpe"),
        (["hydra.sweeper.objectives=[beauty]", "think.lr=interval(0.001,0.002)"], "beauty: is nothing that a trial is measured by"),
        (
            ["think.lr=interval(0.002,0.001)"],
            "think.lr=interval(0.002,0.001): the interval runs from 0.002 to 0.001; write the smaller end first",
        ),
        (["think.lr=tag(log, interval(0, 0.1))"], "think.lr=tag(log, interval(0, 0.1)): a logarithmic interval begins above 0, not at 0"),
        (["hydra.sweeper.direction=maximize", "seed=0,1"], "hydra.sweeper.direction: there is no such setting; o1exp --cfg hydra shows"),
        (["seed=1"], "nothing to search over"),
        (["think.lr=interval(-1,0.002)"], "think.lr=-1"),
        (["hydra.sweeper.constraints=['tokens=3']", "seed=0,1"], "write METRIC<=NUMBER"),
    ],
)
def test_a_search_is_refused_before_its_first_trial(o1exp: Command, tmp_path: Path, words: list[str], said: str) -> None:
    done = o1exp("-m", "hydra/sweeper=optuna", *words)
    assert (done.code, said in done.err) == (2, True), done.err
    assert list(tmp_path.iterdir()) == []


def test_a_search_is_planned_with_all_its_trials(o1exp: Command) -> None:
    done = o1exp("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=7", "think.lr=interval(0.0005,0.003)", "action=plan")
    assert done.code == 0, done.err
    assert "A search of 7 trials, planned as drawn at random, and 2 more" in done.out
    assert "9 cells, 9 experiments" in done.out


def test_the_best_trial_is_scored_again_on_fresh_seeds_and_with_its_own_model_on_held_out_problems() -> None:
    search = replace(asked(), confirm=2, held_out=("bench.a.problems.seed=1", "bench.b.problems.seed=1"))
    again = search.again(("x=1", "lr=2", "seed=3"), 0)
    assert again == {
        0: ("x=1", "lr=2", "seed=1003"), 1: ("x=1", "lr=2", "seed=1004"), 2: ("x=1", "lr=2", "seed=3", *search.held_out),
    }  # fmt: skip
    assert [search.told_again(cell) for cell in again.values()] == ["seed=1003", "seed=1004", " ".join(search.held_out)]
    assert replace(search, confirm=0, held_out=()).again(("lr=2",), 5) == {}
    assert replace(search, confirm=0).again(("lr=2",), 5)[0][-3:] == ("seed=5", *search.held_out)


def test_held_out_problems_are_checked_before_the_first_trial(o1exp: Command) -> None:
    held_out = 'hydra.sweeper.options.held_out=["bench.arithmetic.problem=2"]'
    done = o1exp("-m", "hydra/sweeper=optuna", "think.lr=interval(0.001,0.002)", held_out)
    assert (done.code, "bench.arithmetic.problem=2: there is no such setting" in done.err) == (2, True), done.err


def test_samplers_of_one_trial_draw_the_same() -> None:
    assert type(sampler(asked(sampler="random"), 3)).__name__ == "RandomSampler"
