"""A model on disk as transformers loads it, or the hub id it is loaded by."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checkpoint:
    """`source` is a local folder or a hub id for `from_pretrained`; `revision` pins a hub id ("" for a folder)."""

    source: str
    revision: str = ""

    @classmethod
    def read(cls, folder: Path) -> "Checkpoint":
        """A folder with weights is the model itself; a folder with `pointer.json` names one kept elsewhere."""
        pointer = folder / "pointer.json"
        if pointer.exists():
            return cls(**json.loads(pointer.read_text()))
        return cls(str(folder / "model"))
