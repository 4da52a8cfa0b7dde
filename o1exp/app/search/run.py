"""A search: trials are asked for, handed to the launcher as cells, and told to the study; then the best is scored again."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from o1exp.app import sweep as end
from o1exp.app.axes import Axis, Value
from o1exp.app.cell import shared
from o1exp.app.cells import Ended, Refused, checked
from o1exp.app.designs import cells as designed
from o1exp.app.identity import folder_of, settle
from o1exp.app.search.asked import Search
from o1exp.app.search.results import show_search
from o1exp.app.search.study import Claimed, Trials
from o1exp.app.show import store_of
from o1exp.app.sweeping import launched, opened, planned, unready
from o1exp.app.whole_page import show_whole
from o1exp.config.compose import Study
from o1exp.flow.disk import writing
from o1exp.flow.errors import RunError, Stopped
from o1exp.history.cells import CellOutcome, outcome


def search(config: DictConfig, launcher: Launcher) -> Sequence[Any]:
    """Run the study to its number of trials. Errors: Refused before anything is made; Ended; Stopped."""
    try:
        asked = Search.of(config)
    except ValueError as wrong:
        raise Refused(str(wrong).splitlines()) from wrong
    try:
        return _search(config, launcher, asked)
    except Stopped:
        raise
    except (RunError, ValueError) as wrong:
        raise Ended(str(wrong), wrong.code if isinstance(wrong, RunError) else 1) from wrong


def _search(config: DictConfig, launcher: Launcher, asked: Search) -> Sequence[Any]:
    first = checked(config, _edges(asked), lambda overrides, study: None)
    if config.action == "plan":
        _plan(config, asked, first)
        return []
    if config.action != "run":
        raise Refused([f"action={config.action}: a search can be run or planned; ask its trials one by one, without -m"])
    if config.goal != "report":
        raise Refused([f"goal={config.goal}: a search scores models; leave the goal out"])
    if wrong := unready(config, store_of(first), first):
        raise Refused(wrong)
    folder = folder_of(config, asked.axes)
    with writing(Path(config.outputs).resolve()):
        parent = opened(config, first, folder)
        settle(config, folder)
        trials = Trials(folder, asked)
        with shared(folder, parent, "go_on", asked.prune):
            while claimed := trials.claim():
                _make(launcher, trials, claimed, folder)
            again = _confirmed(launcher, trials, asked, folder, first)
        show_search(trials.study, asked, folder, again)
        end.ended(config, first, folder, {trial.number for trial in trials.study.get_trials(deepcopy=False)}, changed=True)
    return []


def _plan(config: DictConfig, asked: Search, first: Study) -> None:
    """The plan of as many trials as the search makes, drawn at random where only the search itself will know, and of the winner's seeds."""
    drawn = designed(asked.axes, "grid" if asked.sampler == "grid" else "random", runs=asked.trials)[: asked.trials]
    again = list(asked.again(drawn[0], int(first.config.seed)).values())
    first, whole = planned(config, list(dict.fromkeys([*drawn, *again])))
    how = "its cells" if asked.sampler == "grid" else "drawn at random"
    whole.store.console.line(f"A search of {asked.trials} trials, planned as {how}, and {len(again)} more that score the best one again")
    show_whole(first, whole)


def _make(launcher: Launcher, trials: Trials, claimed: list[Claimed], folder: Path) -> None:
    launched(launcher, {one.number: one.overrides for one in claimed}, folder)
    for one in claimed:
        found = outcome(folder / "cells" / str(one.number)) or CellOutcome(overrides=one.overrides, state="FAILED")
        trials.tell(one, found.state, dict(found.metrics))


def _edges(asked: Search) -> list[Value]:
    """Cells that together hold every value, both ends of every interval and the held-out problems: what is wrong is said before a trial."""
    ends = [_ends(axis) for axis in asked.axes.axes]
    most = max(map(len, ends))
    cells = [(*asked.axes.fixed, *(word for axis in ends for word in axis[min(place, len(axis) - 1)])) for place in range(most)]
    return [*cells, *([(*cells[0], *asked.held_out)] if asked.held_out else [])]


def _ends(axis: Axis) -> list[Value]:
    if axis.values:
        return list(axis.values)
    return [(f"{axis.name}={bound}",) for bound in (axis.bounds.start, axis.bounds.end)]


def _confirmed(launcher: Launcher, trials: Trials, asked: Search, folder: Path, first: Study) -> list[CellOutcome]:
    """The best trial once more on seeds, or problems, that no trial had: the best of many was lucky, too."""
    done = [trial for trial in trials.study.best_trials if trial.number >= 0]
    if not done:
        return []
    best = outcome(folder / "cells" / str(done[0].number))
    if best is None:
        return []
    cells = asked.again(best.overrides, int(first.config.seed))
    place = folder / "confirmed" / f"trial-{done[0].number}"
    launched(launcher, {n: cell for n, cell in cells.items() if not _scored(place / "cells" / str(n))}, folder, place.relative_to(folder))
    found = [outcome(place / "cells" / str(number)) for number in cells]
    return [replace(one, number=done[0].number) for one in found if one is not None]


def _scored(folder: Path) -> bool:
    known = outcome(folder)
    return known is not None and known.state == "FINISHED"
