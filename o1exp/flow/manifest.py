"""The record beside every artefact: what it was made of, how, and what is in it. Written last."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from o1exp.flow.check import fit, typed_fields
from o1exp.flow.errors import Damaged

ARTEFACTS, NAME = "artefacts", "manifest.json"
"""The folder of all artefacts in an outputs folder, and the manifest in each."""
ABSENT = "absent.txt"
"""Beside the manifest of an artefact that came from another store: the files that are still there alone."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What one artefact is.

    `settings` and `inputs` (edge -> "Stage/key", a path below artefacts/) make the key; `how` are execution fields;
    `facts` are counts the stage noted; `digest` covers the files, whose sha256 and bytes are `files` and `sizes`. `role`, `does`,
    `long_thoughts` and `judges` are what the stage's class says about itself, empty in manifests from before it did. `source` is the digest
    of the code that made it, `made_from` that of each input's files. `added` are settings that came later and stay out of the key, since
    they are as they were before.
    """

    stage: str
    version: int
    key: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    how: dict[str, Any]
    facts: dict[str, Any]
    files: dict[str, str]
    digest: str
    started: str
    seconds: float
    cpu_seconds: float
    made_by: dict[str, str] = field(default_factory=dict)
    role: str = ""
    does: str = ""
    long_thoughts: bool = False
    judges: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    source: str = ""
    made_from: dict[str, str] = field(default_factory=dict)
    added: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Manifest | None":
        """The manifest of a finished artefact, or None where there is none. Errors: Damaged where it cannot be read."""
        content = cls._content(folder)
        try:
            return None if content is None else cls.parsed(content, str(folder / NAME))
        except ValueError as wrong:
            raise Damaged(str(wrong), _remedy(folder)) from None

    @classmethod
    def inputs_in(cls, folder: Path) -> dict[str, str]:
        """What a finished artefact stands on, by edge; nothing where there is none. Errors: as `load`, and nothing else is looked at."""
        try:
            return {str(edge): str(path) for edge, path in json.loads(cls._content(folder) or b"{}").get("inputs", {}).items()}
        except (ValueError, AttributeError) as wrong:
            raise Damaged(f"{folder / NAME}: this is no manifest ({wrong})", _remedy(folder)) from None

    @classmethod
    def _content(cls, folder: Path) -> bytes | None:
        try:
            return (folder / NAME).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if is_in_the_way(folder):
                raise Damaged(f"{folder}: this is no folder", _remedy(folder)) from None
            return None
        except (IsADirectoryError, PermissionError) as wrong:
            raise Damaged(f"{folder / NAME}: cannot be read ({wrong.strerror})", _remedy(folder)) from None

    @classmethod
    def parsed(cls, text: bytes, place: str) -> "Manifest":
        """The manifest that a text is. Errors: ValueError, naming the place that it came from."""
        try:
            content = json.loads(text)
            found = cls(**{field.name: fit(hint, content[field.name]) for field, hint in typed_fields(cls) if field.name in content})
            fit(int, found.facts.get("rows", 0))  # the one fact that every room counts with
            if outside := [name for name in found.files if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]:
                raise ValueError(f"{outside[0]!r} is no file inside it")  # one of a stranger's store must not be written anywhere
            return found
        except (ValueError, TypeError) as wrong:  # no JSON, no object, a field that is absent or something else
            raise ValueError(f"{place}: this is no manifest ({wrong})") from None

    def check(self, folder: Path) -> None:
        """Look at names and sizes of the files only. Errors: Damaged for the first that is absent or has another size."""
        behind = absent(folder)
        for name in self.files:
            if name in behind:
                continue
            try:
                size = (folder / name).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                raise Damaged(f"{folder / name}: the file is gone", _remedy(folder)) from None
            if size != (made := self.sizes.get(name, size)):
                raise Damaged(f"{folder / name}: has {size:,} bytes and was made with {made:,}", _remedy(folder))

    def changed(self, folder: Path) -> Iterator[str]:
        """A sentence for each file whose content is not what was made. Reads all of them."""
        behind = absent(folder)
        for name, digest in self.files.items():
            if name in behind:
                continue
            try:
                found = sha256(folder / name)
            except (FileNotFoundError, NotADirectoryError):
                yield f"{folder / name}: the file is gone; {_remedy(folder)}"
                continue
            except OSError as wrong:
                yield f"{folder / name}: cannot be read ({wrong.strerror}); {_remedy(folder)}"
                continue
            if found != digest:
                yield f"{folder / name}: its content is not what was made; {_remedy(folder)}"

    def over(self, edge: str) -> dict[str, str]:
        """The inputs of an edge over several stages: name -> "Stage/key"."""
        start = f"{edge}."
        return {name.removeprefix(start): path for name, path in self.inputs.items() if name.startswith(start)}

    def save(self, folder: Path) -> None:
        with (folder / NAME).open("w", encoding="utf-8") as out:
            json.dump(asdict(self), out, indent=1, ensure_ascii=False)
            out.flush()
            os.fsync(out.fileno())


def absent(folder: Path) -> list[str]:
    """The files of an artefact that are in another store alone."""
    try:
        return (folder / ABSENT).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_in_the_way(folder: Path) -> bool:
    """Does something stand there that is no folder: a file, or a link to nothing?"""
    return os.path.lexists(folder) and not folder.is_dir()


def _remedy(folder: Path) -> str:
    return f"remove {folder}, and the next run that needs it makes it anew"


def file_digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below the folder, by relative path in order."""
    return {str(path.relative_to(folder)): sha256(path) for path in _files(folder)}


def file_sizes(folder: Path) -> dict[str, int]:
    """Bytes of every file below the folder, by relative path in order."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in _files(folder)}


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != NAME)


def sha256(path: Path) -> str:
    """Of a file's content, in hex digits."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def digest_of(files: dict[str, str], volatile: tuple[str, ...]) -> str:
    stable = {name: digest for name, digest in files.items() if name not in volatile}
    return hashlib.sha256(json.dumps(stable).encode()).hexdigest()
