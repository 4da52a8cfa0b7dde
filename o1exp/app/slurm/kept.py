"""What is known of submitted jobs, in files of the outputs folder: any process on any node goes on from them."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

FOLDER = "slurm"


@dataclass(frozen=True)
class KeptJob:
    """A submitted job: its `name`, Slurm's `number` ("" while it is being submitted), the `keys` of its stages, its `log`, and the numbers
    of the jobs that it runs `after`."""

    name: str
    number: str
    kind: str
    keys: tuple[str, ...]
    hours: float
    log: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ending:
    """How a job says that it ended: its `number`, its exit `code` and what it `said`."""

    number: str
    code: int
    said: str


def place(root: Path) -> Path:
    return root / FOLDER


@contextmanager
def submitting(root: Path) -> Iterator[None]:
    """One process at a time submits to this outputs folder."""
    place(root).mkdir(parents=True, exist_ok=True)
    with FileLock(place(root) / "submitting.lock"):
        yield


def keep(root: Path, job: KeptJob) -> None:
    _write(place(root) / f"{job.name}.json", job)


def forget(root: Path, job: KeptJob) -> None:
    """It was not submitted after all."""
    (place(root) / f"{job.name}.json").unlink(missing_ok=True)


def kept(root: Path) -> list[KeptJob]:
    """All jobs that were ever submitted from this folder, the last of each name."""
    found = (_read(path) for path in sorted(place(root).glob("*.json")) if not path.name.endswith(".ended.json"))
    return [KeptJob(**{**row, "keys": tuple(row["keys"]), "after": tuple(row["after"])}) for row in found if row]


def end(base: Path, ending: Ending) -> None:
    """Leave word of how a job ended; `base` is its place without an ending."""
    _write(base.with_name(f"{base.name}.ended.json"), ending)


def ending(root: Path, job: KeptJob) -> Ending | None:
    row = _read(place(root) / f"{job.name}.ended.json")
    return Ending(**row) if row and row["number"] == job.number else None


def _write(path: Path, value: Any) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(dataclasses.asdict(value), indent=1), encoding="utf-8")
    partial.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found
