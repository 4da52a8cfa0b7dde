"""LoRA trains its adapters alone and leaves a plain model behind; frozen embeddings stay as they are."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import Store
from o1exp.train.bases.pretrained import Pretrained
from o1exp.train.data.encode import CannotTrain
from tests.train.parts import SMALL, a_spec, loaded
from tests.train.watched import logits, on, watch
from tests.zoo.models import save_model

LORA = SMALL.replace(tuning="lora", lora_r=4, lora_alpha=8, lr=2e-2, epochs=2)
FROZEN = SMALL.replace(freeze_embeddings=True, epochs=1)


@pytest.fixture(scope="module")
def start(trained: Store) -> dict[str, Any]:
    return dict(loaded(trained.get(SMALL.start).source).state_dict())


def untied(trained: Store, folder: Path) -> Path:
    """The start with an output layer of its own."""
    import torch

    source = Path(trained.get(SMALL.start).source)
    model = loaded(source)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.get_input_embeddings().weight.detach() * 0.5)
    model.save_pretrained(folder)
    for file in source.iterdir():
        if not (folder / file.name).exists():
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture(scope="module")
def tuned(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """LORA plain and with activation checkpointing, FROZEN with a tied and an untied head, the last three with checkpointing."""
    root = tmp_path_factory.mktemp("tuned")
    other = FROZEN.replace(start=Pretrained(path=str(untied(trained, root / "untied"))))
    stages = [on(LORA, strategy="single"), *(on(s, strategy="single", activation_checkpointing=True) for s in (LORA, FROZEN, other))]
    return watch(trained, root, stages)


def test_only_adapters_are_trained(tuned: list[dict[str, Any]], start: dict[str, Any]) -> None:
    adapters_alone(tuned[0], start)


def adapters_alone(seen: dict[str, Any], start: dict[str, Any]) -> None:
    """Also: at first B is zero, so that A has no gradient, and the training starts at the start."""
    import torch

    names = {name for gradient in seen["gradients"] for name in gradient}
    assert {name.split(".")[-2] for name in names} == {"lora_A", "lora_B"}
    assert len(names) == 2 * 7 * 2  # layers, matrices, A and B
    assert {name.split(".")[-2] for name, gradient in seen["gradients"][0].items() if gradient.any()} == {"lora_B"}
    kept = {name.replace(".base_layer.", "."): weight for name, weight in seen["weights"].items() if "lora_" not in name}
    assert {name for name, weight in start.items() if not torch.equal(kept[name], weight)} == set()
    assert all(float(weight.abs().max()) > 0 for name, weight in seen["weights"].items() if "lora_B" in name)


def test_the_merged_export_is_the_trained_model(tuned: list[dict[str, Any]], start: dict[str, Any], trained: Store) -> None:
    merged_is_trained(tuned[0], trained)


def merged_is_trained(seen: dict[str, Any], trained: Store) -> None:
    import torch
    from safetensors.torch import load_file

    folder = Path(seen["spec"].out) / "model"
    begun = Path(trained.get(SMALL.start).source)
    before, after = load_file(begun / "model.safetensors"), load_file(folder / "model.safetensors")
    assert {name: weight.shape for name, weight in after.items()} == {name: weight.shape for name, weight in before.items()}
    assert not list(folder.glob("adapter*"))  # so nothing asks for peft
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert changed == {name for name in after if name.endswith("_proj.weight")}
    found = logits(loaded(folder))
    print("largest difference of the merged logits:", float((found - seen["logits"]).abs().max()))
    assert float((found - seen["logits"]).abs().max()) < 1e-5
    assert float((found - logits(loaded(begun))).abs().max()) > 0.1


def test_activation_checkpointing_changes_nothing(tuned: list[dict[str, Any]]) -> None:
    plain, checkpointed = (seen["gradients"] for seen in tuned[:2])
    assert len(plain) == len(checkpointed) == 4
    for name, gradient in plain[0].items():
        assert float((gradient - checkpointed[0][name]).abs().max()) <= 1e-6 * max(1.0, float(gradient.abs().max()))
    assert float((tuned[0]["logits"] - tuned[1]["logits"]).abs().max()) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "zero"), [(1, [(0, False), (2, True)]), (2, [(1, False), (3, False), (3, True)])])
def test_lora_under_zero(
    trained: Store, tmp_path: Path, tuned: list[dict[str, Any]], start: dict[str, Any], ranks: int, zero: list[tuple[int, bool]]
) -> None:
    """Each stage, with checkpointed activations or without."""
    stages = [on(LORA, devices=ranks, zero_stage=stage, activation_checkpointing=again) for stage, again in zero]
    for seen in watch(trained, tmp_path, stages):
        adapters_alone(seen, start)
        merged_is_trained(seen, trained)
        for name, gradient in tuned[0]["gradients"][0].items():
            assert float((gradient - seen["gradients"][0][name]).abs().max()) <= 1e-5 * max(1.0, float(gradient.abs().max())), name


def test_frozen_embeddings_stay_as_they_are(tuned: list[dict[str, Any]], start: dict[str, Any]) -> None:
    embedding_untouched(tuned[2], start, tied=True)
    embedding_untouched(tuned[3], start, tied=False)


def embedding_untouched(seen: dict[str, Any], start: dict[str, Any], tied: bool) -> None:
    import torch

    after, name = loaded(Path(seen["spec"].out) / "model").state_dict(), "model.embed_tokens.weight"
    assert torch.equal(after[name], start[name])
    assert torch.equal(after["lm_head.weight"], start[name]) is tied
    assert name not in seen["gradients"][0]
    assert ("lm_head.weight" in seen["gradients"][0]) is not tied
    assert not torch.equal(after["model.layers.0.mlp.up_proj.weight"], start["model.layers.0.mlp.up_proj.weight"])
    assert float((logits(loaded(Path(seen["spec"].out) / "model")) - seen["logits"]).abs().max()) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "zero_stages"), [(1, (0,)), (2, (2, 3))])
def test_frozen_embeddings_under_zero(
    trained: Store, tmp_path: Path, start: dict[str, Any], ranks: int, zero_stages: tuple[int, ...]
) -> None:
    other = FROZEN.replace(start=Pretrained(path=str(untied(trained, tmp_path / "untied"))))
    stages = [on(stage, devices=ranks, zero_stage=split) for split in zero_stages for stage in (FROZEN, other)]
    for place, seen in enumerate(watch(trained, tmp_path, stages)):
        embedding_untouched(seen, start, tied=place % 2 == 0)


KINDS = {
    "gpt2": 2 * 4,  # matrices that lie as [inputs, outputs]
    "mixtral": 2 * 4,  # experts that are one tensor
    "mamba": 2 * 4,  # a matrix that is used without a call of its layer
    "gemma3_text": 2 * 7,  # an output layer that is the embedding
}
"""Adapters of tiny models of two layers, which differ in what a matrix is."""


@pytest.mark.parametrize("name", KINDS)
def test_merged_weights_give_what_the_adapters_gave(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch
    from safetensors.torch import load_file

    from o1exp.train.worker.lora import Adapter, add_lora, merged

    save_model(name, tmp_path / "start")
    model, ids = loaded(tmp_path / "start"), torch.arange(10, 40)[None]
    with torch.no_grad():
        begun = model(ids).logits
    add_lora(model, a_spec(tuning="lora"), partitioned=False)
    assert torch.equal(model(ids).logits, begun)
    assert sum(isinstance(module, Adapter) for module in model.modules()) == KINDS[name]
    assert f"adapters beside {KINDS[name]} matrices" in (said := capsys.readouterr().out)
    assert ("experts.gate_up_proj" in said) == (name == "mixtral")
    draw_back(model)
    adapted = model(ids).logits
    adapted.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)
    weights = merged(model, {name: weight.detach() for name, weight in model.state_dict().items()})
    model.save_pretrained(tmp_path / "out", state_dict=weights)
    before, after = (load_file(tmp_path / folder / "model.safetensors") for folder in ("start", "out"))
    assert {name: weight.shape for name, weight in after.items()} == {name: weight.shape for name, weight in before.items()}
    with torch.no_grad():
        found = loaded(tmp_path / "out")(ids).logits
    torch.testing.assert_close(found, adapted.detach(), rtol=1e-4, atol=1e-4)
    assert float((found - begun).abs().max()) > 0.1


def draw_back(model: Any) -> None:
    """As after training: B is no longer zero."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.1, generator=torch.Generator().manual_seed(len(name)))


def test_matrices_with_one_weight_have_one_adapter() -> None:
    import torch

    from o1exp.train.worker.lora import add_lora, merged
    from tests.train.test_loss import model

    ours, ids = model(), torch.arange(10, 40)[None]
    ours.set_attn_implementation("sdpa")
    first, second = (layer.mlp for layer in ours.model.layers)
    second.up_proj.weight = first.up_proj.weight
    second.down_proj = first.down_proj
    add_lora(ours, a_spec(tuning="lora"), partitioned=False)
    draw_back(ours)
    assert second.up_proj is not first.up_proj
    assert second.up_proj.lora_A is first.up_proj.lora_A
    assert second.down_proj.lora_B is first.down_proj.lora_B
    adapted, plain = ours(ids).logits.detach(), model()
    plain.set_attn_implementation("sdpa")
    plain.load_state_dict(merged(ours, {name: weight.detach() for name, weight in ours.state_dict().items()}))
    torch.testing.assert_close(plain(ids).logits.detach(), adapted)


def test_a_model_without_matrices_is_refused() -> None:
    from o1exp.train.worker.lora import add_lora
    from tests.train.test_loss import model

    none = model(num_hidden_layers=0)
    with pytest.raises(CannotTrain, match=r"tuning=lora: tiny \(qwen2\) has no matrix to put an adapter beside; set tuning=full"):
        add_lora(none, a_spec(start="tiny", tuning="lora"), partitioned=False)


def test_adapters_are_drawn_alike_whatever_device_torch_makes_tensors_on() -> None:
    """Lightning makes the GPU the default while the model is loaded, where a generator of the CPU cannot draw."""
    import torch

    from o1exp.train.worker.lora import add_lora
    from tests.train.test_loss import model

    here, there = model(), model()
    add_lora(here, a_spec(tuning="lora"), partitioned=False)
    with torch.device("meta"):
        add_lora(there, a_spec(tuning="lora"), partitioned=False)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(here.parameters(), there.parameters(), strict=True))
