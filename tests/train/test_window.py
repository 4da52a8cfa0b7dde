"""A wider window is an explicit choice: it reaches the exported config, and is refused where a model knows no such thing."""

import json
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import StageFailed, Store
from o1exp.train.data.encode import CannotTrain, Encoded
from tests.train.killing import with_inputs
from tests.train.parts import SMALL, a_spec, encoded
from tests.train.test_loss import documents
from tests.train.watched import on

NARROW = SMALL.start.replace(max_position_embeddings=64)
"""The longest sum has 72 tokens."""


def test_a_chosen_window_reaches_the_exported_config(trained: Store, tmp_path: Path) -> None:
    wide = on(SMALL.replace(start=NARROW, max_steps=2, max_position_embeddings=128, rope_theta=50_000.0), strategy="single")
    store = with_inputs(tmp_path, trained, wide)
    config = json.loads((Path(store.get(wide).source) / "config.json").read_text())
    before = json.loads((Path(store.get(NARROW).source) / "config.json").read_text())
    assert (before["max_position_embeddings"], config["max_position_embeddings"]) == (64, 128)
    assert (before["rope_parameters"]["rope_theta"], config["rope_parameters"]["rope_theta"]) == (10_000.0, 50_000.0)
    assert wide.key != wide.replace(rope_theta=0.0).key


@pytest.mark.slow
def test_documents_longer_than_the_window_are_refused_with_the_remedy(trained: Store, tmp_path: Path) -> None:
    tight = on(SMALL.replace(start=NARROW), strategy="single")
    store = with_inputs(tmp_path, trained, tight)
    with pytest.raises(
        StageFailed,
        match=r"has 72 tokens, but .* has 64 positions; set max_length=64 .*max_position_embeddings=128 .*rope_theta \(now 10000\)",
    ):
        store.make([tight])


def absolute(folder: Path) -> str:
    """A model with learned absolute positions."""
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=64, n_embd=16, n_layer=1, n_head=2)).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("asked", [{"rope_theta": 50_000.0}, {"max_position_embeddings": 128}])
def test_models_without_rotary_positions_have_no_such_choice(tmp_path: Path, asked: dict[str, Any]) -> None:
    from o1exp.train.worker.model import load_model, model_config

    start = absolute(tmp_path)
    name, value = next(iter(asked.items()))
    with pytest.raises(CannotTrain, match=rf"{name}={value:g}: .* \(gpt2\) .*leave it 0"):
        model_config(a_spec(start=start, **asked))
    with pytest.raises(CannotTrain, match=r"has 90 tokens, but .* has 64 positions; set max_length=64"):
        load_model(a_spec(start=start), documents(), None)


@pytest.mark.parametrize(("name", "remedy"), [("gpt2", False), ("llama", True), ("gemma3_text", True), ("gemma3", True)])
def test_only_a_window_that_widens_is_offered_to_be_widened(name: str, remedy: bool, tmp_path: Path) -> None:
    """And what the sentence offers is taken, also in a model that reads pictures too."""
    from transformers import CONFIG_MAPPING

    from o1exp.train.worker.model import model_config, text_config
    from o1exp.train.worker.preflight import check_window
    from tests.zoo.models import architectures
    from tests.zoo.shrink import tiny

    assert name in architectures()
    tiny(name, CONFIG_MAPPING[name]).save_pretrained(tmp_path)
    spec, data = a_spec(start=str(tmp_path)), long_documents(130)
    with pytest.raises(CannotTrain, match=r"has 130 tokens, but .* has 128 positions; set max_length=128") as refused:
        check_window(spec, data, text_config(spec, model_config(spec)))
    assert ("max_position_embeddings=256" in str(refused.value)) == remedy
    if remedy:
        wide = a_spec(start=str(tmp_path), max_position_embeddings=256)
        check_window(wide, data, text_config(wide, model_config(wide)))


KINDS = {"rope_type": "default", "rope_theta": 1e4}
ONE_EACH = {"sliding_attention": KINDS, "full_attention": {**KINDS, "rope_theta": 1e6}}


def test_a_base_for_each_kind_of_layer_changes_where_layers_see_the_whole_text(tmp_path: Path) -> None:
    from o1exp.train.worker.model import model_config, text_config
    from o1exp.train.worker.preflight import check_window

    start = window_of("gemma3", tmp_path)
    with pytest.raises(
        CannotTrain, match=r"max_position_embeddings=256 together with a larger rope_theta \(now 1e\+06 in full_attention\)$"
    ):
        check_window(a_spec(start=start), long_documents(130), text_config(a_spec(), model_config(a_spec(start=start))))
    wide = model_config(a_spec(start=start, rope_theta=4e6)).get_text_config()
    assert wide.rope_parameters == {**ONE_EACH, "full_attention": {**KINDS, "rope_theta": 4e6}}
    model = built_from(wide)
    angles = {kind: float(getattr(model.model.rotary_emb, f"{kind}_inv_freq")[-1]) for kind in ONE_EACH}
    assert angles == pytest.approx({"sliding_attention": 1e4 ** (-6 / 8), "full_attention": 4e6 ** (-6 / 8)}, rel=1e-5)


def test_bases_of_kinds_that_do_not_say_what_they_see_are_named(tmp_path: Path) -> None:
    from o1exp.train.worker.model import model_config

    said = r"rope_theta=50000: .* \(deepseek_v4\) has several bases \(10000 in main, 160000 in compress\); leave it 0"
    with pytest.raises(CannotTrain, match=said):
        model_config(a_spec(start=window_of("deepseek_v4", tmp_path), rope_theta=50_000.0))


def window_of(name: str, folder: Path) -> str:
    """A folder with such a config and no weights."""
    from transformers import CONFIG_MAPPING

    from tests.zoo.shrink import tiny

    tiny(name, CONFIG_MAPPING[name]).save_pretrained(folder)
    return str(folder)


def built_from(config: Any) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(config)


def long_documents(tokens: int) -> Encoded:
    return encoded([5] * tokens, [0, tokens], [1])


def test_a_window_of_no_size_is_none() -> None:
    from transformers import XLNetConfig

    from o1exp.train.worker.preflight import check_window

    check_window(a_spec(), long_documents(30), XLNetConfig(vocab_size=50))
