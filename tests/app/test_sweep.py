"""A sweep goes on as itself: planned as one, numbered once, failed cells told and run alone. In this process, without training."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from o1exp.app.prefixed import Prefixed
from o1exp.config.compose import composed
from o1exp.config.options import Origin
from o1exp.config.overlay import Overlay
from o1exp.history.cells import CellOutcome, alone, outcome, outcomes
from o1exp.history.numbers import numbered
from tests.inside import Command

SWEEP = ("--config-dir", "conf", "-m", "goal=thought", "thought=moody", "track=none", "hydra/launcher=basic")
MOODY = '''
from dataclasses import dataclass
from pathlib import Path
from o1exp.flow import Stage, Work
from o1exp.records import Example, Problem, Table

@dataclass(frozen=True, kw_only=True)
class Moody(Stage[Table[Example]]):
    """Fails while there is a file of its mood."""

    problems: Stage[Table[Problem]]
    mood: int = 0

    def make(self, work: Work) -> None:
        if Path(f"broken-{self.mood}").exists():
            raise ValueError(f"mood {self.mood} is broken")
        Path("made").open("a").write(f"{self.mood}\\n")
        work.write(Example, [])
'''


@pytest.fixture
def moody(o1exp: Command, tmp_path: Path) -> Path:
    """A folder with a way to thoughts that can fail."""
    (tmp_path / "conf" / "thought").mkdir(parents=True)
    (tmp_path / "conf" / "thought" / "moody.yaml").write_text("_target_: moody_of_tests.Moody\n")
    (tmp_path / "moody_of_tests.py").write_text(MOODY)
    return tmp_path


def _made(folder: Path) -> list[str]:
    return (folder / "made").read_text().split()


def _folder(folder: Path) -> Path:
    (found,) = (folder / "outputs" / "runs").iterdir()
    return found


def test_failed_cells_are_told_and_the_same_command_runs_them_alone(o1exp: Command, moody: Path) -> None:
    (moody / "broken-1").touch()
    done = o1exp(*SWEEP, "thought.mood=0,1,2")
    assert done.code == 1
    assert "thought.mood=1: FAILED: Moody " in done.err
    assert "mood 1 is broken" in done.err
    assert "hydra.sweeper.only=[1]" in done.err
    assert _made(moody) == ["0", "2"]
    assert [cell.state for cell in outcomes(_folder(moody))] == ["FINISHED", "FAILED", "FINISHED"]
    (moody / "broken-1").unlink()
    (moody / "broken-0").touch()  # would fail if it ran again
    done = o1exp(*SWEEP, "thought.mood=0,1,2", "hydra.sweeper.only=[1]")
    assert done.code == 0, done.err
    assert _made(moody) == ["0", "2", "1"]
    assert [cell.state for cell in outcomes(_folder(moody))] == ["FINISHED"] * 3


@pytest.mark.slow
def test_a_sweep_stops_at_the_first_failure_where_that_is_asked_for(o1exp: Command, moody: Path) -> None:
    (moody / "broken-1").touch()
    stop = "hydra.sweeper.on_failure=stop"
    done = o1exp(*SWEEP, "thought.mood=0,1,2", stop)
    assert done.code == 1
    assert "1 cell was not started; the same command goes on with it" in done.err
    assert _made(moody) == ["0"]
    (moody / "broken-1").unlink()
    assert o1exp(*SWEEP, "thought.mood=0,1,2", stop).code == 0
    assert _made(moody) == ["0", "1", "2"]


def test_another_value_goes_on_with_the_sweep_and_cells_keep_their_numbers(o1exp: Command, moody: Path) -> None:
    o1exp(*SWEEP, "thought.mood=1,2")
    done = o1exp(*SWEEP, "thought.mood=0,1,2", "machine.jobs=1")  # how to run makes no other sweep
    assert "3 cells, 3 experiments, 2 finished" in done.out
    assert _made(moody) == ["1", "2", "0"]
    numbers = {cell.number: cell.overrides[-1] for cell in outcomes(_folder(moody))}
    assert numbers == {0: "thought.mood=1", 1: "thought.mood=2", 2: "thought.mood=0"}


def test_a_number_that_no_cell_has_is_refused(o1exp: Command, moody: Path) -> None:
    done = o1exp(*SWEEP, "thought.mood=0,1", "hydra.sweeper.only=[7]")
    assert (done.code, "this sweep has no such cell; its cells are 0, 1" in done.err) == (2, True)


@pytest.mark.slow
def test_settings_that_go_together_are_one_axis(o1exp: Command, moody: Path) -> None:
    pairs = "+hydra.sweeper.params.both=[['thought.mood=3','source.count=5'],['thought.mood=4','source.count=6']]"
    assert o1exp(*SWEEP, "seed=0", pairs).code == 0
    assert [cell.overrides[-2:] for cell in outcomes(_folder(moody))] == [
        ("thought.mood=3", "source.count=5"), ("thought.mood=4", "source.count=6"),
    ]  # fmt: skip


def test_a_cell_whose_process_is_gone_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "cells" / "3"
    CellOutcome(overrides=("seed=1",), state="RUNNING").write(folder)
    with alone(folder):
        assert [cell.state for cell in outcomes(tmp_path)] == ["RUNNING"]
    found = outcome(folder)
    assert found is not None
    assert (found.state, found.code, found.number) == ("KILLED", 1, 3)


def test_the_order_of_settings_makes_no_other_cell(tmp_path: Path) -> None:
    assert list(numbered(tmp_path, [("a=1", "b=2"), ("a=2", "b=2")])) == [0, 1]
    assert list(numbered(tmp_path, [("b=2", "a=2"), ("b=2", "a=3"), ("b=2", "a=1")])) == [1, 2, 0]


PLAN = ("-m", "bench=[arithmetic,flames]", "thought=distil,shortcut", "teacher.max_tokens=300,400,500", "seed=0,1", "action=plan")


def test_one_plan_stands_for_all_cells(o1exp: Command, tmp_path: Path) -> None:
    done = o1exp(*PLAN)
    assert done.code == 0, done.err
    assert "12 cells, 8 experiments" in done.out
    assert "distinct of " in done.out
    assert "arithmetic can detect" in done.out
    assert "where seeds of one setting differ by 1 or 3 points (standard deviation): " in done.out
    assert "flames can detect" in done.out, "judged benchmarks too"
    thought = next(line.split() for line in done.out.splitlines() if line.startswith("thought "))
    assert thought[1:5] == ["Distil", "6", "3", "3"]  # in six cells, three distinct ones, three to be made
    assert "teacher.max_tokens: 300, 400, 500 (3 values; all but the first cost " in " ".join(done.out.split())
    assert done.out.count("Plan  ") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_budget_that_is_too_small_for_the_whole_sweep_is_said(o1exp: Command) -> None:
    priced = ("teacher=endpoint", "teacher.model=m", "teacher.base_url=http://127.0.0.1:9/v1", "teacher.usd_per_million_completion=1000")
    done = o1exp(*PLAN, *priced, "budget.usd=1")
    assert "budget.usd=1 is less than the models'" in " ".join(done.out.split()), done.err


@pytest.mark.parametrize(
    "words",
    [("seed=3", "think.lr=0.002"), ("thought=shortcut", "seed=1"), ('+arms.a=["seed=1"]',), ("think.data=${mix}",)],
)
def test_values_laid_on_a_composed_config_are_what_hydra_composes(words: tuple[str, ...]) -> None:
    overlay = Overlay(Origin())
    overlay.composed([*words, "seed=9"])
    laid, whole = (OmegaConf.to_container(config, resolve=False) for config in (overlay.composed(words), composed(words)))
    assert laid == whole


def test_a_cell_has_what_it_does_not_set_in_common_with_the_others_and_keeps_none_of_their_values() -> None:
    overlay = Overlay(Origin())
    first = overlay.composed(["seed=1", "think.lr=0.5"])
    second, third = overlay.laid(["seed=2", "think.lr=0.25"]), overlay.laid(["think.lr=0.25", "~bench.arithmetic"])
    assert third.raw == OmegaConf.to_container(third.config, resolve=False)
    assert second.raw["think"] is third.raw["think"]
    assert second.raw["source"] is third.raw["source"]
    assert (third.config.think.lr, third.config.think.seed) == (0.25, 0)
    assert (first.think.lr, first.think.seed, first.model.seed) == (0.5, 1, 1)


def test_options_are_composed_once_for_all_their_values() -> None:
    overlay = Overlay(Origin())
    for thought in ("distil", "shortcut"):
        for seed in range(5):
            assert overlay.composed([f"thought={thought}", f"seed={seed}"]).seed == seed
    assert len(overlay._chosen) == 2


def test_lines_of_cells_side_by_side_have_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    out = Prefixed(sys.stdout, "[3] ")
    out.write("one\ntw")
    out.write("o\nrest")
    out.end()
    assert capsys.readouterr().out == "[3] one\n[3] two\n[3] rest\n"


def test_an_unreadable_list_of_cells_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "cells.json").write_text(json.dumps([1]))
    with pytest.raises(ValueError, match="does not list the cells of a sweep"):
        numbered(tmp_path, [("a=1",)])
