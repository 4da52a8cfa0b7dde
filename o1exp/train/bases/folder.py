"""Is a folder a model that trains and answers? A sentence for what keeps it from that: names, headers and JSON are read, no weights."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from o1exp.chat.templates import chosen
from o1exp.records.instead import pointer
from o1exp.train.bases.sound import unsound

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
"""What transformers loads weights by."""
_SPELLING = ("tokenizer.json", "*.model", "*.tiktoken", "vocab.*")
_PICKLES = ("pytorch_model*.bin", "model*.bin", "*.pth", "adapter_model.bin")
_RESTORED = {
    "mxfp4": "load it once with Mxfp4Config(dequantize=True)", "fp8": "load it once with FineGrainedFP8Config(dequantize=True)",
    "bitsandbytes": "load it once and call its dequantize()",
}  # fmt: skip
"""How weights come back to numbers that train, where transformers knows it."""
_SHARD = re.compile(r"-(\d+)-of-(\d+)\.safetensors$")


def obstacles(folder: Path, counted: Mapping[str, Path]) -> Iterator[str]:
    """What keeps it from being loaded; `counted` are its files that count, by name."""
    if folder.is_file():
        yield _a_file(folder)
    elif not folder.is_dir():
        yield f"there is no model folder {folder}; give an existing folder or a hub id such as Qwen/Qwen2.5-0.5B-Instruct"
    elif (adapter := folder / "adapter_config.json").is_file():
        base = read_json(adapter).get("base_model_name_or_path") or "its base model"
        yield (
            f"{folder} is an adapter of {base}, not a model; merge it once and give the folder that this writes, the tokenizer beside it: "
            f"AutoPeftModelForCausalLM.from_pretrained({str(folder)!r}).merge_and_unload().save_pretrained(FOLDER)"
        )
    elif not (folder / "config.json").is_file():
        yield f"{folder} has no config.json; {_elsewhere(folder)}"
    elif pointers := [name for name, path in counted.items() if pointer(path)]:
        more = f" and {len(pointers) - 1} more are Git LFS pointers, not the files themselves" if len(pointers) > 1 else ""
        what = more or " is a Git LFS pointer, not the file itself"
        yield f"{folder / pointers[0]}{what}; run git lfs pull in {folder}, or download it again"
    else:
        found = list(unsound(counted))
        yield from found or _lacking(folder)


def _lacking(folder: Path) -> Iterator[str]:
    """What a whole folder lacks."""
    config = read_json(folder / "config.json")
    if quantised := config.get("quantization_config") or config.get("compression_config"):
        yield f"{folder} {_quantised(quantised)}"
    elif why := _no_weights(folder):
        yield f"{folder} {why}"
    if not any(path.is_file() for pattern in _SPELLING for path in folder.glob(pattern)):
        yield f"{folder} has no tokenizer (tokenizer.json, tokenizer.model or vocab.json); copy those of the model it was made from into it"
    elif why := _beyond(folder, config):
        yield f"{folder}: {why}"


def _quantised(how: Any) -> str:
    found = how if isinstance(how, dict) else {}
    kind = str(found.get("quant_method", "of some kind"))
    bits = f" in {found['bits']} bits" if "bits" in found else ""
    back = f", or {_RESTORED[kind]}, save_pretrained(FOLDER) and give that" if kind in _RESTORED else ""
    return f"holds quantised weights ({kind}{bits}), which cannot be trained; give the model as it was before quantisation{back}"


def _no_weights(folder: Path) -> str:
    names = sorted(path.name for path in folder.glob("*.safetensors") if path.is_file())
    if WEIGHTS in names or (folder / INDEX).is_file():
        return ""
    if shards := [name for name in names if _SHARD.search(name)]:
        return f"has {len(shards)} shards such as {shards[0]} and no {INDEX} that says what is in them; download that file too"
    if names:
        return f"has {', '.join(names[:3])} but no {WEIGHTS}, which transformers loads; give the folder that save_pretrained wrote"
    if pickles := sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern)):
        return (
            f"has no *.safetensors but pickles ({pickles[0]}), which may run code and are never read; give a revision that has "
            "safetensors, or convert it once where you trust it: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW)"
        )
    if files := sorted(folder.glob("*.gguf")):
        return f"has no *.safetensors but a GGUF file, which model=gguf model.path={files[0]} unpacks"
    return "has no *.safetensors; give the folder that save_pretrained wrote"


def _a_file(file: Path) -> str:
    with file.open("rb") as content:
        if content.read(4) == b"GGUF":
            return f"{file} is a GGUF file; set model=gguf model.path={file}, which unpacks it"
    return f"{file} is a file; give its folder: model.path={file.parent}"


def _elsewhere(folder: Path) -> str:
    """Where the model may be instead: a level below or above."""
    below = sorted(path.parent for pattern in ("*/config.json", "snapshots/*/config.json") for path in folder.glob(pattern))
    if below:
        some = f" (one of {len(below)})" if len(below) > 1 else ""
        return f"its folder {below[0].relative_to(folder)} has one{some}: model.path={below[0]}"
    if files := sorted(folder.glob("*.gguf")):
        return f"it holds a GGUF file, which model=gguf model.path={files[0]} unpacks"
    if (folder.parent / "config.json").is_file():
        return f"the folder above has one: model.path={folder.parent}"
    if (folder / "params.json").is_file():
        return "it is in its maker's own format (params.json); give the model as transformers has it"
    return "give the folder that save_pretrained wrote"


def _beyond(folder: Path, config: Mapping[str, Any]) -> str:
    """Has the tokenizer more pieces than the model has embeddings? Added tokens that nothing writes (pads, images) may lie beyond them."""
    inner = config.get("text_config")
    size = config.get("vocab_size") or (inner.get("vocab_size") if isinstance(inner, dict) else None)
    tokenizer = read_json(folder / "tokenizer.json")
    model, added = tokenizer.get("model"), tokenizer.get("added_tokens")
    if not isinstance(size, int) or not isinstance(model, dict) or not isinstance(added, list):
        return ""
    pieces = model.get("vocab")
    numbers = pieces.values() if isinstance(pieces, dict) else range(len(pieces)) if isinstance(pieces, list) else ()
    ours = {token["id"]: str(token["content"]) for token in added}
    if (highest := max((number for number in numbers if number not in ours), default=0)) >= size:
        return f"its tokenizer gives ids up to {highest}, and its config.json has vocab_size={size}; the two do not belong together"
    settings = read_json(folder / "tokenizer_config.json")
    named = {_content(settings.get(name)) for name in ("bos_token", "eos_token")}
    templates = json.dumps(template_of(folder), ensure_ascii=False)
    used = [(number, token) for number, token in sorted(ours.items()) if number >= size and (token in named or token in templates)]
    if used:
        number, token = used[0]
        return (
            f"its tokenizer writes {token} as id {number}, and its config.json has vocab_size={size}; resize the embeddings "
            "(resize_token_embeddings) and save the model again"
        )
    return ""


def template_of(folder: Path) -> Any:
    """The chat template of a folder's tokenizer as transformers finds it: one, a set by name, or None."""
    sets = sorted((folder / "additional_chat_templates").glob("*.jinja"))
    file, old = folder / "chat_template.jinja", read_json(folder / "chat_template.json").get("chat_template")
    own = (
        file.read_text(encoding="utf-8", errors="replace")
        if file.is_file()
        else old or read_json(folder / "tokenizer_config.json").get("chat_template")
    )
    if isinstance(own, list):
        own = {str(one["name"]): str(one["template"]) for one in own if isinstance(one, dict) and {"name", "template"} <= one.keys()}
    if not sets:
        return own
    named = {one.stem: one.read_text(encoding="utf-8", errors="replace") for one in sets}
    return {**({"default": own} if isinstance(own, str) else own or {}), **named}


def settled_template(folder: Path, wanted: str = "") -> str:
    """The template that is used, its own or the one `wanted`; "" where there is none to use, which other sentences say."""
    try:
        return chosen(template_of(folder), wanted)
    except ValueError:
        return ""


def end_tokens(folder: Path) -> tuple[dict[str, str], list[str]]:
    """The tokenizer's tokens by name as its files say, and all that end an answer, those of the generation config too; none of the latter
    where a file leaves one open."""
    settings = read_json(folder / "tokenizer_config.json")
    named = {name: _content(token) for name, token in settings.items() if name.endswith("_token") and isinstance(token, (str, dict))}
    added = read_json(folder / "tokenizer.json").get("added_tokens")
    names = {one["id"]: str(one["content"]) for one in added} if isinstance(added, list) else {}
    asked = read_json(folder / "generation_config.json").get("eos_token_id")
    numbers = asked if isinstance(asked, list) else [] if asked is None else [asked]
    ends = [named.get("eos_token", ""), *(names.get(number, "") for number in numbers)]
    return named, list(dict.fromkeys(ends)) if all(ends) else []


def read_json(path: Path) -> dict[str, Any]:
    """An object in a file; {} where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _content(token: Any) -> str:
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")
