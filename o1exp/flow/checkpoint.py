"""A model on disk as transformers loads it, or the hub id it is loaded by."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

MODEL, POINTER, CONFIG = "model", "pointer.json", "model/config.json"


@dataclass(frozen=True)
class Checkpoint:
    """`source` is a local folder or a hub id for `from_pretrained`; `revision` pins a hub id ("" for a folder)."""

    source: str
    revision: str = ""

    @classmethod
    def read(cls, folder: Path) -> "Checkpoint":
        """A folder with weights is the model itself; a folder with `pointer.json` names one kept elsewhere."""
        pointer = folder / POINTER
        if pointer.exists():
            return cls(**json.loads(pointer.read_text(encoding="utf-8")))
        return cls(str(folder / MODEL))

    @staticmethod
    def is_among(files: Collection[str]) -> bool:
        """Do an artefact's files make it a model?"""
        return CONFIG in files or POINTER in files
