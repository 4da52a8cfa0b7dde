"""Finished runs and sweeps on disk: `runs/<name>/run.json`, and how several become one comparison."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from o1exp.report.arms import Arm, gather
from o1exp.report.compare import is_baseline
from o1exp.report.lineage import Lineage
from o1exp.report.render import Words

NAME = "run.json"


@dataclass(frozen=True)
class Run:
    """One run or sweep: `arms` are name -> "Result/<key>" below `root`, `report` is "Report/<key>" or empty."""

    name: str
    title: str
    root: Path
    arms: dict[str, str]
    report: str
    baseline: str

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


def merge(runs: list[Run]) -> list[Arm]:
    """The arms of all runs, each result once; a name that two results claim gets its run's name before it."""
    found = [(run, arm) for run in runs for arm in gather(run.root, run.arms)]
    claims: dict[str, set[str]] = {}
    for _, arm in found:
        claims.setdefault(arm.name, set()).add(arm.result.path)
    merged: dict[str, Arm] = {}
    for run, arm in found:
        name = arm.name if len(claims[arm.name]) == 1 else f"{run.name}/{arm.name}"
        merged.setdefault(name, replace(arm, name=name))
    return list(merged.values())


def choose_baseline(asked: str, runs: list[Run], arms: list[Arm]) -> str:
    """An arm's name, a setting that some arms share (thought=shortcut), or a run of one arm; unasked, what all the runs agree on.

    Errors: ValueError for anything else.
    """
    names = [arm.name for arm in arms]
    if not asked:
        agreed = runs[0].baseline if len({run.baseline for run in runs}) == 1 else ""
        return agreed if any(is_baseline(name, agreed) for name in names) else ""
    if any(is_baseline(name, asked) for name in names):
        return asked
    candidates = {name for name in names if name.startswith(f"{asked}/")}
    candidates |= {name for run in runs if run.name == asked and len(run.arms) == 1 for name in run.arms if name in names}
    if len(candidates) != 1:
        raise ValueError(f"--baseline {asked!r} is not one arm; choose one of: {', '.join(names)}")
    return candidates.pop()


def words(runs: list[Run], baseline: str, command: str) -> Words:
    """A single run keeps its own words; several are named, with every question that was asked."""
    settings = [run.settings for run in runs]
    title = runs[0].title or runs[0].name if len(runs) == 1 else "Comparison of " + ", ".join(run.name for run in runs)
    questions = dict.fromkeys(str(s["question"]) for s in settings if s.get("question"))
    caveats = dict.fromkeys(str(s["caveat"]) for s in settings if s.get("caveat"))
    return Words(title, " ".join(questions), " ".join(caveats), command, baseline)


def _read(place: Path) -> Run:
    try:
        stored = json.loads(place.read_text())
        arms, name = dict(stored["arms"]), str(stored["name"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as wrong:
        raise ValueError(f"{place} is no record of a run ({wrong!r}); run its experiment again to write it anew") from wrong
    beside = place.resolve().parents[2]  # <root>/runs/<name>/run.json; a moved outputs folder still works
    root = beside if (beside / "artefacts").is_dir() else Path(str(stored.get("outputs", "")))
    return Run(name, str(stored.get("title", "")), root, arms, str(stored.get("report", "")), str(stored.get("baseline", "")))
