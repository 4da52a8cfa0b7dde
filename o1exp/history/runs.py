"""Finished runs and sweeps on disk: `runs/<name>/run.json`."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from o1exp.history.lineage import Lineage

NAME = "run.json"
CONFIG = "config.yaml"


@dataclass(frozen=True)
class Run:
    """One run or sweep: `arms` are name -> "Result/<key>" below `root`, `report` is "Report/<key>" or empty.

    `cards` are the paths of what describes it ("audit", "data", "model"), as far as it was made; `command` makes the run again.
    """

    name: str
    title: str
    root: Path
    arms: dict[str, str]
    report: str
    baseline: str
    cards: dict[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def folder(self) -> Path:
        return self.root / "runs" / self.name

    @property
    def settings(self) -> dict[str, Any]:
        """What the run's report was asked to say; empty where it has none."""
        found = Lineage(self.root).find(self.report) if self.report else None
        return found.manifest.settings if found else {}


def find(run: str, outputs: Path) -> Run:
    """A run by its folder, its run.json or its name below `outputs`/runs. Errors: ValueError naming what was looked for."""
    asked = Path(run)
    places = [asked / NAME, asked, outputs / "runs" / run / NAME]
    place = next((place for place in places if place.name == NAME and place.is_file()), None)
    if place is None:
        known = sorted(path.parent.name for path in (outputs / "runs").glob(f"*/{NAME}"))
        there = f"there are {', '.join(known)}" if known else f"there is no run in {outputs / 'runs'}"
        raise ValueError(f"no run {run!r}: neither {places[0]} nor {places[2]} exists; {there}")
    return _read(place)


def _read(place: Path) -> Run:
    try:
        stored = json.loads(place.read_text())
        arms, name = dict(stored["arms"]), str(stored["name"])
        cards = {str(kind): str(path) for kind, path in stored.get("cards", {}).items()}
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise ValueError(f"{place} is no record of a run ({wrong!r}); run its experiment again to write it anew") from wrong
    beside = place.resolve().parents[2]  # <root>/runs/<name>/run.json; a moved outputs folder still works
    root = beside if (beside / "artefacts").is_dir() else Path(str(stored.get("outputs", "")))
    words = {word: str(stored.get(word, "")) for word in ("title", "report", "baseline", "command")}
    return Run(name, words["title"], root, arms, words["report"], words["baseline"], cards, words["command"])
