"""A model that already exists, in a folder or on the hub, as the start of training or the subject of an evaluation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from o1exp.flow import Checkpoint, Expect, Role, Stage, Work
from o1exp.flow.architecture import of_folder
from o1exp.flow.content import sha256, sha256_of, together
from o1exp.flow.hub import look_for_hub
from o1exp.flow.revision import is_moving, moving
from o1exp.train.bases.folder import obstacles, settled_template
from o1exp.train.bases.numbers import ModelNumbers, described

COUNTED = (
    "*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "adapter_config.json", "tokenizer*", "*.model",
    "*.tiktoken", "vocab.*", "merges.txt", "special_tokens_map.json", "added_tokens.json", "chat_template*",
    "additional_chat_templates/*",
)  # fmt: skip
"""What decides a model's answers: weights, config, tokenizer, template. Not what a README or an optimizer's state holds."""

STORED = 2
"""Bytes of a weight as the hub has it, in bf16."""


@dataclass(frozen=True, kw_only=True)
class Pretrained(Stage[Checkpoint], ModelNumbers):
    """Point at a local folder or a hub id; the weights stay where they are.

    The key of a folder holds its content, not its path: a moved folder is the same model, one with other weights is not. The key of a hub
    id holds its revision; a run resolves a branch or tag to the commit of the day and keeps that.
    Errors: ValueError where a folder is no model folder, or the hub cannot be asked.
    """

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "base"
    does: ClassVar[str] = "a pretrained model"
    volatile: ClassVar[tuple[str, ...]] = ("pointer.json",)
    """Where a folder lies is no part of what it holds."""

    path: str
    """A model folder, or a hub id such as Qwen/Qwen2.5-0.5B-Instruct."""
    revision: str = ""
    """A commit of the hub id; a branch or tag, or "" for main, may move."""

    @property
    def folder(self) -> Path | None:
        """None for a hub id, which is `owner/name`, or of old models `name`; what exists, or can be no hub id, is meant as a folder."""
        place = Path(self.path).expanduser()
        is_folder = place.exists() or self.path.startswith(("/", ".", "~")) or self.path.count("/") > 1
        return place.resolve() if is_folder else None

    @cached_property
    def files(self) -> dict[str, str]:
        """sha256 of each file of the folder that counts. Read once: large files are remembered."""
        assert self.folder is not None
        return sha256_of(_counted(self.folder))

    def what(self) -> dict[str, Any]:
        return super().what() if self.folder is None else {"sha256": together(self.files)}

    def how(self) -> dict[str, Any]:
        return super().how() if self.folder is None else {**super().how(), "path": self.path}

    def open(self, folder: Path) -> Checkpoint:
        """A folder as it lies now, which may not be where it lay when the artefact was made."""
        return super().open(folder) if self.folder is None else Checkpoint(str(self.folder))

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        folder = self.folder
        model = self.architecture if folder is None else of_folder(folder) or self.architecture
        parameters = self.parameters if model is None else model.parameters
        return Expect(
            parameters=parameters, model=model, details=(described(self.path, model, parameters),),
            template="" if folder is None else settled_template(folder),
            remark=moving(self.revision) if folder is None else "", download_gb=STORED * parameters / 1e9 if folder is None else 0.0,
        )  # fmt: skip

    def make(self, work: Work) -> None:
        if obstacles := list(self.preflight()):
            raise ValueError(obstacles[0])
        if self.folder is None:
            source, (revision, files) = self.path, self._hub_files()
            work.note(commit=revision)
            if is_moving(self.revision):
                branch = self.revision or "main"
                work.console.line(f"[yellow]moving[/] {self.path}: {branch} is commit {revision} now, which this run keeps")
        else:
            source, revision, files = str(self.folder), "", sha256_of(_counted(self.folder))
            if files != self.files:
                raise ValueError(f"{self.folder} has changed since this run read it; let nobody write there and run again")
        if weights := self.expect({}).parameters:
            work.note(parameters=int(weights))
        (work.folder / "pointer.json").write_text(json.dumps({"source": source, "revision": revision}, indent=1), encoding="utf-8")
        (work.folder / "files.json").write_text(json.dumps(files, indent=1), encoding="utf-8")

    def preflight(self) -> Iterator[str]:
        """A folder that is no model that trains (`bases/folder.py`); a name that is neither a folder nor a hub id."""
        folder = self.folder
        if folder is None:
            if "/" not in self.path and not _is_cached(self.path, self.revision):
                yield (
                    f"there is no folder {self.path!r} here, and a hub id has the form OWNER/NAME (gpt2 is openai-community/gpt2); "
                    "give one of both in model.path"
                )
            return
        yield from obstacles(folder, _counted(folder))

    def _hub_files(self) -> tuple[str, dict[str, str]]:
        """The commit that the revision names now, and what tells it from another: the artefact pins what "main" was."""
        from huggingface_hub import hf_hub_download

        away = look_for_hub(self.path)
        try:
            config = Path(hf_hub_download(self.path, "config.json", revision=self.revision or None))
        except Exception as problem:
            reason = away or (str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__)
            raise ValueError(
                f"cannot read config.json of {self.path} from the hub ({reason}); check the name and the network, or give a local folder"
            ) from None
        commit = config.parent.name
        return commit, {"commit": commit, "config.json": sha256(config)}


def _is_cached(name: str, revision: str) -> bool:
    """Some old models have hub ids without an owner: known where one lies in the local cache."""
    from huggingface_hub import try_to_load_from_cache

    try:
        return isinstance(try_to_load_from_cache(name, "config.json", revision=revision or None), str)
    except ValueError:  # no name that a model can have
        return False


def _counted(folder: Path) -> dict[str, Path]:
    found = {path for pattern in COUNTED for path in folder.glob(pattern) if path.is_file()}
    return {str(path.relative_to(folder)): path for path in sorted(found)}
