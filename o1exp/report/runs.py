"""How several finished runs become one comparison."""

from dataclasses import replace

from o1exp.history.arms import Arm
from o1exp.history.runs import RunRecord
from o1exp.report.compare import is_baseline
from o1exp.report.render import PageWords


def merge(runs: list[RunRecord]) -> list[Arm]:
    """The arms of all runs, each result once; a name that two results claim gets its run's name before it."""
    found = [(run, arm) for run in runs for arm in run.gathered()]
    claims: dict[str, set[str]] = {}
    for _, arm in found:
        claims.setdefault(arm.name, set()).add(arm.result.path)
    merged: dict[str, Arm] = {}
    for run, arm in found:
        name = arm.name if len(claims[arm.name]) == 1 else f"{run.name}/{arm.name}"
        merged.setdefault(name, replace(arm, name=name))
    return list(merged.values())


def choose_baseline(asked: str, runs: list[RunRecord], arms: list[Arm]) -> str:
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


def words(runs: list[RunRecord], baseline: str, command: str) -> PageWords:
    """A single run keeps its own words; several are named, with every question that was asked."""
    settings = [run.settings for run in runs]
    title = runs[0].title or runs[0].name if len(runs) == 1 else "Comparison of " + ", ".join(run.name for run in runs)
    questions = dict.fromkeys(str(s["question"]) for s in settings if s.get("question"))
    caveats = dict.fromkeys(str(s["caveat"]) for s in settings if s.get("caveat"))
    return PageWords(title, " ".join(questions), " ".join(caveats), command, baseline)
