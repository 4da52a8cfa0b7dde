"""A setting of the command that some arms lack."""

import pytest

from o1exp.config.compose import composed, study_of
from o1exp.config.error import ConfigError
from o1exp.config.reach import as_arms
from o1exp.thoughts.distil import Distil
from o1exp.thoughts.solutions import Solutions
from tests.inside import Command

ARMS = """+arms={long: [], short: ["thought=shortcut"]}"""


def test_a_setting_is_for_the_arms_that_have_it() -> None:
    words = [ARMS, "goal=thought", "thought.draws=7", "seed=3"]
    goals = study_of(composed(words), words).goals
    assert isinstance(goals["long"], Distil)
    assert goals["long"].draws == 7
    assert isinstance(goals["short"], Solutions)


def test_a_setting_that_no_arm_has_is_a_mistake() -> None:
    words = ["""+arms={a: ["thought=shortcut"], b: ["thought=shortcut"]}""", "goal=thought", "thought.draws=7"]
    with pytest.raises(ConfigError) as wrong:
        study_of(composed(words), words)
    assert "draws belongs to thought=distil" in str(wrong.value)
    words = [ARMS, "goal=thought", "thought.drows=7"]
    with pytest.raises(ConfigError, match=r"thought\.drows=7: there is no such setting"):
        composed(words)


def test_a_sweep_over_options_says_what_to_write_instead() -> None:
    with pytest.raises(ConfigError) as wrong:
        composed(["thought=shortcut", "thought.draws=4"])
    remedy = """arms only where it is, without -m: '+arms={a: ["thought=distil"], b: ["thought=..."]}' thought.draws=..."""
    assert [remedy in as_arms(line) for line in wrong.value.mistakes] == [True]
    assert as_arms("seed=x: is no number") == "seed=x: is no number"


@pytest.mark.parametrize(
    ("arms", "cell"),
    [(ARMS, ARMS), ('+arms.x=["seed=4"]', '+arms.x=["seed=4"]'), ('+arms={a: ["seed=4"]},{}', '+arms={a:["seed=4"]}')],
)
def test_arms_of_the_command_are_refused_in_a_sweep_whose_cells_have_none(o1exp: Command, arms: str, cell: str) -> None:
    said = o1exp("-m", "experiment=quickstart", "think.lr=1e-3,2e-3", arms, "action=plan")
    assert (said.code, said.out) == (2, "")
    assert f"{cell}: a cell of a sweep has no arms; leave out -m" in " ".join(said.err.split())
    assert o1exp("-m", "experiment=quickstart", "think.lr=1e-3,2e-3", "arms={}", "goal=source", "action=plan").code == 0
