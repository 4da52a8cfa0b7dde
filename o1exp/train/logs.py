"""What a training writes down step by step, and how it is read back: curve, timing, held-out loss, answers."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

R = TypeVar("R", bound="CurveRow | TimingRow | ValidationRow | SamplesRow")


@dataclass(frozen=True, kw_only=True)
class CurveRow:
    """An optimizer step: tokens seen so far, mean loss, the share of right units (pairs: with a positive margin), lr, gradient norm."""

    step: int
    tokens: int
    loss: float
    accuracy: float | None = None
    lr: float
    grad_norm: float


@dataclass(frozen=True, kw_only=True)
class TimingRow:
    """What the training had cost by this step: seconds and CPU seconds since its start, and the most memory that one rank held."""

    step: int
    seconds: float
    cpu_seconds: float
    memory_mb: float


@dataclass(frozen=True, kw_only=True)
class ValidationRow:
    """Loss and share of right units over the held-out problems; step 0 is before training."""

    step: int
    tokens: int
    loss: float
    accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class GreedyAnswer:
    """What the model wrote to a held-out problem: `row` of the data, and the `role` of its document there (plain, or chosen of a pair)."""

    row: int
    role: str = "plain"
    text: str


@dataclass(frozen=True, kw_only=True)
class SamplesRow:
    """Answers to some held-out problems at a step."""

    step: int
    tokens: int
    samples: tuple[GreedyAnswer, ...]


@dataclass(frozen=True)
class LogFile(Generic[R]):
    """One kind of log: its file in the artefact, and what a row of it is."""

    name: str
    row: type[R]

    def read(self, folder: Path) -> list[R]:
        """All rows; none where there is no such file. Errors: ValueError naming a line that is no row."""
        path = folder / self.name
        if not path.is_file():
            return []
        found = []
        for number, line in enumerate(_lines(path), 1):
            try:
                found.append(self.parsed(line))
            except (ValueError, KeyError, TypeError) as wrong:
                problem = f"{path}, line {number} is no row of a training's log ({wrong!r}); delete the artefact and run again"
                raise ValueError(problem) from wrong
        return found

    def parsed(self, line: str) -> R:
        values: Mapping[str, Any] = json.loads(line)
        known = {field.name: values[field.name] for field in dataclasses.fields(self.row) if field.name in values}
        if "samples" in known:
            known["samples"] = tuple(GreedyAnswer(**answer) for answer in known["samples"])
        return self.row(**known)


CURVE = LogFile("curve.jsonl", CurveRow)
TIMING = LogFile("timing.jsonl", TimingRow)
VALIDATION = LogFile("validation.jsonl", ValidationRow)
SAMPLES = LogFile("samples.jsonl", SamplesRow)
LOGS: tuple[LogFile[Any], ...] = (CURVE, VALIDATION, SAMPLES, TIMING)


@dataclass(frozen=True)
class TrainingLogs:
    """The logs in a finished training's folder."""

    folder: Path

    @cached_property
    def curve(self) -> list[CurveRow]:
        return CURVE.read(self.folder)

    @cached_property
    def timing(self) -> list[TimingRow]:
        return TIMING.read(self.folder)

    @cached_property
    def validation(self) -> list[ValidationRow]:
        return VALIDATION.read(self.folder)

    @cached_property
    def samples(self) -> list[SamplesRow]:
        return SAMPLES.read(self.folder)


class Log(Generic[R]):
    """A log that is being written. After a kill, rows past the checkpoint (whole or torn) are written anew."""

    def __init__(self, file: LogFile[R], scratch: Path, last_step: int) -> None:
        path = scratch / file.name
        self.rows = list(_rows_up_to(file, path, last_step)) if last_step and path.exists() else []
        partial = path.with_suffix(".part")
        partial.write_text("".join(_line(row) for row in self.rows), encoding="utf-8")
        partial.rename(path)
        self.path = path
        self.file = path.open("a", encoding="utf-8")

    def add(self, row: R) -> None:
        self.rows.append(row)
        self.file.write(_line(row))
        self.file.flush()

    def keep(self, folder: Path) -> None:
        """Leave the log in the artefact, if it has rows."""
        if self.rows:
            (folder / self.path.name).write_text(self.path.read_text(encoding="utf-8"), encoding="utf-8")


class OpenLogs:
    """The four logs of a training that runs, in its scratch folder."""

    def __init__(self, scratch: Path, last_step: int) -> None:
        self.curve = Log(CURVE, scratch, last_step)
        self.validation = Log(VALIDATION, scratch, last_step)
        self.samples = Log(SAMPLES, scratch, last_step)
        self.timing = Log(TIMING, scratch, last_step)

    def keep(self, folder: Path) -> None:
        for log in (self.curve, self.validation, self.samples, self.timing):
            log.keep(folder)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line]  # a text may hold other signs that end a line


def _line(row: Any) -> str:
    values = {name: value for name, value in dataclasses.asdict(row).items() if value is not None}
    return json.dumps(values, ensure_ascii=False) + "\n"


def _rows_up_to(file: LogFile[R], path: Path, last_step: int) -> Iterator[R]:
    for line in _lines(path):
        try:
            row = file.parsed(line)
        except (json.JSONDecodeError, TypeError):
            return  # torn by the kill, so past the checkpoint
        if row.step > last_step:
            return
        yield row
