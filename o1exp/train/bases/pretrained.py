"""A model that already exists, in a folder or on the hub, as the start of training or the subject of an evaluation."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from o1exp.flow import AtLeast, Checkpoint, Expect, Role, Stage, Work, how


@dataclass(frozen=True, kw_only=True)
class Pretrained(Stage[Checkpoint]):
    """Point at a local folder or a hub id; the weights stay where they are.

    Errors: ValueError where a folder is no model folder, or the hub cannot be asked.
    """

    role: ClassVar[Role] = "base"
    does: ClassVar[str] = "a pretrained model"

    path: str
    """A model folder, or a hub id such as Qwen/Qwen2.5-0.5B-Instruct."""
    revision: str = ""
    """A commit of the hub id; a branch or tag, or "" for main, may move."""
    parameters: Annotated[float, AtLeast(0)] = how(0.0)
    """Weights of the model, for the plan (72.7e9 for the paper's); 0: unknown."""

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(parameters=self.parameters)

    def make(self, work: Work) -> None:
        if obstacles := list(self.preflight()):
            raise ValueError(obstacles[0])
        if self.is_folder:
            source, revision, files = str(Path(self.path).expanduser().resolve()), "", self._local_files()
        else:
            source, (revision, files) = self.path, self._hub_files()
        (work.folder / "pointer.json").write_text(json.dumps({"source": source, "revision": revision}, indent=1))
        (work.folder / "files.json").write_text(json.dumps(files, indent=1))

    @property
    def is_folder(self) -> bool:
        """A hub id is `name` or `owner/name`; what exists, or can be no hub id, is meant as a folder."""
        path = self.path
        return Path(path).expanduser().exists() or path.startswith(("/", ".", "~")) or path.count("/") > 1

    def preflight(self) -> Iterator[str]:
        """A folder that is no model folder."""
        folder = Path(self.path).expanduser()
        if not self.is_folder:
            return
        if not folder.is_dir():
            yield f"there is no model folder {folder}; give an existing folder or a hub id such as Qwen/Qwen2.5-0.5B-Instruct"
        elif not (folder / "config.json").is_file():
            yield f"{folder} has no config.json; give the folder that save_pretrained wrote"
        elif not _weights(folder):
            yield f"{folder} has no *.safetensors; give the folder that save_pretrained wrote (*.bin files are pickles and never read)"

    def _local_files(self) -> dict[str, str]:
        """What the folder holds: sha256 of small files, a fingerprint of weights (hashing 145 GB would take too long)."""
        folder = Path(self.path).expanduser()
        small = sorted(path for path in folder.glob("*.json") if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in small} | {
            p.name: _fingerprint(p) for p in _weights(folder)
        }

    def _hub_files(self) -> tuple[str, dict[str, str]]:
        """The commit that the revision names now, and its config's sha256: the artefact pins what "main" was."""
        from huggingface_hub import hf_hub_download

        try:
            config = Path(hf_hub_download(self.path, "config.json", revision=self.revision or None))
        except Exception as problem:
            reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
            raise ValueError(
                f"cannot read config.json of {self.path} from the hub ({reason}); check the name and the network, or give a local folder"
            ) from None
        return config.parent.name, {"config.json": hashlib.sha256(config.read_bytes()).hexdigest()}


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _fingerprint(path: Path) -> str:
    """Size and sha256 of the first and last MiB: cheap, and any training changes it."""
    size, edge = path.stat().st_size, 2**20
    with path.open("rb") as content:
        digest = hashlib.sha256(content.read(edge))
        content.seek(max(0, size - edge))
        digest.update(content.read(edge))
    return f"{size} bytes, edges {digest.hexdigest()}"
