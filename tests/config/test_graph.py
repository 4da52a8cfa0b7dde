from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from o1exp.config.error import ConfigError
from o1exp.config.graph import Graph
from o1exp.flow import Machine
from tests.flow.stages import Head, Merge, Numbers

HERE = "tests.flow.stages"
GROUPS = {
    "numbers": (f"{HERE}.Numbers",), "head": (f"{HERE}.Head", f"{HERE}.Small"), "merge": (f"{HERE}.Merge",),
    "model": (f"{HERE}.Model",), "machine": ("o1exp.flow.machine.Machine",),
}  # fmt: skip


def _config(**nodes: Any) -> DictConfig:
    return OmegaConf.create(nodes)


def _spine(**changes: Any) -> DictConfig:
    base = {
        "numbers": {"_target_": f"{HERE}.Numbers", "count": 4, "machine": "${machine}"},
        "machine": {"_target_": "o1exp.flow.machine.Machine", "devices": 2},
        "head": {"_target_": f"{HERE}.Head", "problems": "${numbers}", "keep": 2},
        "skip": {"_target_": "same", "takes": "problems", "problems": "${head}"},
        "merge": {"_target_": f"{HERE}.Merge", "parts": {"a": "${head}", "b": "${skip}"}},
    }
    return OmegaConf.merge(_config(**base), _config(**changes))  # type: ignore[return-value]


def test_edges_are_followed_and_each_node_is_built_once() -> None:
    merge = Graph(_spine(), groups=GROUPS).stage("merge")
    assert isinstance(merge, Merge)
    assert merge.parts["a"] is merge.parts["b"]
    assert merge.parts["a"].inputs["problems"] == Numbers(count=4, machine=Machine(devices=2))


def test_an_ablated_step_has_the_key_of_a_pipeline_without_it() -> None:
    graph = Graph(_spine(), groups=GROUPS)
    assert graph.stage("skip").key == graph.stage("head").key


def test_an_edge_can_be_laid_anew() -> None:
    merge = Graph(_spine(merge={"parts": {"b": "${numbers}"}}), groups=GROUPS).stage("merge")
    assert merge.inputs["parts.b"].kind == "Numbers"


def test_a_recipe_expands_and_names_its_stages_by_their_edges() -> None:
    graph = Graph(_spine(head={"_target_": f"{HERE}.Small", "count": 7, "problems": None, "keep": 3}), groups=GROUPS)
    head = graph.stage("head")
    assert head == Head(problems=Numbers(count=7), keep=3)
    assert graph.names == {head.key: "head", head.inputs["problems"].key: "head.problems"}


def test_a_name_leads_to_the_stage_that_is_the_node() -> None:
    """Read the other way round, as a run's record and MLflow do."""
    graph = Graph(_spine(), groups=GROUPS)
    merge = graph.stage("merge")
    assert {name: key for key, name in graph.names.items()} == {
        "numbers": merge.inputs["parts.a"].inputs["problems"].key, "head": merge.inputs["parts.a"].key, "merge": merge.key,
    }  # fmt: skip


def test_relative_and_partial_interpolations_are_resolved() -> None:
    config = _spine(numbers={"count": "${..wanted}", "flavour": "${kind}"}, wanted=6, kind="odd")
    numbers = Graph(config, groups=GROUPS).stage("numbers")
    assert isinstance(numbers, Numbers)
    assert (numbers.count, numbers.flavour) == (6, "odd")


def test_all_mistakes_of_the_whole_graph_come_at_once() -> None:
    config = _spine(numbers={"count": 0, "flavor": "odd"}, head={"keep": -1}, merge={"parts": {"c": "???"}})
    with pytest.raises(ConfigError) as wrong:
        Graph(config, groups=GROUPS).stage("merge")
    text = str(wrong.value)
    assert "numbers.flavor=odd: there is no such setting; did you mean numbers.flavour?" in text
    assert "merge.parts.c is required" in text


def test_a_range_mistake_names_key_value_and_remedy() -> None:
    with pytest.raises(ConfigError, match=r"^head\.keep=-1: must be greater than 0$"):
        Graph(_spine(head={"keep": -1}), groups=GROUPS).stage("merge")


def test_a_circle_is_named() -> None:
    with pytest.raises(ConfigError, match=r"circle: head -> numbers -> head"):
        Graph(_spine(numbers={"_target_": f"{HERE}.Head", "problems": "${head}", "count": None}), groups=GROUPS).stage("head")


def test_what_is_no_class_of_settings_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"numbers._target_=os.system: is no class of settings; derive it from Stage"):
        Graph(_spine(numbers={"_target_": "os.system"}), groups=GROUPS).stage("head")


def test_a_goal_that_is_no_stage_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"goal=machine: that is no stage; choose one of numbers, head, skip, merge$"):
        Graph(_spine(), groups=GROUPS).stage("machine")
