"""What the plan expects of sampling."""

import dataclasses

import pytest

from o1exp.bench.engines.estimate import Draws, expected
from o1exp.bench.sample import Sample
from o1exp.flow import Expect, Machine
from o1exp.flow.architecture import Architecture
from tests.bench.tiny import Sums, Tiny

MODEL = Architecture(layers=28, hidden=3584, intermediate=18944, heads=28, kv_heads=4, head_size=128, vocabulary=152064, tied=False)
"""Qwen2.5-7B: 15.2 GB in bf16."""
GPU = Machine(accelerator="gpu", memory_gb=80, bandwidth_tbs=3.35, gpu_hour_usd=3)


def test_one_answer_is_as_fast_as_the_weights_can_be_read() -> None:
    found = expected(MODEL, Draws(1, 1000, 1000), GPU)
    speed = 1000 / found.hours / 3600
    assert speed < 3.35e12 / (2 * MODEL.parameters)
    assert speed == pytest.approx(100, rel=0.5)
    assert found.gpu_usd == pytest.approx(3 * found.hours)


def test_more_answers_at_a_time_cost_less_each_until_memory_is_full() -> None:
    one, many = (expected(MODEL, Draws(answers, 1000, 32768), GPU) for answers in (1, 128))
    assert many.hours < 10 * one.hours
    assert many.tokens == 128_000
    assert many.most_hours > 20 * many.hours
    assert 2 * MODEL.parameters / 2**30 < many.memory_gb < 80
    assert dict(many.details)["time"].startswith("128 answers of about 1,000 tokens, 32,768 at most; 128 at a time")


def test_layers_are_spread_over_as_few_devices_as_hold_them() -> None:
    small = dataclasses.replace(GPU, memory_gb=12, devices=8)
    assert expected(MODEL, Draws(1, 100, 100), GPU).gpus == 1
    assert expected(MODEL, Draws(1, 100, 100), small).gpus == 2
    (refusal,) = expected(MODEL, Draws(1, 100, 100), dataclasses.replace(small, devices=1)).obstacles
    assert "needs 14.2 GB for the weights" in refusal
    assert "machine.devices=2" in refusal


def test_what_is_unknown_is_not_invented() -> None:
    unknown = expected(MODEL, Draws(5, 100, 100), Machine(accelerator="gpu"))
    assert (unknown.hours, unknown.obstacles) == (0, ())
    assert "give machine.bandwidth_tbs" in dict(unknown.details)["time"]
    assert Sample(model=Tiny(), problems=Sums()).expect({"problems": Expect(rows=3), "model": Expect()}).details == ()


def test_a_benchmark_says_how_long_its_answers_are() -> None:
    inputs = {"problems": Expect(rows=3), "model": Expect(model=MODEL)}
    assert Sample(model=Tiny(), problems=Sums(), machine=GPU, expected_tokens=50).expect(inputs).tokens == 150
    assert Sample(model=Tiny(), problems=Sums(), machine=GPU).expect(inputs).tokens == 3 * 2048
    assert Sample(model=Tiny(), problems=Sums(), expected_tokens=50).key == Sample(model=Tiny(), problems=Sums()).key
