"""The exported folder is the trained model: the same logits, and all that other programs need. One that is not ends the stage."""

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from o1exp.flow import StageFailed, Store
from o1exp.train.bases.small import TEMPLATE
from o1exp.train.sft import Sft
from tests.train.killing import with_inputs
from tests.train.parts import SMALL, encoded, loaded
from tests.train.test_loss import model
from tests.train.watched import logits, on, watch

SHORT = SMALL.replace(epochs=1, lr=1e-2)
ENDS_WITH_USER = SHORT.replace(eos_token="<|user|>", chat_template=TEMPLATE.replace("<|end|>", "<|user|>"))
"""Responses close with a token that the start's generation config does not know."""


@pytest.mark.parametrize(
    ("ranks", "zero_stages"),
    [(1, (1,)), pytest.param(1, (0, 3), marks=pytest.mark.slow), pytest.param(2, (1, 3), marks=pytest.mark.slow)],
)
def test_reloaded_logits_are_the_trained_models(trained: Store, tmp_path: Path, ranks: int, zero_stages: tuple[int, ...]) -> None:
    for seen in watch(trained, tmp_path, [on(SHORT, zero_stage=stage, devices=ranks) for stage in zero_stages]):
        reloaded_as_trained(seen, trained)


def reloaded_as_trained(seen: dict[str, Any], trained: Store) -> None:
    reloaded = logits(loaded(Path(seen["spec"].out) / "model"))
    assert float((reloaded - seen["logits"]).abs().max()) == 0.0
    assert float((reloaded - logits(loaded(trained.get(SMALL.start).source))).abs().max()) > 0.1
    complete(Path(seen["spec"].out) / "model")


def complete(folder: Path) -> None:
    """What transformers and vLLM read: architecture, weights without pickle, tokenizer and template, and where generation ends."""
    from safetensors import safe_open

    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= names
    assert "chat_template.jinja" in names or json.loads((folder / "tokenizer_config.json").read_text()).get("chat_template")
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    config = json.loads((folder / "config.json").read_text())
    assert (config["architectures"], config["dtype"], config["model_type"]) == (["Qwen2ForCausalLM"], "float32", "qwen2")
    assert "o1exp" not in json.dumps(config)
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert weights.metadata()["format"] == "pt"
        assert "model.layers.0.self_attn.q_proj.weight" in list(weights.keys())


@pytest.fixture(scope="module")
def single(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """SHORT and ENDS_WITH_USER on a device without DeepSpeed."""
    return watch(trained, tmp_path_factory.mktemp("single"), [on(stage, strategy="single") for stage in (SHORT, ENDS_WITH_USER)])


def test_reloaded_logits_without_deepspeed(trained: Store, single: list[dict[str, Any]]) -> None:
    for seen in single:
        reloaded_as_trained(seen, trained)


def test_generation_ends_where_learned_responses_end(single: list[dict[str, Any]]) -> None:
    from transformers import AutoTokenizer, GenerationConfig

    plain, other = single
    for seen, token in ((plain, "<|end|>"), (other, "<|user|>")):
        folder = Path(seen["spec"].out) / "model"
        tokenizer, stops = AutoTokenizer.from_pretrained(folder), GenerationConfig.from_pretrained(folder).eos_token_id
        assert tokenizer.eos_token == token
        assert tokenizer.eos_token_id in (stops if isinstance(stops, list) else [stops])
        chat = [{"role": "user", "content": "1 + 1 = ?"}, {"role": "assistant", "content": "2"}]
        assert tokenizer.apply_chat_template(chat, tokenize=False).endswith("2" + token)
    second = SHORT.replace(start=ENDS_WITH_USER)
    assert (second.prepared.eos_token, second.prepared.chat_template) == ("<|user|>", ENDS_WITH_USER.chat_template)


FAULTS: dict[str, str] = {
    "lost": "it lacks model.layers.1.mlp.up_proj.weight",
    "renamed": "it lacks model.layers.0.mlp.down_proj.weight; it holds, for no layer, model.layers.0.mlp.base_layer.down_proj.weight",
    "turned": "it has another shape of model.layers.0.mlp.up_proj.weight",
    "changed": r"its loss on 39 tokens is \d+\.\d+, that of the trained model \d+\.\d+ \(a token's differs by \d+\.\d+\)",
}
"""What may go wrong between a trained model and its folder, and the words for it."""


@pytest.mark.parametrize("fault", [*FAULTS, ""])
def test_a_folder_that_is_another_model_is_seen(fault: str, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    from o1exp.train.worker import reread

    ours = model(tie_word_embeddings=False)
    seen = reread.probe(ours, encoded(np.arange(5, 45), [0, 40], [20]), torch.device("cpu"))
    ours.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    up, down = "model.layers.{}.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight"
    if fault == "lost":
        del weights[up.format(1)]
    elif fault == "renamed":
        weights[down.replace("mlp.", "mlp.base_layer.")] = weights.pop(down)
    elif fault == "turned":
        weights[up.format(0)] = weights[up.format(0)].t().contiguous()
    elif fault == "changed":
        weights[up.format(0)] = weights[up.format(1)].clone()
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    found = reread.unlike(ours, tmp_path, seen, seconds=1.0)
    assert re.fullmatch(FAULTS.get(fault, ""), found), found


@dataclass(frozen=True, kw_only=True)
class Losing(Sft):
    """Its export loses a weight."""

    runs: ClassVar[tuple[str, ...]] = ("tests.train.losing",)


@pytest.mark.parametrize(
    "machine",
    [
        {"strategy": "single"},
        pytest.param({"zero_stage": 2, "devices": 2}, marks=pytest.mark.long),
        pytest.param({"zero_stage": 3, "devices": 2}, marks=pytest.mark.slow),
    ],
)
def test_an_export_that_is_not_what_was_trained_loses_nothing(trained: Store, tmp_path: Path, machine: dict[str, Any]) -> None:
    from tests.train.losing import LOST

    stage = Losing(**{field.name: getattr(SHORT, field.name) for field in dataclasses.fields(SHORT)})
    stage = on(stage, **machine)
    store = with_inputs(tmp_path, trained)
    with pytest.raises(StageFailed, match=f"the exported model is not the one that was trained: it lacks {LOST}; nothing is lost"):
        store.make([stage])
    scratch = store.root / "scratch" / f"Losing-{stage.key}"
    assert list((scratch / "trained").iterdir())
    assert (scratch / "refused-export" / "model.safetensors").exists()
    assert store.manifest(stage) is None


@pytest.mark.parametrize("split", [False, True])
def test_a_tie_that_the_files_do_not_keep_is_refused(split: bool, tmp_path: Path) -> None:
    """transformers ties nothing then and says nothing in its report; under ZeRO-3 (`split`) it drops what was stored last."""
    from safetensors.torch import load_file, save_file

    from o1exp.train.data.encode import CannotTrain
    from o1exp.train.worker.preflight import check_ties
    from tests.train.parts import a_spec

    tied = model(tie_word_embeddings=True)
    tied.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    for factor in (1.0, 0.5):
        weights["lm_head.weight"] = factor * weights["model.embed_tokens.weight"]
        save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
        read = tied if split else loaded(tmp_path)
        if factor == 1:
            check_ties(a_spec(start=str(tmp_path)), read)
            continue
        with pytest.raises(CannotTrain, match=r"stores lm_head\.weight and model\.embed_tokens\.weight .* set tie_word_embeddings=false"):
            check_ties(a_spec(start=str(tmp_path)), read)


def test_what_is_too_large_to_be_read_again_is_checked_by_names_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from o1exp.train.worker import reread

    ours = model()
    ours.save_pretrained(tmp_path)
    other = reread.Probe(torch.arange(5, 45)[None], torch.zeros(39))
    assert "its loss on 39 tokens" in reread.unlike(ours, tmp_path, other, seconds=1.0)
    monkeypatch.setattr(reread, "SPEED", reread.size(tmp_path) / 30)  # so that it takes half a minute
    assert reread.unlike(ours, tmp_path, other, seconds=100.0) == ""
    assert "losses were not compared: reading 0.0 GB would take more than 1 % of the training" in capsys.readouterr().out
    assert "its loss on 39 tokens" in reread.unlike(ours, tmp_path, other, seconds=3600.0)
    monkeypatch.setattr(reread, "_free", lambda: 1000.0)
    assert reread.unlike(ours, tmp_path, other, seconds=3600.0) == ""
    assert "GB of free memory" in capsys.readouterr().out
    (tmp_path / "model.safetensors").unlink()
    assert "it lacks" in reread.unlike(ours, tmp_path, other, seconds=3600.0)
