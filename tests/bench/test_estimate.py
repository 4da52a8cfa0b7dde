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


H200 = dataclasses.replace(GPU, memory_gb=141, bandwidth_tbs=4.8)
SMALLER = Architecture(layers=28, hidden=1536, intermediate=8960, heads=12, kv_heads=2, head_size=128, vocabulary=151936, tied=True)


@pytest.mark.parametrize(
    ("model", "answers", "tokens", "measured"),
    [(SMALLER, 128, 512, 35_872), (SMALLER, 1, 512, 379), (SMALLER, 512, 512, 53_973), (MODEL, 128, 512, 17_715), (MODEL, 1, 256, 178)],
)
def test_tokens_a_second_are_those_that_were_measured(model: Architecture, answers: int, tokens: int, measured: float) -> None:
    found = expected(model, Draws(answers, tokens, tokens), H200)
    assert found.tokens / found.hours / 3600 == pytest.approx(measured, rel=0.2)


def test_one_answer_is_no_faster_than_the_weights_can_be_read() -> None:
    found = expected(MODEL, Draws(1, 1000, 1000), GPU)
    assert 1000 / found.hours / 3600 < 3.35e12 / (2 * MODEL.parameters)
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


def test_a_stage_takes_the_gpus_that_hold_its_model() -> None:
    from o1exp.train.bases.pretrained import Pretrained

    numbers = {"layers": 28, "hidden": 3584, "intermediate": 18944, "heads": 28, "kv_heads": 4, "vocabulary": 152064}
    model = Pretrained(path="a/b", **numbers)  # type: ignore[arg-type]
    eight = dataclasses.replace(GPU, devices=8)
    assert Sample(model=model, problems=Sums(), machine=eight).gpus == 1
    assert Sample(model=model, problems=Sums(), machine=dataclasses.replace(eight, memory_gb=12)).gpus == 2
    assert Sample(model=Pretrained(path="a/b"), problems=Sums(), machine=eight).gpus == 1
    assert Sample(model=model, problems=Sums(), machine=Machine()).gpus == 0


def test_constants_are_those_of_the_generating_process() -> None:
    from o1exp.bench.engines import estimate, generate
    from o1exp.bench.engines.paged import fit

    assert (estimate.MOST_ROWS, estimate.MOST_SPREAD) == (fit.MOST_SLOTS, generate.MOST_ROWS)
