"""A model from elsewhere: found, fingerprinted, or refused in one sentence."""

import json
import re
from pathlib import Path

import pytest

from o1exp.bench.sample import Sample
from o1exp.chat.templates import PLAIN
from o1exp.flow import Checkpoint, StageFailed, Store
from o1exp.flow.plan import plan
from o1exp.train.bases.pretrained import Pretrained
from o1exp.train.bases.small import Untrained
from tests.bench.tiny import Sums as BenchSums
from tests.train.parts import SMALL


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(tensors(b"weights" * 1000))
    return folder


def tensors(content: bytes) -> bytes:
    """A safetensors file with one tensor."""
    header = json.dumps({"__metadata__": {}, "w": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}}).encode()
    return len(header).to_bytes(8, "little") + header + content


def test_a_folder_is_pointed_at(tmp_path: Path, model: Path) -> None:
    stage = Pretrained(path=str(model), parameters=7e9)
    assert Store(tmp_path / "out").get(stage) == Checkpoint(str(model))
    assert stage.expect({}).parameters == 7e9


def test_other_weights_in_the_same_folder_are_another_model(model: Path) -> None:
    before = Pretrained(path=str(model)).key
    assert Pretrained(path=str(model)).key == before
    for name, content in (("model.safetensors", b"weighty" * 1000), ("config.json", b'{"a": 1}'), ("chat_template.jinja", b"{{ 1 }}")):
        (model / name).write_bytes(content)
        assert Pretrained(path=str(model)).key != before, name
        before = Pretrained(path=str(model)).key


def test_what_does_not_decide_an_answer_is_not_counted(model: Path) -> None:
    before = Pretrained(path=str(model)).key
    for name in ("README.md", "optimizer.pt", "trainer_state.json", ".git/HEAD", ".cache/a.json", "global_step7/model.safetensors"):
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_text("anything")
    assert Pretrained(path=str(model)).key == before


def test_a_moved_folder_is_the_same_model_and_is_found_where_it_lies_now(tmp_path: Path, model: Path) -> None:
    store, stage = Store(tmp_path / "out"), Pretrained(path=str(model))
    store.make([stage])
    moved = model.rename(tmp_path / "elsewhere")
    again = Pretrained(path=str(moved))
    assert again.key == stage.key
    store = Store(tmp_path / "out")
    assert store.get(again) == Checkpoint(str(moved))
    assert [done.made for done in store.done] == [False]
    other = Store(tmp_path / "other")
    other.make([again])
    first, second = store.manifest(again), other.manifest(again)
    assert first is not None
    assert second is not None
    assert (first.digest, first.how["path"], second.how["path"]) == (second.digest, str(model), str(moved))


def test_a_folder_that_changes_during_a_run_is_refused(tmp_path: Path, model: Path) -> None:
    stage = Pretrained(path=str(model))
    assert stage.key
    (model / "model.safetensors").write_bytes(tensors(b"others" * 1000))
    with pytest.raises(StageFailed, match=r"has changed since this run read it"):
        Store(tmp_path / "out").make([stage])


def test_what_is_no_model_folder_is_refused(tmp_path: Path, model: Path) -> None:
    (model / "model.safetensors").unlink()
    for path, says in (
        (model, r"has no \*.safetensors"),
        (tmp_path, "has no config.json"),
        (tmp_path / "absent", "there is no model folder"),
    ):
        with pytest.raises(StageFailed, match=says):
            Store(tmp_path / "out").make([Pretrained(path=str(path))])


def test_a_hub_that_cannot_be_asked_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(StageFailed, match=r"cannot read config.json of nobody/nothing from the hub \(.+\); check the name and the network"):
        Store(tmp_path / "out").make([Pretrained(path="nobody/nothing", revision="abc")])


def test_a_hub_model_is_pinned_to_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    cache = tmp_path / "hub" / "models--somebody--something"
    (cache / "snapshots" / commit).mkdir(parents=True)
    (cache / "snapshots" / commit / "config.json").write_text("{}")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    stage = Pretrained(path="somebody/something")
    store = Store(tmp_path / "out")
    (planned,) = plan(store, [stage])
    assert planned.expect.remark == "moving revision main"
    assert store.get(stage) == Checkpoint("somebody/something", commit)
    files = json.loads((store.folder(stage) / "files.json").read_text())
    assert list(files) == ["commit", "config.json"]
    (planned,) = plan(store, [stage])
    assert (planned.state, planned.expect.remark) == ("reuse", "moving revision main, commit 0123456789ab then")
    assert Pretrained(path="somebody/something", revision=commit).expect({}).remark == ""


def test_the_manifest_says_how_many_weights_there_are(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    small = Untrained(layers=1, hidden=8, heads=2, kv_heads=2, intermediate=8)
    stage = Pretrained(path=store.get(small).source)
    store.get(stage)
    known = store.manifest(stage)
    assert known is not None
    assert known.facts["parameters"] == small.parameters


BROKEN: dict[str, tuple[str, bytes, str]] = {
    "cut weights": ("model.safetensors", tensors(b"weights" * 1000)[:-10], "bytes and its header says"),
    "a cut header": ("model.safetensors", tensors(b"weights" * 1000)[:40], "is cut off in its header"),
    "empty weights": ("model.safetensors", b"", "is empty"),
    "no tensors": ("model.safetensors", (2).to_bytes(8, "little") + b"{}", "holds no weights"),
    "a page for weights": ("model.safetensors", b"<!doctype html>" * 99, "is no safetensors file"),
    "a list for a header": ("model.safetensors", (4).to_bytes(8, "little") + b"[[]]", "is no safetensors file"),
    "a short text for weights": ("model.safetensors", b"Entry not found", "is no safetensors file"),
    "a cut config": ("config.json", b'{"a": ', "is no JSON"),
    "a config that is no text": ("config.json", b"\xff\xfe", "is no JSON"),
    "a cut tokenizer": ("tokenizer.json", b'{"a": ', "is no JSON"),
    "a lost shard": (
        "model.safetensors.index.json",
        b'{"weight_map": {"w": "model-2.safetensors"}}',
        "names model-2.safetensors, which is",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_model_that_is_not_whole_is_refused_before_anything_starts(tmp_path: Path, model: Path, name: str) -> None:
    file, content, why = BROKEN[name]
    assert list(Pretrained(path=str(model)).preflight()) == []
    (model / file).write_bytes(content)
    (step,) = plan(Store(tmp_path / "out"), [Pretrained(path=str(model))])
    (obstacle,) = step.obstacles
    assert obstacle.startswith(f"{model / file} {why.split()[0]}" if "bytes" not in why else f"{model / file} has ")
    assert why in obstacle
    assert obstacle.endswith("; download or save the model again")


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"
QUANTISED = {"quant_method": "gptq", "bits": 4}
TOKENIZER = {"model": {"vocab": {"a": 0, "b": 1, "c": 9}}, "added_tokens": [{"id": 9, "content": "c"}, {"id": 10, "content": "<|im_end|>"}]}


def remade(folder: Path, change: str) -> Path:
    """The folder made into one that people give by mistake; the path that they give."""
    weights = folder / "model.safetensors"
    config, tokenizer = folder / "config.json", folder / "tokenizer.json"
    match change:
        case "lfs":
            weights.write_bytes(LFS)
        case "lfs shards":
            weights.unlink()
            for number in (1, 2):
                (folder / f"model-0000{number}-of-00002.safetensors").write_bytes(LFS)
        case "adapter":
            (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base"}')
        case "adapter alone":
            config.unlink()
            weights.rename(folder / "adapter_model.safetensors")
            (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
        case "gptq":
            config.write_text(json.dumps({"quantization_config": QUANTISED}))
        case "mxfp4" | "fp8" | "bitsandbytes" | "awq":
            config.write_text(json.dumps({"quantization_config": {"quant_method": change}}))
        case "bin":
            weights.rename(folder / "pytorch_model.bin")
        case "no index":
            weights.rename(folder / "model-00001-of-00002.safetensors")
        case "another name":
            weights.rename(folder / "consolidated.safetensors")
        case "no tokenizer":
            tokenizer.unlink()
            (folder / "tokenizer_config.json").write_text("{}")
        case "small vocabulary":
            config.write_text('{"vocab_size": 1}')
            tokenizer.write_text(json.dumps(TOKENIZER))
        case "an end token beyond":
            config.write_text('{"text_config": {"vocab_size": 10}}')
            tokenizer.write_text(json.dumps(TOKENIZER))
            (folder / "chat_template.jinja").write_text("<|im_end|>")
        case "gguf":
            (folder / "some.gguf").write_bytes(b"GGUF")
            return folder / "some.gguf"
        case "a folder of gguf":
            weights.rename(folder / "some.gguf")
            config.unlink()
        case "too high":
            return folder.parent
        case "too low":
            (folder / "onnx").mkdir()
            return folder / "onnx"
        case "a file":
            return weights
        case "its maker's":
            config.rename(folder / "params.json")
    return folder


FOLDERS = {
    "lfs": r"model/model.safetensors is a Git LFS pointer, not the file itself; run git lfs pull in .*model, or download it again",
    "lfs shards": r"model-00001-of-00002.safetensors and 1 more are Git LFS pointers, not the files themselves; run git lfs pull",
    "adapter": r"is an adapter of some/base, not a model; merge it once .*merge_and_unload\(\).save_pretrained\(FOLDER\)",
    "adapter alone": r"is an adapter of its base model, not a model; merge it once",
    "gptq": r"holds quantised weights \(gptq in 4 bits\), which cannot be trained; give the model as it was before quantisation$",
    "awq": r"holds quantised weights \(awq\), which cannot be trained; give the model as it was before quantisation$",
    "mxfp4": r"quantised weights \(mxfp4\).*or load it once with Mxfp4Config\(dequantize=True\)",
    "fp8": r"quantised weights \(fp8\).*FineGrainedFP8Config\(dequantize=True\)",
    "bitsandbytes": r"quantised weights \(bitsandbytes\).*call its dequantize\(\)",
    "bin": r"has no \*.safetensors but pickles \(pytorch_model.bin\), which may run code and are never read; .*convert it once",
    "no index": r"has 1 shards such as model-00001-of-00002.safetensors and no model.safetensors.index.json",
    "another name": r"has consolidated.safetensors but no model.safetensors, which transformers loads",
    "no tokenizer": r"has no tokenizer \(tokenizer.json, tokenizer.model or vocab.json\); copy those of the model",
    "small vocabulary": r"its tokenizer gives ids up to 1, and its config.json has vocab_size=1; the two do not belong together",
    "an end token beyond": r"its tokenizer writes <\|im_end\|> as id 10, and its config.json has vocab_size=10; resize the embeddings",
    "gguf": r"some.gguf is a GGUF file; set model=gguf model.path=.*some.gguf, which unpacks it",
    "a folder of gguf": r"has no config.json; it holds a GGUF file, which model=gguf model.path=.*some.gguf unpacks",
    "too high": r"has no config.json; its folder model has one: model.path=.*/model$",
    "too low": r"has no config.json; the folder above has one: model.path=.*/model$",
    "a file": r"model.safetensors is a file; give its folder: model.path=.*/model$",
    "its maker's": r"has no config.json; it is in its maker's own format \(params.json\)",
}


@pytest.mark.parametrize("change", FOLDERS)
def test_a_folder_that_cannot_be_a_model_is_one_sentence_of_the_plan(tmp_path: Path, model: Path, change: str) -> None:
    given = remade(model, change)
    (step,) = plan(Store(tmp_path / "out"), [Pretrained(path=str(given))])
    (obstacle,) = step.obstacles
    assert re.search(FOLDERS[change], obstacle), obstacle


def test_added_tokens_that_nothing_writes_may_lie_beyond_the_vocabulary(model: Path) -> None:
    """A pad token beside a model that was never resized, Gemma 3's token for images."""
    (model / "config.json").write_text('{"vocab_size": 10}')
    (model / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (model / "tokenizer_config.json").write_text('{"pad_token": "<|im_end|>", "eos_token": {"content": "c"}}')
    assert list(Pretrained(path=str(model)).preflight()) == []


TEMPLATES: dict[str, tuple[dict[str, str], str]] = {
    "none": ({}, "the tokenizer has no chat template; .*chat_template=plain"),
    "a set without default": (
        {"tokenizer_config.json": '{"chat_template": [{"name": "rag", "template": "{{ 1 }}"}]}'},
        "has chat templates by the names rag and no default; choose one, e.g. chat_template=rag",
    ),
    "a syntax error": ({"chat_template.jinja": "{% for %}"}, r"is no Jinja template \(line 1: .*choose chat_template=plain"),
    "no question": ({"chat_template.jinja": "{{ 1 }}"}, "fails: it does not write the question; .*choose chat_template=plain"),
    "no end": (
        {"chat_template.jinja": PLAIN.replace("eos_token + ", ""), "tokenizer_config.json": '{"eos_token": "</s>"}'},
        "closes the answer with no token; choose chat_template=plain",
    ),
    "in an old place": ({"chat_template.json": '{"chat_template": "{{ oops"}'}, "is no Jinja template"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_cannot_be_used_is_told_before_there_are_data(model: Path, name: str) -> None:
    files, says = TEMPLATES[name]
    for file, content in {"tokenizer_config.json": "{}", **files}.items():
        (model / file).write_text(content)
    training = SMALL.replace(start=Pretrained(path=str(model)))
    (obstacle,) = training.prepared.preflight()
    assert re.search(says, obstacle), obstacle
    assert list(training.replace(chat_template="plain").prepared.preflight()) == []  # what the sentence names helps
    (model / "additional_chat_templates").mkdir()
    (model / "additional_chat_templates" / "tool_use.jinja").write_text(PLAIN)
    assert list(training.replace(chat_template="tool_use").prepared.preflight()) == []


def test_a_system_prompt_that_the_template_refuses_is_told_by_the_plan(tmp_path: Path, model: Path) -> None:
    """Of the model itself, of one trained from it with its template, and not of one trained with another."""
    (model / "chat_template.jinja").write_text(
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no such role') }}{% endif %}" + PLAIN
    )
    (model / "tokenizer_config.json").write_text("{}")
    start = Pretrained(path=str(model))
    training = SMALL.replace(start=start)
    told = []
    for asked in (start, training, training.replace(chat_template="plain")):
        sample = Sample(model=asked, problems=BenchSums(), system="Answer briefly.")
        told.append([one for step in plan(Store(tmp_path / "out"), [sample]) for one in step.obstacles if "system" in one])
    refused = (
        'system: the chat template refuses a system prompt; set system="" and write its words before {question} in prompt (no such role)'
    )
    assert told == [[refused], [refused], []]
    assert [one for step in plan(Store(tmp_path / "out"), [Sample(model=start, problems=BenchSums())]) for one in step.obstacles] == []


@pytest.mark.parametrize(("said", "shown"), [(-1, ""), (4096, ", window 4,096 tokens")])
def test_positions_without_a_bound_are_no_window_of_the_plan(model: Path, said: int, shown: str) -> None:
    sizes = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 99}
    (model / "config.json").write_text(json.dumps({**sizes, "max_position_embeddings": said}))
    ((_, line),) = Pretrained(path=str(model)).expect({}).details
    assert line.endswith(f"2 layers of width 32{shown}")


def test_a_name_without_an_owner_is_no_hub_id_unless_it_lies_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (obstacle,) = Pretrained(path="nofolder").preflight()
    assert obstacle.startswith("there is no folder 'nofolder' here, and a hub id has the form OWNER/NAME")
    assert list(Pretrained(path="a/b").preflight()) == []
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: str(tmp_path / "config.json"))
    assert list(Pretrained(path="gpt2").preflight()) == []
