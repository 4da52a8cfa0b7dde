"""The record beside every artefact: what it was made of, how, and what is in it. Written last."""

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from o1exp import __version__

NAME = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What one artefact is.

    `settings` and `inputs` (edge -> "Stage/key", a path below artefacts/) make the key; `how` are execution fields;
    `facts` are counts the stage noted; `digest` covers the files. `role`, `does`, `long_thoughts` and `judges` are what the stage's class
    says about itself, empty in manifests from before it did.
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

    @classmethod
    def load(cls, folder: Path) -> "Manifest | None":
        """The manifest of a finished artefact, or None where there is none."""
        try:
            return cls(**json.loads((folder / NAME).read_text()))
        except FileNotFoundError:
            return None

    def save(self, folder: Path) -> None:
        with (folder / NAME).open("w") as out:
            json.dump(asdict(self), out, indent=1, ensure_ascii=False)
            out.flush()
            os.fsync(out.fileno())


def file_digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below the folder, by relative path in order."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != NAME):
        with path.open("rb") as content:
            found[str(path.relative_to(folder))] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def digest_of(files: dict[str, str], volatile: tuple[str, ...]) -> str:
    stable = {name: digest for name, digest in files.items() if name not in volatile}
    return hashlib.sha256(json.dumps(stable).encode()).hexdigest()


@cache
def made_by() -> dict[str, str]:
    """Versions of the code that runs: o1exp, its commit, Python and the libraries that decide numbers."""
    versions = {"o1exp": __version__, "python": platform.python_version()}
    for library in ("torch", "transformers", "lightning", "deepspeed", "openai", "pyarrow", "math-verify"):
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    here = Path(__file__).resolve().parent
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        versions["commit"] = asked.stdout.strip()
    return versions
