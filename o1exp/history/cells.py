"""How each cell of a sweep ended, `cells/<number>/cell.json` in the sweep's folder, and the sweep's record made from them."""

import json
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from o1exp.history.runs import RunRecord, read, replace_text

OUTCOME = "cell.json"
State = Literal["RUNNING", "FINISHED", "FAILED", "KILLED", "PRUNED"]
"""KILLED: its process is gone and has said nothing. PRUNED: a search ended it early."""


@dataclass(frozen=True, kw_only=True)
class CellOutcome:
    """A cell that was begun: its overrides, its exit code with what went wrong (0: nothing), and its run's name below runs/ ("": none).

    `metrics` are what a search measures it by, name and value; `parent` is the run in MLflow that the cell was logged below.
    """

    overrides: tuple[str, ...]
    code: int = 0
    error: str = ""
    run: str = ""
    state: State = "FINISHED"
    number: int = 0
    parent: str = ""
    metrics: tuple[tuple[str, float], ...] = ()

    @property
    def reason(self) -> str:
        """The first line of what went wrong; of a traceback the last."""
        lines = self.error.strip().splitlines() or [""]
        return lines[-1] if lines[0].startswith("Traceback") else lines[0]

    def write(self, folder: Path) -> None:
        replace_text(folder / OUTCOME, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time is in a cell; it is free again when that process is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        yield


def outcomes(sweep: Path, numbers: Container[int] | None = None) -> list[CellOutcome]:
    """The cells of a sweep's folder (those of these numbers) that were begun, by number. Errors: ValueError naming a file that is none."""
    places = sorted((sweep / "cells").glob(f"*/{OUTCOME}"), key=lambda path: int(path.parent.name))
    return [found for place in places if numbers is None or int(place.parent.name) in numbers if (found := outcome(place.parent))]


def sweeps_with(run: Path) -> list[Path]:
    """The folders of the sweeps of which a run's folder is a cell."""
    places = sorted(run.parent.glob(f"*/cells/*/{OUTCOME}"))
    named = (place for place in places if run.name in place.read_text(encoding="utf-8"))  # most cells are others': not taken apart
    return list(dict.fromkeys(place.parents[2] for place in named if (cell := outcome(place.parent)) and cell.run == run.name))


def outcome(folder: Path) -> CellOutcome | None:
    """How the cell in this folder stands; None where it was never begun. Errors: ValueError naming a file that does not say."""
    place = folder / OUTCOME
    if not place.is_file():
        return None
    try:
        stored = json.loads(place.read_text(encoding="utf-8"))
        state: State = stored.get("state") or ("FAILED" if stored["code"] else "FINISHED")
        found = CellOutcome(
            overrides=tuple(stored["overrides"]), code=stored["code"], error=stored["error"], run=stored["run"], state=state,
            number=int(folder.name), parent=stored.get("parent", ""),
            metrics=tuple((str(name), float(value)) for name, value in stored.get("metrics", ())),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise ValueError(f"{place} does not say how its cell ended ({wrong!r}); delete it, or run the sweep again") from wrong
    if found.state == "RUNNING" and _nobody_in(folder):
        return replace(found, state="KILLED", code=1, error="its process was killed, or this machine went down")
    return found


UNSET = "default"
"""Said for the value of a setting in a cell that leaves it as it is, where another cell sets it."""


def compared(folder: Path, ended: list[CellOutcome], title: str, command: str, alone: bool = True) -> RunRecord:
    """The sweep's record: one arm for each cell with a result, named by the overrides in which the cells differ.

    A trial of a search is over, whatever came of it: unless a cell can be run `alone` no command is said that does it again.
    """
    shared, settings = _shared(ended), _settings(ended)
    arms, failed = dict[str, str](), dict[str, str]()
    for cell in ended:
        label = _label(cell, shared, settings)
        if cell.run:
            arms[label] = next(iter(read(folder.parent / cell.run).arms.values()))
        elif cell.state != "FINISHED":
            failed[label] = f"{cell.state}: {cell.reason}" + (f"; again: {again(command, cell.number)}" if alone else "")
    root, overrides = folder.resolve().parents[1], tuple(sorted(shared))
    return RunRecord(folder=folder, root=root, title=title, arms=arms, failed=failed, overrides=overrides, command=command)


def again(command: str, number: int) -> str:
    """The command that runs one cell of a sweep once more."""
    return f"{command} 'hydra.sweeper.only=[{number}]'"


def labels(ended: list[CellOutcome]) -> dict[int, str]:
    """The name of each cell by its number."""
    shared, settings = _shared(ended), _settings(ended)
    return {cell.number: _label(cell, shared, settings) for cell in ended}


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / ".lock", thread_local=False)


def _nobody_in(folder: Path) -> bool:
    try:
        with _lock(folder).acquire(timeout=0):
            return True
    except Timeout:
        return False


def _shared(ended: list[CellOutcome]) -> set[str]:
    return set.intersection(*(set(cell.overrides) for cell in ended)) if ended else set()


def _settings(ended: list[CellOutcome]) -> list[str]:
    """The settings that not every cell sets, in the order of the first cell that does."""
    each = [[override.partition("=")[0] for override in cell.overrides] for cell in ended]
    return [name for name in dict.fromkeys(name for names in each for name in names) if not all(name in names for names in each)]


def _label(cell: CellOutcome, shared: set[str], settings: list[str]) -> str:
    """What the cell has otherwise than the others, so that cells which differ in one setting alone differ in one word."""
    own = [override for override in cell.overrides if override not in shared]
    known = {override.partition("=")[0] for override in own}
    return " ".join([*own, *(f"{name}={UNSET}" for name in settings if name not in known)]) or "run"
