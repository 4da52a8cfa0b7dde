"""Families that people train: with all weights, recomputation, bf16, LoRA and DPO, beside a plain loop; sampled beside generate()."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.zoo.run import row_of

COMMON = (
    "qwen2", "llama", "mistral", "gemma2", "gemma3", "phi3", "gpt2", "mixtral", "granite", "bloom", "mamba", "qwen3", "qwen3_moe",
    "gemma3_text", "gpt_oss", "gpt_neox", "olmo2", "deepseek_v3", "falcon", "qwen3_next",
)  # fmt: skip
QUICK = {"gemma3_text": ("packed", "padded"), "mixtral": ("packed", "padded"), "bloom": ("rows of one length", "padded")}
"""Windows and a tied head; experts; attention of its own kind."""
CHANGES = (
    ("activation_checkpointing=true",), ("precision=bf16",), ("tuning=lora",), ("objective=dpo",), ("tuning=lora", "precision=bf16"),
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _forked(loaded: None) -> None:
    """Workers start from a process with everything loaded."""


@pytest.mark.parametrize("name", ["gemma3_text", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mixtral", "bloom"))])
def test_trained_and_sampled_as_by_transformers(name: str) -> None:
    row = row_of(name)
    assert (row.faults, row.built, row.trains, row.samples) == ((), "", *QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "lora"])
@pytest.mark.parametrize("name", ["gpt2", "mixtral", "gemma3_text", "granite"])
def test_split_weights_train_as_by_a_plain_loop(name: str, tuning: str) -> None:
    row = row_of(name, "strategy=deepspeed", "zero_stage=3", f"tuning={tuning}")
    assert (row.faults, row.trains) == ((), "packed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "way"),
    [("mamba", "rows of one length"), ("lfm2", "rows of one length"), ("falcon_h1", "rows of one length"), ("gemma3n_text", "packed")],
)
@pytest.mark.parametrize("objective", ["sft", "dpo"])
def test_split_weights_that_are_read_outside_their_own_layer(name: str, way: str, objective: str) -> None:
    row = row_of(name, "strategy=deepspeed", "zero_stage=3", f"objective={objective}")
    assert (row.faults, row.trains) == ((), way)


def _turns() -> Iterator[Any]:
    """Every family with every change. Two changes of each family, so that each change meets eight families, are run before a merge."""
    for turn, name in enumerate(COMMON):
        for place, changes in enumerate(CHANGES):
            often = (place - turn) % len(CHANGES) in (0, 2)
            yield pytest.param(name, changes, marks=pytest.mark.slow if often else pytest.mark.long, id=f"{name} {' '.join(changes)}")


@pytest.mark.parametrize(("name", "changes"), list(_turns()))
def test_trained_as_by_a_plain_loop(name: str, changes: tuple[str, ...]) -> None:
    row = row_of(name, *changes)
    assert row.faults == ()
    assert not row.trains.startswith("refused")
