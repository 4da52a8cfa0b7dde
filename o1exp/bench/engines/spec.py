"""What a generating process is told, and what it writes."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.bench.sampling import Sampling

ROWS = "rows.jsonl"
"""All rows of a finished process, in `out`."""
MARKS_FROM = 16
"""Marks stand after this many tokens and every doubling of it."""


@dataclass(frozen=True, kw_only=True)
class GenerateSpec:
    """All that the process needs. Row i of the output is draw i % samples of prompt i // samples; `ids` seed the draws of each prompt."""

    model: str
    revision: str
    ids: tuple[str, ...]
    prompts: tuple[str, ...]
    sampling: Sampling
    device: str
    threads: int
    out: str
    """Where finished chunks, and at last all rows, are put; it outlives a kill."""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "GenerateSpec":
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lists: dict[str, Any] = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        return cls(**(fields | lists | {"sampling": Sampling(**fields["sampling"])}))


@dataclass(frozen=True, kw_only=True)
class Continuation:
    """One finished row. `tokens` counts what the model wrote, its end token included, the prompt not; the rest is as in Attempt."""

    row: int
    text: str
    tokens: int
    finish_reason: str
    thinking: int | None = None
    marks: tuple[int, ...] = ()


def parse_row(line: str) -> Continuation:
    values = json.loads(line)
    return Continuation(**{**values, "marks": tuple(values["marks"])})


def read_rows(folder: Path) -> list[Continuation]:
    """The rows of all JSONL files of a folder, in row order."""
    lines = (line for path in folder.glob("*.jsonl") for line in path.read_text(encoding="utf-8").split("\n") if line)
    return sorted(map(parse_row, lines), key=lambda found: found.row)
