"""The plan of a training against what was measured and what is known on paper. Figures: docs/plan.md."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.flow import Expect, Machine, Store, Work
from o1exp.flow.architecture import Architecture, of_folder
from o1exp.train.bases.pretrained import Pretrained
from o1exp.train.bases.small import Untrained
from o1exp.train.estimate.memory import GIB, memory
from o1exp.train.estimate.nearest import nearest
from o1exp.train.estimate.work import pace
from o1exp.train.sft import Sft
from tests.train.estimates import h100, job, model
from tests.train.parts import SMALL, Sums

PAPER = "qwen2_5_math_72b"
SIZES = {
    PAPER: 72.71e9, "qwen2_5_72b_instruct": 72.71e9, "qwen2_5_32b": 32.76e9, "qwen2_5_7b": 7.616e9, "qwen2_5_math_7b": 7.616e9,
    "qwen2_5_1_5b": 1.544e9, "qwen2_5_0_5b": 0.494e9, "smollm2": 134.5e6, "small": 358_368,
}  # fmt: skip
"""Weights as the models' own pages count them."""


@pytest.mark.parametrize(("option", "weights"), SIZES.items())
def test_the_numbers_of_an_option_come_to_the_weights_of_the_model(option: str, weights: float) -> None:
    assert model(option).parameters == pytest.approx(weights, rel=2e-3)


@pytest.mark.parametrize(("tokens", "gflop"), [(4096, 445), (8192, 461), (16384, 493), (32768, 558)])
def test_72b_computes_what_it_does_on_paper(tokens: int, gflop: float) -> None:
    assert model(PAPER).flop(tokens) / 1e9 == pytest.approx(gflop, rel=0.05)
    assert model(PAPER).multiplied == pytest.approx(71.46e9, rel=1e-3)


@pytest.mark.parametrize(("nodes", "plain", "offloaded"), [(1, 157, 21.6), (2, 81, 13.1), (4, 43, 8.9)])
def test_72b_has_the_model_states_that_it_has_on_paper(nodes: int, plain: float, offloaded: float) -> None:
    machine = h100(nodes=nodes, devices=8, zero_stage=3)
    assert memory(job(PAPER, machine)).states / GIB == pytest.approx(plain, rel=0.05)
    moved = dataclasses.replace(machine, offload_optimizer=True)
    assert memory(job(PAPER, moved)).states / GIB == pytest.approx(offloaded, rel=0.05)


@pytest.mark.parametrize(
    ("samples", "utilisation", "gpu_hours"), [(10_750, 0.45, 37), (10_750, 0.25, 66), (50_000, 0.45, 171), (50_000, 0.25, 307)]
)
def test_72b_takes_the_gpu_hours_that_it_takes_on_paper(samples: int, utilisation: float, gpu_hours: float) -> None:
    machine = dataclasses.replace(h100(nodes=4, devices=8, zero_stage=3), utilisation=utilisation)
    found = pace(job(PAPER, machine), samples * 4096 * 3, 4096)
    assert 32 * found.hours(samples * 4096 * 3) == pytest.approx(gpu_hours, rel=0.05)


ON_ONE_GPU: dict[str, tuple[str, int, dict[str, int | bool | str], int, float]] = {
    "1.5B, packs of 16,384, recompute": ("qwen2_5_1_5b", 16384, {"activation_checkpointing": True}, 0, 27.7),
    "1.5B, packs of 16,384": ("qwen2_5_1_5b", 16384, {}, 0, 47.95),
    "0.5B, packs of 8,192": ("qwen2_5_0_5b", 8192, {}, 0, 13.94),
    "7B, LoRA, packs of 4,096": ("qwen2_5_7b", 4096, {}, 16, 32.41),
    "7B, LoRA, packs of 32,768, recompute": ("qwen2_5_7b", 32768, {"activation_checkpointing": True}, 16, 33.27),
    "1.5B, packs of 32,768, recompute": ("qwen2_5_1_5b", 32768, {"activation_checkpointing": True}, 0, 31.29),
    "1.5B, ZeRO-3, recompute": ("qwen2_5_1_5b", 16384, {"zero_stage": 3, "activation_checkpointing": True}, 0, 28.21),
    "1.5B, without DeepSpeed, recompute": ("qwen2_5_1_5b", 16384, {"strategy": "single", "activation_checkpointing": True}, 0, 27.7),
}  # fmt: skip
"""GiB at the peak of torch's allocator on one H200, ZeRO-1 where nothing else is said, steps of four packs (docs/measured.md)."""


@pytest.mark.parametrize("case", ON_ONE_GPU)
def test_a_gpu_takes_what_was_measured(case: str) -> None:
    option, pack, fields, lora_r, measured = ON_ONE_GPU[case]
    machine = dataclasses.replace(h100(**fields), micro_batch_tokens=pack)
    found = memory(dataclasses.replace(job(option, machine, pack, lora_r=lora_r), batch_tokens=4 * pack))
    assert found.peak / GIB == pytest.approx(measured, rel=0.05)


def test_the_plan_of_a_training_names_all_that_it_takes() -> None:
    machine = dataclasses.replace(
        h100(nodes=4, devices=8, zero_stage=3, activation_checkpointing=True, offload_activations=True), gpu_hour_usd=2.0
    )
    large = SMALL.replace(machine=machine, epochs=3, precision="bf16", batch_tokens=524288, pack_length=16384, max_length=16384)
    found = large.expect({"start": Expect(model=model(PAPER)), "prepared": Expect(rows=50_000, tokens_per_row=4096)})
    assert found.gpus == 32
    assert found.gpu_hours == pytest.approx(171 * 0.45 / machine.utilisation, rel=0.05)
    assert found.gpu_usd == pytest.approx(2 * found.gpu_hours)
    assert found.most_usd > found.gpu_usd
    assert found.disk_gb == pytest.approx(145.4, rel=0.01)
    assert found.scratch_gb == pytest.approx(3 * 14 * 72.7, rel=0.01)
    assert 45 < found.memory_gb < 80
    said = dict(found.details)
    assert set(said) >= {"recipe", "memory", "", "time", "cost", "disk"}
    assert "fits" in said["memory"]
    assert "1,172 steps of 524,288 tokens" in said["time"]
    for part in ("model states", "activations", "without recompute", "logits", "buffers"):
        assert part in said[""], part


def test_a_model_of_which_nothing_is_known_says_what_to_give() -> None:
    found = SMALL.expect({"start": Pretrained(path="a/b").expect({}), "prepared": Expect(rows=10, tokens_per_row=10)})
    assert "give model.layers=" in dict(found.details)["memory"]
    assert not found.memory_gb
    assert "give model.layers=" in dict(Pretrained(path="a/b").expect({}).details)["model"]


def test_a_model_of_which_only_the_weights_are_known_still_has_states() -> None:
    start = Pretrained(path="a/b", parameters=7e9).expect({})
    found = SMALL.replace(precision="bf16", machine=h100()).expect({"start": start, "prepared": Expect(rows=10, tokens_per_row=10)})
    assert found.memory_gb > 16 * 7e9 / GIB
    assert found.obstacles


def test_some_numbers_alone_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hidden=0: is not given, but other numbers of the model are; give hidden, heads, vocabulary too"):
        Pretrained(path="a/b", layers=3, intermediate=7)


def test_a_model_folder_says_its_numbers_itself(tmp_path: Path) -> None:
    stage = Untrained(layers=2, hidden=32, kv_heads=2, intermediate=64)
    store = Store(tmp_path)
    folder = Path(store.get(stage).source)
    assert of_folder(folder) == stage.expect({}).model
    assert (
        Pretrained(path=str(folder), layers=9, hidden=8, intermediate=8, heads=2, vocabulary=9).expect({}).model == stage.expect({}).model
    )


@pytest.mark.parametrize("change", [{"num_experts": 8}, {"num_hidden_layers": None}, {"hidden_size": "many"}])
def test_a_config_that_says_another_kind_of_model_is_unknown(change: dict[str, object]) -> None:
    config = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "vocab_size": 99}
    assert Architecture.of_config(config) is not None
    assert Architecture.of_config({**config, **change}) is None


def test_what_cannot_fit_is_refused_with_the_nearest_machine_that_does() -> None:
    recipe = {"precision": "bf16", "batch_tokens": 524288, "pack_length": 16384, "max_length": 16384}
    inputs = {"start": Expect(model=model(PAPER)), "prepared": Expect(rows=1000, tokens_per_row=4096)}
    one = SMALL.replace(machine=h100(devices=8, zero_stage=3), **recipe)
    (refusal,) = one.expect(inputs).obstacles
    assert "machine.memory_gb=80" in refusal
    found = nearest(job(PAPER, one.machine))
    assert found is not None
    assert found.words in refusal
    assert one.replace(machine=found.machine).expect(inputs).obstacles == ()
    unknown = dataclasses.replace(one.machine, memory_gb=0)
    assert one.replace(machine=unknown).expect(inputs).obstacles == ()


def test_the_nearest_machine_is_the_smallest_that_fits() -> None:
    fits_with_recompute = nearest(job("qwen2_5_1_5b", h100(), 65536))
    assert fits_with_recompute is not None
    assert fits_with_recompute.words == "machine.activation_checkpointing=true"
    more = nearest(job("qwen2_5_7b", h100(), 4096))
    assert more is not None
    assert more.machine.ranks * more.machine.nodes <= 8
    assert more.memory.needed <= 80
    assert nearest(job("qwen2_5_32b", dataclasses.replace(h100(), memory_gb=1.5))) is None


def test_ranks_without_a_pack_are_told() -> None:
    machine = h100(nodes=4, devices=8, zero_stage=3, activation_checkpointing=True)
    few = dataclasses.replace(job("qwen2_5_7b", machine), batch_tokens=16384)
    assert few.busy == pytest.approx(1 / 32)
    assert pace(few, 1e6, 4096).tokens_per_second == pytest.approx(pace(job("qwen2_5_7b", machine), 1e6, 4096).tokens_per_second / 32)


def test_constants_are_those_of_the_worker() -> None:
    from o1exp.train.estimate import memory as estimate
    from o1exp.train.worker import loss, optimizer, strategy

    assert (estimate.CHUNK_LOGITS, estimate.CHUNK_ROWS, estimate.CHUNK_ROWS_GPU) == (
        loss.CHUNK_LOGITS, loss.CHUNK_ROWS, loss.CHUNK_ROWS_GPU
    )  # fmt: skip
    assert (estimate.GROUP, estimate.BUCKET) == (optimizer.GROUP, strategy.BUCKET)


SHAPES = {
    "wide": Untrained(hidden=256, layers=3, intermediate=1024, kv_heads=2, initializer_range=0.02, max_position_embeddings=4096),
    "deep": Untrained(hidden=128, layers=8, intermediate=512, initializer_range=0.02, max_position_embeddings=4096),
    "large": Untrained(hidden=512, layers=4, intermediate=1536, heads=8, kv_heads=4, initializer_range=0.02, max_position_embeddings=4096),
}


@pytest.mark.parametrize("shape", [pytest.param(name, marks=pytest.mark.long if name == "large" else pytest.mark.slow) for name in SHAPES])
@pytest.mark.parametrize(
    "machine",
    [
        Machine(micro_batch_tokens=2048), Machine(micro_batch_tokens=4096, activation_checkpointing=True),
        Machine(micro_batch_tokens=2048, strategy="single"),
    ],
    ids=["kept", "recomputed", "single"],
)  # fmt: skip
def test_the_predicted_peak_is_the_measured_one(tmp_path: Path, shape: str, machine: Machine) -> None:
    """The process' peak beyond what it held with the model loaded, against all predicted terms but the weights.

    Every tensor has pages of its own there, so that what is freed leaves the process: the C library's heap would keep holes.
    """
    pack = machine.micro_batch_tokens
    training = SMALL.replace(
        start=SHAPES[shape], data=Sums(count=pack // 10), epochs=1, batch_tokens=2 * pack, pack_length=pack, max_length=512,
        machine=machine,
    )  # fmt: skip
    facts = in_pages(training, tmp_path)
    found = memory(training._job(SHAPES[shape].expect({}).model))  # type: ignore[arg-type]
    assert facts["steps"] >= 2  # the optimizer's state is there from the second step on
    assert (found.peak - found.weights) / 2**20 == pytest.approx(facts["memory_mb"] - facts["memory_loaded_mb"], rel=0.15)


def in_pages(training: Sft, root: Path) -> dict[str, float]:
    """Train in a fresh process whose C library maps every allocation of 128 KB and more by itself."""
    store = Store(root)
    store.make([training.start, training.prepared])
    (root / "out").mkdir()
    (root / "work").mkdir()
    spec = training.spec(Work(training, root / "out", root / "work", store))
    spec.save(root / "work" / "spec.json")
    from o1exp.train.launch import environment

    env = {**environment(training.machine), "MALLOC_MMAP_THRESHOLD_": str(2**17)}
    subprocess.run(
        [sys.executable, "-m", "o1exp.train.worker.rank", str(root / "work" / "spec.json")],
        env={**os.environ, **env},
        check=True,
        stdin=subprocess.PIPE,
    )
    facts: dict[str, float] = json.loads((root / "work" / "result.json").read_text())
    return facts


@pytest.mark.parametrize("said", [-1, 0, None])
def test_a_config_without_a_bound_on_positions_has_no_window(said: int | None) -> None:
    config = {"num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "vocab_size": 50}
    found = Architecture.of_config({**config, "max_position_embeddings": said})
    assert found is not None
    assert found.window == 0
