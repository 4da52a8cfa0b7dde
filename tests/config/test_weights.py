"""A model of the graph as a teacher or behind an engine, from the command line."""

import pytest

from o1exp.config.compose import composed
from o1exp.config.error import ConfigError
from o1exp.config.graph import Graph
from o1exp.flow import Stage


def stage(goal: str, *words: str) -> Stage[object]:
    return Graph(composed(["experiment=none", *words])).stage(goal)


def test_a_model_of_the_graph_may_be_the_teacher() -> None:
    given = ("teacher=vllm", "teacher.weights=${model}", "teacher.tensor_parallel=2", "machine=gpu", "machine.devices=4")
    thought = stage("thought", *given)
    assert thought.inputs["teacher.weights"].key == stage("model").key
    assert thought.gpus == 2
    assert thought.key == stage("thought", "teacher=sglang", "teacher.weights=${model}", "teacher.replicas=3").key
    rewritten = stage("reformat", "reformat=paper", "teacher@writer=vllm", "writer.weights=${model}", "machine=gpu")
    assert (list(rewritten.inputs), rewritten.gpus) == (["problems", "teacher.weights"], 1)


def test_a_teacher_may_have_weights_of_its_own() -> None:
    thought = stage("thought", "teacher=sglang", "teacher.weights.path=OWNER/NAME", "teacher.weights.revision=c0ffee")
    assert (
        thought.inputs["teacher.weights"].what()
        == stage("model", "model=pretrained", "model.path=OWNER/NAME", "model.revision=c0ffee").what()
    )
    with pytest.raises(ConfigError, match=r"teacher\.weights\.path is required"):
        stage("thought", "teacher=vllm")
    with pytest.raises(ConfigError, match=r"the edges run in a circle: .*teacher -> think"):
        stage("thought", "teacher=vllm", "teacher.weights=${think}")


def test_the_trained_model_is_served_to_the_benchmark() -> None:
    sample = stage("bench.arithmetic", "engine=vllm", "engine.replicas=2", "machine=gpu", "machine.devices=2").inputs["attempts"]
    assert sample.inputs["model"].key == stage("preference").key
    assert sample.gpus == 2
