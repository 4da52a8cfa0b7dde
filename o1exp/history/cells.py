"""How each cell of a sweep ended, `cells/<number>/cell.json` in the sweep's folder, and the sweep's record made from them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from o1exp.history.runs import RunRecord, read, replace_text

OUTCOME = "cell.json"


@dataclass(frozen=True, kw_only=True)
class CellOutcome:
    """A finished cell: its overrides, its exit code with what went wrong (code 0: nothing), and its run's name below runs/ ("": none)."""

    overrides: tuple[str, ...]
    code: int = 0
    error: str = ""
    run: str = ""

    def write(self, folder: Path) -> None:
        replace_text(folder / OUTCOME, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def outcomes(sweep: Path) -> list[CellOutcome]:
    """The cells of a sweep's folder that ended, by number. Errors: ValueError naming a file that is none."""
    places = sorted((sweep / "cells").glob(f"*/{OUTCOME}"), key=lambda path: int(path.parent.name))
    return [_outcome(place) for place in places]


def _outcome(place: Path) -> CellOutcome:
    try:
        stored = json.loads(place.read_text(encoding="utf-8"))
        return CellOutcome(overrides=tuple(stored["overrides"]), code=stored["code"], error=stored["error"], run=stored["run"])
    except (ValueError, KeyError, TypeError) as wrong:
        raise ValueError(f"{place} does not say how its cell ended ({wrong!r}); delete it, or run the sweep again") from wrong


def compared(folder: Path, ended: list[CellOutcome], title: str, command: str) -> RunRecord:
    """The sweep's record: one arm for each cell with a result, named by the overrides in which the cells differ."""
    shared = _shared(ended)
    arms, failed = dict[str, str](), dict[str, str]()
    for cell in ended:
        label = _label(cell, shared)
        if cell.run:
            arms[label] = next(iter(read(folder.parent / cell.run).arms.values()))
        else:
            failed[label] = cell.error.splitlines()[0] if cell.error else ""
    root, overrides = folder.resolve().parents[1], tuple(sorted(shared))
    return RunRecord(folder=folder, root=root, title=title, arms=arms, failed=failed, overrides=overrides, command=command)


def labels(ended: list[CellOutcome]) -> dict[str, str]:
    """The name of each cell by that of its run."""
    shared = _shared(ended)
    return {cell.run: _label(cell, shared) for cell in ended if cell.run}


def _shared(ended: list[CellOutcome]) -> set[str]:
    return set.intersection(*(set(cell.overrides) for cell in ended)) if ended else set()


def _label(cell: CellOutcome, shared: set[str]) -> str:
    return " ".join(o for o in cell.overrides if o not in shared) or "run"
