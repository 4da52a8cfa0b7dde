"""Whatever the architecture, each document has the loss and gradient that it has alone, or the model is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from o1exp.flow import StageFailed
from o1exp.train.data.encode import CannotTrain, Encoded
from tests.train.odd import LONG, built, trained_from
from tests.train.parts import a_spec, curve_of, document_loss, encoded, loaded, manifest_of, plain_training
from tests.train.test_loss import gradient, plain_kernel
from tests.train.watched import on

SPEC = a_spec(start="tiny", pack_length=128, micro_batch_tokens=256)


def documents() -> Encoded:
    """Documents of 6 to 60 tokens, some of the same length."""
    dice = np.random.default_rng(0)
    lengths = np.array([60, 6, 31, 30, 30, 47, 12, 12])
    return encoded(dice.integers(3, 261, lengths.sum()), np.concatenate([[0], np.cumsum(lengths)]), np.maximum(1, lengths // 3))


def ready(name: str, **changes: Any) -> Any:
    from o1exp.train.worker.loss import teach_loss, teach_rows

    model = built(name, **changes)
    teach_loss(model)
    teach_rows(model)
    return model


SLOW = ("mamba", "falcon_h1", "cohere", "mixtral", "opt", "stablelm")
WAYS = {
    "mistral": ("packed", True), "gemma2": ("packed", True), "gpt_oss": ("packed", True), "mixtral": ("packed", True),
    "granite": ("packed", True), "cohere": ("packed", True), "phi3": ("alone", True), "bloom": ("rows", True), "mamba": ("rows", True),
    "lfm2": ("rows", True), "falcon": ("rows", True), "stablelm": ("rows", True), "falcon_h1": ("rows", True), "opt": ("packed", True),
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in WAYS])
def test_loss_and_gradient_are_those_of_the_documents_alone(name: str) -> None:
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss, token_losses
    from o1exp.train.worker.trial import find_way

    ours, plain, data = ready(name), built(name), documents()
    way, word = find_way(SPEC, data, ours)
    assert (way.layout, way.shape is not None) == WAYS[name], word
    assert bool(word) == (way.layout != "packed")
    ours.eval()
    plain.set_attn_implementation(ours.o1exp_own)
    batch = micro_batch(list(range(8)), data)
    alone = gradient(plain, sum(document_loss(plain, data, document) for document in range(8)))
    for loss in (summed_loss(ours, batch).loss, token_losses(ours, batch).sum()):
        found = gradient(ours, loss)
        assert float((found - alone).norm() / alone.norm()) < 1e-4
    with torch.no_grad():
        assert float(summed_loss(ours, batch).loss) == pytest.approx(
            sum(float(document_loss(plain, data, document)) for document in range(8)), rel=1e-5
        )


def test_a_window_goes_through_a_kernel_that_knows_where_documents_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker import attention, flash, trial
    from o1exp.train.worker.loss import summed_loss
    from o1exp.train.worker.trial import find_way

    counted: list[str] = []
    kernel = flash.Kernel("plain", *plain_kernel(counted), windows=True)
    monkeypatch.setattr(trial, "kernels_for", lambda spec: [kernel])  # the real ones run on a GPU alone
    monkeypatch.setattr(flash, "_used", [])
    ours, plain, data = ready("mistral"), built("mistral"), documents()
    find_way(dataclasses.replace(SPEC, attention="varlen"), data, ours)
    assert ours.config._attn_implementation == attention.VARLEN
    counted.clear()
    found = gradient(ours, summed_loss(ours, micro_batch(list(range(8)), data, waste=0.0)).loss)
    alone = gradient(plain, sum(document_loss(plain, data, document) for document in range(8)))
    assert float((found - alone).norm() / alone.norm()) < 1e-5
    assert sorted(counted) == ["backward"] * 2 + ["forward"] * 2


def test_a_preference_is_learned_document_by_document_too() -> None:
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.objective import document_log_likelihoods
    from o1exp.train.worker.trial import find_way

    ours, data = ready("lfm2"), documents()
    assert find_way(SPEC, data, ours)[0].layout == "rows"
    ours.eval()
    with torch.no_grad():
        batch = micro_batch(list(range(8)), data)
        alone = [-float(document_loss(ours, data, document)) for document in batch.documents]
        assert document_log_likelihoods(ours, batch).tolist() == pytest.approx(alone, rel=1e-5)


def test_whole_logits_where_the_model_makes_more_of_them_than_a_scale_and_a_cap() -> None:
    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss, token_losses
    from o1exp.train.worker.trial import find_way

    ours, data = ready("mistral"), documents()
    plain = ours.forward

    def forward(*given: Any, **asked: Any) -> Any:
        out = plain(*given, **asked)
        out.logits = out.logits + out.logits.pow(3)
        return out

    ours.forward = forward
    for layout in ("packed", "rows", "alone"):
        way, word = find_way(dataclasses.replace(SPEC, packing=layout), data, ours)
        assert (way.layout, way.shape) == (layout, None)
        assert "logits are computed whole" in word
        ours.eval()
        batch = micro_batch(list(range(8)), data)
        found, each = gradient(ours, summed_loss(ours, batch).loss), gradient(ours, token_losses(ours, batch).sum())
        ours.set_attn_implementation(ours.o1exp_own)
        alone = gradient(ours, sum(document_loss(ours, data, document) for document in range(8)))
        assert float((found - alone).norm() / alone.norm()) < 1e-5
        assert float((each - alone).norm() / alone.norm()) < 1e-5


def test_weights_that_give_no_number_are_named_as_such() -> None:
    import torch

    from o1exp.train.worker.trial import find_way

    broken = ready("mistral")
    with torch.no_grad():
        broken.model.layers[0].mlp.up_proj.weight[0] = float("nan")
    with pytest.raises(CannotTrain, match=r"tiny \(mistral\) gives no number \(NaN\) for a short text: its weights are broken"):
        find_way(SPEC, documents(), broken)


def test_weights_of_another_config_are_named_as_such() -> None:
    from o1exp.train.worker.preflight import cannot

    reported = RuntimeError("You set `ignore_mismatched_sizes` to `False`, thus raising an error.")
    assert "its weights have other shapes than its config.json says" in cannot(SPEC, built("mistral").config, reported)


def test_a_model_that_sees_later_tokens_is_refused() -> None:
    from o1exp.train.worker.trial import find_way

    with pytest.raises(
        CannotTrain, match=r"tiny \(bert\) is no causal language model: later tokens have a part in its logits of earlier ones"
    ):
        find_way(SPEC, documents(), ready("bert"))


def test_a_model_that_cannot_run_is_refused_in_a_sentence() -> None:
    from o1exp.train.worker.trial import find_way

    broken = ready("mistral")
    broken.model.layers[0].self_attn.q_proj = None
    with pytest.raises(CannotTrain, match=r"^tiny \(mistral\) cannot be trained as a causal language model: TypeError: .*another model$"):
        find_way(SPEC, documents(), broken)


def test_where_weights_are_split_whole_ones_are_a_remedy() -> None:
    from types import SimpleNamespace

    from o1exp.train.worker.preflight import cannot

    split = dataclasses.replace(SPEC, zero_stage=3, devices=2)
    assert cannot(split, SimpleNamespace(model_type="x"), ValueError("no")).endswith(
        "start from another model; machine.zero_stage=2 may do, since it leaves weights whole"
    )


@pytest.mark.parametrize("lengths", [(60, 6), (60, 60)])
def test_a_window_that_a_model_names_in_its_own_way_is_a_refusal_with_a_remedy(lengths: tuple[int, int]) -> None:
    from o1exp.train.worker.trial import find_way

    data = encoded(np.arange(sum(lengths)) + 3, np.concatenate([[0], np.cumsum(lengths)]), [2, 2])
    with pytest.raises(CannotTrain, match=r"^tiny \(mpt\) cannot read the longest example, which has 60 tokens: .*a smaller max_length"):
        find_way(SPEC, data, ready("mpt"))


def test_a_way_that_is_asked_for_and_wrong_is_refused() -> None:
    from o1exp.train.worker.trial import find_way

    with pytest.raises(CannotTrain, match=r"machine\.packing=packed: tiny \(mamba\): a document .*set machine\.packing=auto"):
        find_way(dataclasses.replace(SPEC, packing="packed"), documents(), ready("mamba"))


@pytest.mark.parametrize("widest", [30, 300])
def test_rotary_frequencies_that_depend_on_length_matter_only_where_the_data_reach_both(widest: int) -> None:
    from o1exp.train.worker.trial import find_way

    known = {"original_max_position_embeddings": widest}
    way, word = find_way(SPEC, documents(), ready("phi3", rope_parameters={**LONG, **known}, **known))
    assert way.layout == ("alone" if widest == 30 else "packed")
    assert ("rotary" in word) == (widest == 30)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "scale", "cap"), [("granite", 1 / 6, 0.0), ("gemma2", 1.0, 2.0), ("mistral", 1.0, 0.0), ("falcon_h1", 0.3, 0.0)]
)
def test_what_the_output_layer_does_is_asked_of_the_model(name: str, scale: float, cap: float, dtype: str) -> None:
    import torch

    from o1exp.train.worker.probe import shape_of

    model = ready(name).to(getattr(torch, dtype))
    with torch.no_grad():
        shape = shape_of(model, torch.arange(20), 1e-5 if dtype == "float32" else 3e-3)
    assert shape is not None
    assert tuple(shape) == pytest.approx((scale, cap), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "machine", "layout"),
    [
        ("granite", {"zero_stage": 3}, "packed"), ("gemma2", {"zero_stage": 3, "devices": 2}, "packed"),
        ("bloom", {"zero_stage": 3, "devices": 2}, "rows"), ("phi3", {"zero_stage": 2, "devices": 2, "packing": "alone"}, "alone"),
        ("mamba", {"strategy": "single"}, "rows"), ("mamba", {"zero_stage": 3, "devices": 2}, "rows"),
        ("lfm2", {"activation_checkpointing": True}, "rows"),
    ],
)  # fmt: skip
def test_a_whole_training_equals_a_plain_loop(name: str, machine: dict[str, Any], layout: str, tmp_path: Path) -> None:
    stage, store = trained_from(name, tmp_path)
    stage = on(stage, **machine)
    store.make([stage])
    plain = plain_training(store_spec(stage), store.get(stage.prepared).encoded(), loaded(tmp_path / name))
    found = curve_of(store, stage)
    assert len(found) == len(plain) == 3
    for key in ("loss", "grad_norm"):
        assert [row[key] for row in found] == pytest.approx([row[key] for row in plain], rel=2e-4)
    facts = manifest_of(store, stage).facts
    assert (facts["packing"], facts["logits"]) == (layout, "in chunks")


def store_spec(stage: Any) -> Any:
    """What a plain loop must know of the stage."""
    names = ("lr", "lr_scheduler_type", "warmup_ratio", "weight_decay", "epochs", "max_steps", "batch_tokens", "pack_length", "seed")
    return a_spec(max_grad_norm=stage.max_grad_norm, **{name: getattr(stage, name) for name in names})


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["sft", "dpo"])
def test_ranks_that_share_weights_ask_for_them_equally_often(objective: str, tmp_path: Path) -> None:
    """Documents in rows are another number of passes on each rank: a rank that asks for weights alone waits for the others for good."""
    from tests.train.test_dpo import DPO

    stage, store = trained_from("bloom", tmp_path)
    stage = stage if objective == "sft" else DPO.replace(start=stage.start, epochs=1)
    stage = stage.replace(validation_fraction=0.3, evaluations=2)
    checked = []
    machines: list[dict[str, Any]] = [{"strategy": "single"}, {"strategy": "deepspeed", "zero_stage": 3, "devices": 2}]
    for number, machine in enumerate(machines):
        seen = on(stage, **machine)
        store = type(store)(tmp_path / str(number))
        store.make([seen])
        checked.append([json.loads(line) for line in (store.folder(seen) / "validation.jsonl").read_text().splitlines()])
    alone, together = checked
    assert [row["loss"] for row in together] == pytest.approx([row["loss"] for row in alone], rel=1e-4)


@pytest.mark.slow
def test_held_out_documents_and_samples_go_the_same_way(tmp_path: Path) -> None:
    stage, store = trained_from("gemma2", tmp_path)
    stage = on(stage.replace(validation_fraction=0.3, evaluations=1, samples=1, sample_tokens=4), strategy="single", packing="rows")
    store.make([stage])
    checked = [json.loads(line) for line in (store.folder(stage) / "validation.jsonl").read_text().splitlines()]
    packed = on(stage, packing="packed")
    assert packed.key == stage.key
    again = type(store)(tmp_path / "again")
    again.make([packed])
    other = [json.loads(line) for line in (again.folder(packed) / "validation.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in checked] == pytest.approx([row["loss"] for row in other], rel=1e-5)
    assert manifest_of(again, packed).facts["packing"] == "packed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bert", "is no causal language model"),
        ("t5", "is an encoder with a decoder"),
        ("vit", "cannot be trained as a causal language model"),
    ],
)
def test_what_is_no_causal_language_model_is_refused_in_a_sentence(name: str, says: str, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModel

    stage, store = trained_from("mistral" if name != "bert" else name, tmp_path)
    folder = tmp_path / ("mistral" if name != "bert" else name)
    if name != "bert":
        small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
        config = {"t5": {"vocab_size": 261, "d_model": 32, "d_ff": 64, "num_layers": 1, "num_heads": 4}, "vit": small}[name]
        AutoModel.from_config(AutoConfig.for_model(name, **config)).save_pretrained(folder)
    with pytest.raises(StageFailed, match=says) as refused:
        store.make([on(stage, strategy="single")])
    assert "Traceback" not in str(refused.value)


@pytest.mark.slow
def test_an_architecture_that_transformers_lacks_is_refused_in_our_words(tmp_path: Path) -> None:
    stage, store = trained_from("mistral", tmp_path)
    config = tmp_path / "mistral" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "unheard_of"}))
    with pytest.raises(StageFailed, match=r"the config of .* cannot be read: .*`unheard_of`.*; start from a model that transformers knows"):
        store.make([on(stage, strategy="single")])
