import json
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from o1exp.chat.servers.procedural import Procedural
from o1exp.flow import SettingsError, Store
from o1exp.train.bases.small import TEMPLATE, Untrained

TINY = Untrained(layers=2, hidden=32, heads=4, kv_heads=2, intermediate=48, max_position_embeddings=256)
TALK = [{"role": "user", "content": "Compute 47+38."}, {"role": "assistant", "content": "So \\boxed{85}"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return Store(tmp_path_factory.mktemp("store")).get(TINY).source


@pytest.fixture(scope="module")
def tokenizer(folder: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_the_tokenizer_alone_is_that_of_every_model(folder: str, tmp_path: Path) -> None:
    alone = Path(Store(tmp_path).get(TINY.replace(seed=7, layers=1).tokenizer).source)
    names = {file.name for file in alone.iterdir()}
    assert names == {file.name for file in Path(folder).iterdir()} - {"model.safetensors"}
    assert all((alone / name).read_bytes() == Path(folder, name).read_bytes() for name in names - {"config.json"})


def test_any_text_survives_the_tokenizer(tokenizer: Any) -> None:
    thought = Procedural(wrong_turn_rate=1, check_rate=1).thought((47, 38, 12), 0)
    for text in (thought, "  two  spaces\n\n\ttab 'don't' it's", "é 漢字 🙂 \x00 \x7f", "Ones: 7+8=15, write 5."):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert len(ids) == len(text.encode())
        assert tokenizer.decode(ids) == text
    assert tokenizer("", add_special_tokens=False)["input_ids"] == []


def test_special_tokens_are_one_token_each_and_the_end_is_no_padding(tokenizer: Any) -> None:
    assert tokenizer.convert_ids_to_tokens(range(5)) == ["<|pad|>", "<|start|>", "<|end|>", "<|user|>", "<|assistant|>"]
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert len(tokenizer) == 261
    assert tokenizer.model_max_length == 256


def test_the_template_marks_what_the_assistant_writes(tokenizer: Any) -> None:
    assert tokenizer.chat_template == TEMPLATE
    text = tokenizer.apply_chat_template(TALK, tokenize=False)
    assert text == "<|start|><|user|>Compute 47+38.<|assistant|>So \\boxed{85}<|end|>"
    assert text.startswith(tokenizer.apply_chat_template(TALK[:1], tokenize=False, add_generation_prompt=True))
    marked = tokenizer.apply_chat_template(TALK, return_dict=True, return_assistant_tokens_mask=True)
    written = [token for token, mine in zip(marked["input_ids"], marked["assistant_masks"], strict=True) if mine]
    assert tokenizer.decode(written) == "So \\boxed{85}<|end|>"


def test_the_folder_loads_like_any_model_and_generates(folder: str, tokenizer: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert model.config.model_type == "qwen2"
    assert model.dtype == torch.float32
    assert sum(weight.numel() for weight in model.parameters()) == TINY.parameters == TINY.expect({}).parameters
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert (model.generation_config.eos_token_id, model.generation_config.pad_token_id) == (2, 0)
    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": t}], tokenize=False, add_generation_prompt=True) for t in ("1", "12+3")
    ]
    prompts = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    assert prompts["attention_mask"][0, 0] == 0, "prompts are padded on the left"
    assert model.generate(**prompts, max_new_tokens=4, do_sample=False).shape[1] <= prompts["input_ids"].shape[1] + 4


def test_weights_are_those_of_a_fresh_qwen2(folder: str) -> None:
    from transformers import AutoModelForCausalLM

    for name, weight in AutoModelForCausalLM.from_pretrained(folder).named_parameters():
        if weight.dim() == 2:
            assert float(weight.detach().std()) == pytest.approx(TINY.initializer_range, rel=0.1), name
        else:
            assert weight.unique().tolist() == [0.0 if name.endswith("bias") else 1.0], name


def test_two_made_at_once_equal_one_made_alone(tmp_path: Path) -> None:
    """Stages run in threads: a shared random state would mix them."""

    def digests(root: Path, seeds: tuple[int, ...]) -> dict[int, str]:
        found = {}

        def make(seed: int) -> None:
            stage, store = TINY.replace(seed=seed), Store(root)
            store.get(stage)
            manifest = store.manifest(stage)
            assert manifest is not None
            found[seed] = manifest.digest

        threads = [Thread(target=make, args=(seed,)) for seed in seeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    together = digests(tmp_path / "together", (0, 1))
    assert together == digests(tmp_path / "a", (0,)) | digests(tmp_path / "b", (1,))
    assert together[0] != together[1]


def test_the_config_is_what_transformers_would_write(folder: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path)
    for name in ("config.json", "generation_config.json"):
        ours, theirs = (json.loads((place / name).read_text()) for place in (Path(folder), tmp_path))
        assert ours.items() <= theirs.items(), name


def test_configuration_says_what_was_asked(folder: str) -> None:
    config = json.loads((Path(folder) / "config.json").read_text())
    assert (config["num_hidden_layers"], config["hidden_size"], config["num_key_value_heads"]) == (2, 32, 2)
    assert (config["vocab_size"], config["max_position_embeddings"], config["tie_word_embeddings"]) == (261, 256, True)
    assert config["architectures"] == ["Qwen2ForCausalLM"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"hidden": 100, "heads": 3, "kv_heads": 1}, "hidden"),
        ({"hidden": 12, "heads": 4, "kv_heads": 4}, "hidden"),
        ({"heads": 4, "kv_heads": 3}, "kv_heads"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(fields: dict[str, int], field: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        Untrained(**fields)
    assert [name for name, _ in wrong.value.mistakes] == [field]
