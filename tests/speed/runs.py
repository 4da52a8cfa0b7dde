"""One training that was measured, and how its memory is read."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

WARM_UP = 3
"""Optimizer steps that do not count: buffers are being filled and optimizer states made."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """`rate`: non-padding tokens per CPU-second of a rank; `memory_mb`: highest memory of a rank above that with the model loaded."""

    rate: float
    memory_mb: float
    losses: list[float]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "Run":
        return cls(**json.loads(path.read_text()))


def rate(tokens: list[int], cpu_seconds: list[float]) -> float:
    """From running totals after each optimizer step."""
    return (tokens[-1] - tokens[WARM_UP - 1]) / (cpu_seconds[-1] - cpu_seconds[WARM_UP - 1])
