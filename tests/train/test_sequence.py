"""Ranks that share the tokens of a row: what each has, what is refused, and that they learn what one rank learns."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch

from o1exp.flow import Machine, Store
from o1exp.flow.architecture import Architecture
from o1exp.flow.check import SettingsError
from o1exp.flow.expect import Expect
from o1exp.train.bases.small import Untrained
from o1exp.train.data.batch import MicroBatch, Share, micro_batch
from o1exp.train.data.encode import CannotTrain
from o1exp.train.estimate.job import TrainingJob
from o1exp.train.estimate.memory import GIB, asked, memory
from o1exp.train.estimate.nearest import nearest
from o1exp.train.worker import sequence
from o1exp.train.worker.strategy import zero_config
from tests.conftest import ROOT
from tests.train.estimates import h100, job
from tests.train.parts import SMALL, a_spec, curve_of, encoded
from tests.train.watched import on, watch

GPUS = Machine(accelerator="gpu", devices=8, zero_stage=3, activation_checkpointing=True)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_shares_are_the_row(size: int) -> None:
    data = encoded(list(range(1, 20)), [0, 7, 12, 19], [2, 3, 1])
    whole = micro_batch([0, 1, 2], data, 0.0)
    shares = [whole.shared(Share(place, size)) for place in range(size)]
    assert len({share.ids.shape[1] for share in shares}) == 1
    tokens = whole.ids.shape[1]
    assert torch.cat([share.ids for share in shares], 1)[:, :tokens].equal(whole.ids)
    assert torch.cat([share.positions for share in shares], 1)[:, :tokens].equal(whole.positions)
    each = shares[0].ids.shape[1]
    assert torch.cat([share.predictors + place * each for place, share in enumerate(shares)]).equal(whole.predictors)
    assert torch.cat([share.targets for share in shares]).equal(whole.targets)
    assert all(int(share.bounds[-1]) == size * each for share in shares)
    assert sum(group.tokens for group in shares[0].groups) == size * each


def test_a_rank_without_a_document_has_a_token_all_the_same() -> None:
    assert [MicroBatch.idle().shared(Share(place, 4)).ids.shape for place in range(4)] == [(1, 1)] * 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sequence_parallel": 3}, "take a divisor of devices=8"),
        ({"sequence_parallel": 2, "packing": "alone"}, "only packed rows are shared"),
        ({"sequence_parallel": 2, "strategy": "single", "devices": 1}, "has one rank, and no other to share a row with"),
        ({"zero_hpz": 3}, "the 8 ranks cannot be cut into such parts"),
        ({"zero_hpz": 8, "zero_stage": 2}, "ZeRO++ is a way of ZeRO-3"),
        ({"zero_quantized_weights": True, "accelerator": "cpu"}, "ZeRO++ has kernels for GPUs alone"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(changes: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        dataclasses.replace(GPUS, **changes)  # type: ignore[arg-type]


def test_heads_that_cannot_be_shared_are_refused_in_the_plan_and_by_the_worker() -> None:
    stage = SMALL.replace(machine=Machine(devices=3, sequence_parallel=3))
    model = Architecture(tied=True, layers=2, hidden=32, intermediate=64, heads=4, kv_heads=2, head_size=8, vocabulary=50)
    (why,) = stage.expect({"start": Expect(model=model)}).obstacles
    assert why == "4 heads cannot be shared by machine.sequence_parallel=3 ranks; take a divisor of 4"
    from transformers import Qwen2Config

    sequence.check(Qwen2Config(num_attention_heads=4), 2)
    with pytest.raises(CannotTrain, match="4 heads cannot be shared"):
        sequence.check(Qwen2Config(num_attention_heads=4), 3)


def test_zero_plus_reaches_deepspeed() -> None:
    asked = {"zero_hpz": 8, "zero_quantized_weights": True, "zero_quantized_gradients": True}
    plain, plus = (zero_config(a_spec(accelerator="gpu", devices=8, nodes=2, zero_stage=3, **more)) for more in ({}, asked))
    own = {name: value for name, value in plus["zero_optimization"].items() if name not in plain["zero_optimization"]}
    assert own == {"zero_hpz_partition_size": 8, "zero_quantized_weights": True, "zero_quantized_gradients": True}


def test_a_long_window_fits_where_ranks_share_it() -> None:
    """Qwen2.5-72B on 32 GPUs of 80 GB: what a pack keeps between the passes falls with the ranks that share it."""
    model = Architecture(layers=80, hidden=8192, intermediate=29568, heads=64, kv_heads=8, head_size=128, vocabulary=152064, tied=False)
    kept = {}
    for share in (1, 2, 4, 8):
        machine = dataclasses.replace(GPUS, nodes=4, sequence_parallel=share, micro_batch_tokens=16384)
        training = TrainingJob(model=model, machine=machine, bf16=True, pack_length=131072, batch_tokens=4 * 131072)
        assert training.tokens_at_once == 131072 // share
        kept[share] = memory(training).kept / GIB
    assert [kept[1] / kept[share] for share in (2, 4, 8)] == pytest.approx([2, 4, 8], rel=0.01)
    assert kept[1] > 300 > 80 > kept[8]


def test_the_nearest_machine_for_a_long_pack_shares_rows() -> None:
    found = nearest(job("qwen2_5_7b", h100(devices=8, zero_stage=3, activation_checkpointing=True), pack_length=524288))
    assert found is not None
    assert (found.machine.nodes, found.machine.sequence_parallel) == (1, 4)  # 28 heads cannot be shared by 8
    assert found.words == "machine.sequence_parallel=4 machine.offload_activations=true"


def test_the_table_of_windows_is_what_the_plan_says() -> None:
    text = (ROOT / "docs" / "scale.md").read_text().partition("## Ranks that share a sequence")[2].partition("\n## ")[0]
    rows = [
        re.findall(r"[\d.,]+(?= \()|[\d,]{6,}(?= \|)|(?<=\*\*)[\d.]+", line)
        for line in text.splitlines()
        if re.search(r"\| \d+,\d{3} \|", line)
    ]
    assert len(rows) == 7
    for place, (pack, *shown) in enumerate(rows):
        assert len(shown) == (3 if place < 3 else 4)
        option, nodes = ("qwen2_5_7b", 1) if place < 3 else ("qwen2_5_math_72b", 4)
        machine = h100(devices=8, zero_stage=3, activation_checkpointing=True, offload_activations=3 <= place < 6)
        machine = dataclasses.replace(machine, nodes=nodes, launcher="slurm")
        for size, number in zip((1, 2, 4, 8), shown, strict=False):
            found = memory(job(option, dataclasses.replace(machine, sequence_parallel=size), int(pack.replace(",", ""))))
            assert f"{asked(found, 'gpu'):.1f}" == number, (option, pack, size)


@pytest.mark.slow
@pytest.mark.parametrize("kv_heads", [2, 1])
def test_two_ranks_that_share_rows_learn_what_one_learns(trained: Store, tmp_path: Path, kv_heads: int) -> None:
    """Packed documents, SDPA by document; ZeRO-1 and ZeRO-3, whose second training also validates and recomputes activations."""
    if kv_heads == 2:
        plain, stages = trained, [on(SMALL, devices=2, sequence_parallel=2, zero_stage=stage) for stage in (1, 3)]
        expected = curve_of(plain, SMALL)
    else:
        short = SMALL.replace(start=Untrained(hidden=32, layers=2, intermediate=64, kv_heads=1), epochs=2.0)
        store = Store(tmp_path / "plain")
        store.make([short])
        expected = curve_of(store, short)
        stages = [on(short, devices=2, sequence_parallel=2, activation_checkpointing=True)]
    for seen in watch(Store(tmp_path / "shared"), tmp_path / "watched", stages):
        found = [json.loads(row) for row in (Path(seen["spec"].scratch) / "curve.jsonl").read_text().splitlines()]
        assert [row["loss"] for row in found] == pytest.approx([row["loss"] for row in expected], abs=1e-5)
        assert [row["accuracy"] for row in found] == pytest.approx([row["accuracy"] for row in expected], abs=1e-5)
        assert [row["grad_norm"] for row in found] == pytest.approx([row["grad_norm"] for row in expected], rel=1e-3)
