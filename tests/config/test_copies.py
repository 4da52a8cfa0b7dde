"""What makes ten thousand cells cheap to compose and build: copies of configs, and nodes that are built once."""

import pytest
from omegaconf import DictConfig, OmegaConf

from o1exp.config.built import Built
from o1exp.config.compose import composed, plain_values, study_of
from o1exp.config.copies import copied
from o1exp.flow.stage import walk
from o1exp.secrets import found, hide_variable, unchanging


def test_a_copy_is_equal_and_nothing_of_it_reaches_the_original() -> None:
    whole = OmegaConf.create({"seed": 1, "think": {"seed": "${seed}", "rates": [1.0, {"a": None}]}, "gone": "???", "same": "${think}"})
    copy = copied(whole)
    assert OmegaConf.to_container(copy, resolve=False) == OmegaConf.to_container(whole, resolve=False)
    copy.seed = 5
    copy.think.rates[1].a = 2
    OmegaConf.set_struct(copy, True)
    assert (copy.think.seed, copy.same.seed, whole.think.seed) == (5, 5, 1)
    assert whole.think.rates[1].a is None
    assert not OmegaConf.is_struct(whole)
    assert isinstance(copy.think, DictConfig)
    assert OmegaConf.is_missing(copy, "gone")


def test_nodes_that_many_cells_have_in_common_are_built_once_and_are_what_each_would_build() -> None:
    built, commands = Built(), [["seed=1"], ["seed=2"], ["seed=2", "think.lr=0.01"]]
    together = [study_of(composed(words), words, single=True, built=built) for words in commands]
    alone = [study_of(composed(words), words, single=True) for words in commands]
    assert [study.names for study in together] == [study.names for study in alone]
    assert [study.wanted[0].key for study in together] == [study.wanted[0].key for study in alone]
    first, second, third = ({id(stage) for stage in walk(study.wanted)} for study in together)
    assert len(second & third) > len(first & third) > 2


def test_a_text_is_looked_into_again_when_another_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_NUMBER_OF_TESTS", "verylongvalue")
    with unchanging():
        assert found("has a verylongvalue") is None
        hide_variable("HOUSE_NUMBER_OF_TESTS")
        assert found("has a verylongvalue") == "holds the value of the environment variable HOUSE_NUMBER_OF_TESTS"


def test_a_cell_is_built_without_its_whole_config_as_plain_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those are there already, and to make them takes longer than all else of a cell."""
    words = ["experiment=quickstart", "arms={}"]
    config = composed(words)
    raw = plain_values(config)
    plain = OmegaConf.to_container

    def part(node: DictConfig, **how: bool) -> object:
        assert node._get_parent() is not None, "the whole config"
        return plain(node, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(OmegaConf, "to_container", staticmethod(part))
    assert study_of(config, words, single=True, built=Built(), raw=raw).goals
