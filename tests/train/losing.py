"""A worker whose export loses a weight, and otherwise is the true one."""

import sys
from pathlib import Path
from typing import Any

from o1exp.train.worker import export, lora
from o1exp.train.worker.rank import main

LOST = "model.layers.1.mlp.up_proj.weight"


def losing(model: Any, weights: dict[str, Any]) -> dict[str, Any]:
    return {name: weight for name, weight in lora.merged(model, weights).items() if name != LOST}


if __name__ == "__main__":
    export.merged = losing  # type: ignore[attr-defined]
    main(Path(sys.argv[1]))
