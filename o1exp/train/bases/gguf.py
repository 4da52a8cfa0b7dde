"""A GGUF file as a plain Hugging Face folder, converted once, by `python -m o1exp.train.bases.gguf FILE FOLDER` in a process of its own."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from o1exp.chat.servers.llama import SMOLLM2, find_gguf
from o1exp.flow import Checkpoint, Expect, Role, Stage, Work, how
from o1exp.flow.content import differs, pinned, sha256
from o1exp.flow.process import child_environment, die_with_parent, report
from o1exp.records.instead import pointer
from o1exp.train.bases.numbers import ModelNumbers, described


@dataclass(frozen=True, kw_only=True)
class Gguf(Stage[Checkpoint], ModelNumbers):
    """Unpack a quantised GGUF model into fp32 weights that train and generate like any other.

    The key holds the content's `sha256`, not the path. Errors: ValueError where the file is absent or another one than pinned.
    """

    role: ClassVar[Role] = "base"
    does: ClassVar[str] = "a pretrained model, unpacked from GGUF"

    package: str = SMOLLM2
    """The installed Python package that ships the file, where no `path` is given."""
    pattern: str = "*.gguf"
    """Which file of the package it is."""
    path: str = how("")
    """A GGUF file of your own."""
    sha256: str = ""
    """Of the file's content; "": taken from the file at `path`, and not checked for a package."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", pinned(self.path, self.sha256))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if not self.path and not self.package:
            yield "path", "is not given; give a GGUF file: model.path=FILE"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        model = self.architecture
        parameters = self.parameters if model is None else model.parameters
        return Expect(
            parameters=parameters, model=model, details=(described(self.path or self.package, model, parameters),),
            disk_gb=4 * parameters / 1e9,
        )  # fmt: skip

    def preflight(self) -> Iterator[str]:
        yield from differs(self.path, self.sha256)
        try:
            file = find_gguf(self.package, self.pattern, self.path)
            with file.open("rb") as content:
                if content.read(4) != b"GGUF":
                    lfs = "a Git LFS pointer, " if pointer(file) else ""
                    yield f"{file} is {lfs}no GGUF file; download it again, or give another one in model.path"
        except ValueError as missing:
            yield str(missing)
        for needed in ("gguf", "accelerate"):
            if find_spec(needed) is None:
                yield f"the package {needed} is not installed, but reading GGUF needs it: pip install {needed}"

    def make(self, work: Work) -> None:
        file = find_gguf(self.package, self.pattern, self.path)
        digest = sha256(file)
        if self.sha256 and digest != self.sha256:
            raise ValueError(f"sha256={self.sha256}: {file} has {digest}; give the file that was pinned, or the new digest")
        said: dict[str, Any] = {}
        with work.progress("converting"):
            command = [sys.executable, "-m", "o1exp.train.bases.gguf", str(file), str(work.folder / "model")]
            work.run(command, said.update, child_environment(1))
        work.note(file=file.name, sha256=digest, **said)


def convert(file: Path, folder: Path) -> dict[str, Any]:
    """Write model and tokenizer; what is worth noting. Many GGUF files pad with the end token: then a token of its own takes over."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    config = getattr(transformers, "GgufConfig", None)  # older versions have no choice: they always unpack the weights
    unpacked = {"quantization_config": config(dequantize=True)} if config else {}
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32, **unpacked)
    for name in ("eos_token", "pad_token"):  # older versions of transformers take the first token for the last one, and no padding
        number = getattr(model.config, f"{name}_id", None)
        if number is not None and number != getattr(tokenizer, f"{name}_id"):
            setattr(tokenizer, name, tokenizer.convert_ids_to_tokens(number))
    padded_with = tokenizer.pad_token
    if tokenizer.pad_token in (None, tokenizer.eos_token) and tokenizer.unk_token not in (None, tokenizer.eos_token):
        # Training tools that mask padding in the labels would mask the end token with it.
        tokenizer.pad_token = tokenizer.unk_token
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"parameters": model.num_parameters(), "pad_token": tokenizer.pad_token, "pad_token_in_file": padded_with}


if __name__ == "__main__":
    die_with_parent()
    report(convert(Path(sys.argv[1]), Path(sys.argv[2])))
