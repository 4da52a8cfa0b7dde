"""How long a training lasts, and in which order: exact counts, and nothing but the seed and the lengths decides."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from o1exp.flow import Store
from tests.train.parts import SMALL, Other, a_spec, documents_of, encoded, every_unit, the_plan
from tests.train.watched import on, watch


def some_data(seed: int, count: int = 80, longest: int = 60) -> Any:
    lengths = np.random.default_rng(seed).integers(5, longest, count)
    return encoded(np.full(int(lengths.sum()), seed), np.concatenate([[0], np.cumsum(lengths)]), np.full(count, 3))


@pytest.mark.parametrize("steps", [1, 2, 7, 40])
@pytest.mark.parametrize("seed", [0, 1])
def test_max_steps_is_exact(steps: int, seed: int) -> None:
    assert len(the_plan(a_spec(max_steps=steps, epochs=0.1), some_data(seed))) == steps


@pytest.mark.parametrize("tokens", [1, 500, 5000, 20_000])
def test_max_tokens_ends_with_the_document_that_reaches_it(tokens: int) -> None:
    todo = the_plan(a_spec(max_tokens=tokens, epochs=0.1), some_data(0))
    assert tokens <= sum(step.tokens for step in todo) < tokens + 60


@pytest.mark.parametrize("epochs", [0.5, 1.0, 2.25])
def test_epochs_count_examples(epochs: float) -> None:
    assert len(documents_of(the_plan(a_spec(epochs=epochs), some_data(0)))) == 80 * epochs


def test_the_plan_follows_from_seed_and_lengths_alone() -> None:
    data = some_data(0)
    same_lengths = encoded(np.arange(len(data.ids)) % 7, data.starts, np.full(80, 3))
    first = list(the_plan(a_spec(epochs=2.5), data))
    for ranks in (1, 2, 4):
        for micro_batch_tokens in (64, 256):
            spec = a_spec(epochs=2.5, devices=ranks, zero_stage=ranks - 1, micro_batch_tokens=micro_batch_tokens)
            assert list(the_plan(spec, data)) == first == list(the_plan(spec, same_lengths))
    assert list(the_plan(a_spec(epochs=2.5, nodes=2, strategy="single"), data)) == first
    assert documents_of(the_plan(a_spec(epochs=2.5, seed=1), data)) != documents_of(first)
    assert documents_of(the_plan(a_spec(epochs=2.5), some_data(1))) != documents_of(first)


def test_the_order_does_not_hang_on_the_python_process() -> None:
    """A fixed answer, so that a training that goes on after an update sees the same rows."""
    assert documents_of(the_plan(a_spec(epochs=1), some_data(0, count=12))) == [9, 8, 11, 6, 0, 7, 2, 4, 5, 3, 10, 1]
    assert every_unit(a_spec(), some_data(0, count=12)).sizes.tolist() == some_data(0, count=12).lengths.tolist()


def test_two_arms_end_with_tokens_within_a_step(trained: Store, tmp_path: Path) -> None:
    budget = {"max_tokens": 6000, "batch_tokens": 1024, "pack_length": 256, "max_length": 256}
    long, short = (on(SMALL.replace(data=data, **budget), strategy="single") for data in (SMALL.data, Other()))
    steps = on(SMALL.replace(max_steps=3), strategy="single")
    facts, curves = [], []
    for seen in watch(trained, tmp_path, [long, short, steps]):
        facts.append(json.loads((Path(seen["spec"].scratch) / "result.json").read_text()))
        curves.append([json.loads(row) for row in (Path(seen["spec"].out) / "curve.jsonl").read_text().splitlines()])
    assert [curve[-1]["tokens"] for curve in curves] == [fact["tokens"] for fact in facts]
    assert [len(curve) for curve in curves] == [fact["steps"] for fact in facts]
    for curve in curves[:2]:
        assert 6000 <= curve[-1]["tokens"] < 6000 + 256
        assert curve[-1]["tokens"] - curve[-2]["tokens"] <= 1024
    assert abs(curves[0][-1]["tokens"] - curves[1][-1]["tokens"]) < 256
    assert facts[1]["epochs_done"] > 2 * facts[0]["epochs_done"]
    assert len(curves[2]) == 3
