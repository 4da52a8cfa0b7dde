"""ZeRO-3: weights come and go a layer at a time, a rank alone keeps them, and samples are written with whole weights where they fit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from o1exp.flow import Store
from o1exp.train.worker.fetch import Layers, fetch_by_layer
from o1exp.train.worker.memory import free_bytes
from o1exp.train.worker.strategy import zero_config
from tests.train.parts import SMALL, a_spec
from tests.train.watched import on, watch

SAMPLING = SMALL.replace(max_steps=4, validation_fraction=0.3, samples=1, sample_tokens=4, evaluations=2, checkpoint_seconds=3600.0)
OUTSIDE = 13
"""Modules of a tiny Qwen2 outside its layers, at most: the training's own, the model and its body, embedding, norm, positions, output."""


class Layer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)

    def forward(self, states: torch.Tensor, bare: bool = True) -> Any:
        return self.inner(states) if bare else {"states": self.inner(states)}


class Model(torch.nn.Module):
    """Two layers, called as `how` says."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.layers = how, torch.nn.ModuleList([Layer(), Layer()])

    @property
    def base_model(self) -> torch.nn.Module:
        return self

    def forward(self, states: torch.Tensor) -> Any:
        first, second = self.layers
        states = first(states)
        if self.how == "by name":
            return second(states=states)
        if self.how == "its parts":
            return second.get_submodule("inner")(states)
        return second(states, bare=self.how == "in order")


@pytest.mark.parametrize(("how", "found"), [("in order", 2), ("by name", 0), ("its parts", 0), ("in a record", 0)])
def test_layers_come_at_once_where_hooks_see_their_passes(how: str, found: int) -> None:
    model = Model(how)
    layers = Layers(model)
    with layers.watched():
        model(torch.zeros(1, 4))
    assert len(layers.suited()) == found
    assert not any(layer._forward_hooks for layer in model.layers)
    if not found:
        fetch_by_layer(None, layers.suited())  # and DeepSpeed's hooks stay as they are


def test_memory_is_shared_by_the_ranks_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    alone = free_bytes(torch.device("cpu"))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1000")
    assert 0 < free_bytes(torch.device("cpu")) < alone / 100


@pytest.mark.parametrize("accelerator", ["cpu", "gpu"])
@pytest.mark.parametrize(("devices", "again", "own", "kept"), [(1, False, False, True), (2, True, False, False), (2, False, True, False)])
def test_deepspeed_is_told_what_stays(accelerator: str, devices: int, again: bool, own: bool, kept: bool) -> None:
    spec = a_spec(accelerator=accelerator, devices=devices, zero_stage=3, activation_checkpointing=again)
    found = zero_config(spec)["zero_optimization"]
    assert found["memory_efficient_linear"] is own
    assert (found.get("stage3_param_persistence_threshold", 0) > 10**12) is kept
    assert spec.splits_weights is (devices > 1)


def test_a_rank_alone_calls_no_hook_and_copies_no_weight(tmp_path: Path) -> None:
    """Full training, and LoRA with activations computed again."""
    lora = SAMPLING.replace(tuning="lora")
    stages = [SAMPLING, on(SAMPLING, zero_stage=3), lora, on(lora, zero_stage=3, activation_checkpointing=True)]
    seen = watch(Store(tmp_path / "store"), tmp_path / "watched", stages)
    for plain, split in (seen[:2], seen[2:]):
        assert losses(split) == pytest.approx(losses(plain), rel=1e-5)
        steps = split["calls"]
        assert len(steps) == 4
        assert {hooks(step) for step in steps} == {0}
        assert steps[-1]["fetches"] - steps[0]["fetches"] <= 3 * 3  # one view of all weights after a step, in three calls
        assert split["copies"] == 0
        assert answers(split) == answers(plain)


@pytest.mark.slow
def test_ranks_fetch_layers_and_write_samples_alone(tmp_path: Path) -> None:
    """Full training, LoRA, shared rows, and activations computed again; the last with too little memory for whole weights."""
    lora, base = SAMPLING.replace(tuning="lora"), SAMPLING.replace(machine=on(SAMPLING, devices=2).machine)
    lora = base.replace(tuning="lora")
    stages = [base, lora, on(base, zero_stage=3), on(lora, zero_stage=3, activation_checkpointing=True)]
    stages += [on(base, zero_stage=3, sequence_parallel=2), on(base, zero_stage=3, activation_checkpointing=True)]
    whole, adapted, *split = watch(Store(tmp_path / "store"), tmp_path / "watched", stages, cramped=1)
    for found, plain in zip(split, (whole, adapted, whole, whole), strict=True):
        assert losses(found) == pytest.approx(losses(plain), rel=1e-5)
        assert answers(found) == answers(plain)
        before, after = found["calls"][-2:]
        micro_batches = 1 if found["spec"].sequence_parallel == 1 else 2
        assert hooks(after) - hooks(before) <= 4 * (2 + OUTSIDE) * micro_batches + 60  # 60: the validation between them
        assert found["copies"] > 0
    *alone, together = [found["sampling"] for found in split]
    assert alone == [[{}] * 3] * 3
    assert all(asked["fetches"] > 4 for asked in together)


def hooks(step: dict[str, int]) -> int:
    return step.get("hooks forward", 0) + step.get("hooks backward", 0)


def losses(seen: dict[str, Any]) -> list[float]:
    return [json.loads(row)["loss"] for row in (Path(seen["spec"].scratch) / "curve.jsonl").read_text().splitlines()]


def answers(seen: dict[str, Any]) -> list[Any]:
    return [json.loads(row)["samples"] for row in (Path(seen["spec"].scratch) / "samples.jsonl").read_text().splitlines()]
