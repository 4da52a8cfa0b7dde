"""How several finished runs become one comparison."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from o1exp.history.arms import Arm
from o1exp.history.cells import outcomes, sweeps_with
from o1exp.history.runs import RunRecord, read
from o1exp.report.compare import is_baseline, partner
from o1exp.report.effects import REPLICATES
from o1exp.report.judges import of_runs
from o1exp.report.render import PageWords

NAMED = 6
"""Arms that a sentence names."""


def merge(runs: list[RunRecord]) -> list[Arm]:
    """The arms of all runs, each result once under the first of its names, in whichever folders copies of it lie.

    A name that several results claim gets its run's name before it, or its run's folder where the runs have one name too.
    """
    found = [(run, arm) for run in runs for arm in run.gathered()]
    claims: dict[str, set[str]] = {}
    for run, arm in found:
        for name in _names(run, arm):
            claims.setdefault(name, set()).add(arm.identity)
    names: dict[str, dict[str, Arm]] = {}
    for run, arm in found:
        *shorter, longest = _names(run, arm)
        name = next((name for name in shorter if len(claims[name]) == 1), longest)
        names.setdefault(arm.identity, {}).setdefault(name, arm)
    return [replace(next(iter(own.values())), name=next(iter(own)), also=tuple(own)[1:]) for own in names.values()]


def with_results(runs: list[RunRecord]) -> list[Arm]:
    """The same. Errors: ValueError where no run has a result."""
    if found := merge(runs):
        return found
    failed = "; ".join(f"{name}: {why}" for run in runs for name, why in run.failed.items())
    names = ", ".join(run.name for run in runs)
    raise ValueError(f"{names} has no result ({failed or 'its goal was another stage'}); name a run whose arms were scored")


def _names(run: RunRecord, arm: Arm) -> tuple[str, str, str]:
    """What an arm may be called, the shortest first."""
    return arm.name, f"{run.name}/{arm.name}", f"{run.folder}/{arm.name}"


def same(arms: list[Arm]) -> list[str]:
    """A sentence for every result that stands under several names."""
    return [f"{', '.join(arm.names)} are one result, listed once." for arm in arms if arm.also]


def repeated(runs: list[RunRecord]) -> list[str]:
    """A sentence for every run whose results stand, under the same names, in a run before it: named twice, or in a copied folder."""
    known: dict[tuple[str, str], RunRecord] = {}
    found = []
    for run in runs:
        own = [(arm.name, arm.identity) for arm in run.gathered()]
        first = next((known[one] for one in own if one in known), None)
        if first is not None:
            again = f"holds {sum(one in known for one in own)} of the results of {first.folder}, which are"
            found.append(f"{run.folder} {'is named twice,' if first.folder == run.folder else again} listed once.")
        known |= {one: run for one in own if one not in known}
    return found


def choose_baseline(asked: str, runs: list[RunRecord], arms: list[Arm]) -> str:
    """An arm's name, a setting that some arms share (thought=shortcut), or a run of one arm; unasked, what all the runs agree on.

    Errors: ValueError for anything else.
    """
    names = [name for arm in arms for name in arm.names]
    if not asked:
        agreed = runs[0].baseline if len({run.baseline for run in runs}) == 1 else ""
        return agreed if any(is_baseline(name, agreed) for name in names) else ""
    if any(is_baseline(name, asked) for name in names):
        return asked
    candidates = {name for name in names if name.startswith(f"{asked}/")}
    candidates |= {name for run in runs if run.name == asked and len(run.arms) == 1 for name in run.arms if name in names}
    if len(candidates) != 1:
        raise ValueError(f"the baseline {asked!r} is not one arm; choose one of: {', '.join(names)}")
    return candidates.pop()


def uncompared(arms: list[Arm], baseline: str) -> list[str]:
    """A sentence where several arms stand beside each other, and nothing says with which of them the others are compared."""
    if len(arms) < 2 or any(partner(arm, arms, baseline) for arm in arms):
        return []
    names = ", ".join(arm.name for arm in arms[:NAMED]) + (", ..." if len(arms) > NAMED else "")
    return [f"Nothing is compared: no arm is known as the baseline; name one, or a setting such as seed=0, with --baseline: {names}"]


def words(runs: list[RunRecord], baseline: str, command: str, replicates: Sequence[str] = REPLICATES) -> PageWords:
    """A single run keeps its own words; what several were asked and could not show is said of each by its name."""
    told = (command, baseline, tuple(replicates), failed(runs), tuple(looked(runs)))
    if len(runs) == 1:
        said = _said(runs[0])
        title = str(said.get("title") or runs[0].title or runs[0].name)
        question, caveat = str(said.get("question") or ""), str(said.get("caveat") or "")
        return PageWords(title, question, caveat, *told, judges=of_runs(runs))
    title = "Comparison of " + ", ".join(run.name for run in runs)
    return PageWords(title, _of_each(runs, "question"), _of_each(runs, "caveat"), *told, judges=of_runs(runs))


def failed(runs: list[RunRecord]) -> dict[str, str]:
    """Cells without a result and why; where two runs have one of the same name, with the run's name before it."""
    counts = Counter(name for run in runs for name in run.failed)
    return {name if counts[name] == 1 else f"{run.name}/{name}": why for run in runs for name, why in run.failed.items()}


def looked(runs: list[RunRecord]) -> list[str]:
    """A sentence for each sweep or search that these runs are, or come from: how many of its cells were looked at."""
    found = []
    for run in runs:
        for sweep in [run.folder] if (run.folder / "cells").is_dir() else sweeps_with(run.folder):
            cells = outcomes(sweep)
            scored = sum(bool(cell.run) for cell in cells)
            if len(cells) > 1:
                having = "1 has a score" if scored == 1 else f"{scored} have a score"
                found.append(
                    f"{sweep.name}: {len(cells)} cells were begun, {having}. The best of them is partly luck, so that its score is biased "
                    "upwards."
                )
    return list(dict.fromkeys(found))


def _said(run: RunRecord) -> dict[str, Any]:
    """What the run's report was asked to say; of a sweep what the reports of all its cells were."""
    if run.report:
        return run.settings
    cells = [read(run.folder.parent / cell.run).settings for cell in outcomes(run.folder) if cell.run]
    shared = cells[0] if cells else {}
    return {
        name: value for name, value in shared.items() if name in ("question", "caveat") and all(one.get(name) == value for one in cells)
    }


def _of_each(runs: list[RunRecord], what: str) -> str:
    """What the runs' reports say, each text once, after the names of the runs that say it; as it is where all say the same."""
    said: dict[str, list[str]] = {}
    for run in runs:
        said.setdefault(str(_said(run).get(what) or ""), []).append(run.name)
    if len(said) == 1:
        return next(iter(said))
    return " ".join(f"{', '.join(names)}: {text}" for text, names in said.items() if text)
