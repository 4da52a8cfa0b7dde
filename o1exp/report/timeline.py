"""When the arms of a study were made, what changed from one to the next, and what each cost (the papers' first figure)."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact
from o1exp.media.figure import drawing, saved
from o1exp.media.style import GRID, INK, SOFT, colour
from o1exp.media.text import clipped, labels, one_line
from o1exp.report.differ import Difference, differences
from o1exp.report.ledger import money_of

SHOWN = 40
"""Arms that the figure holds, the first ones."""
CHANGES = 4
"""Settings that are named of an arm."""
OWN_PLACE = ("path", "sha256", "source", "name")
"""Settings that only say where something lies."""


@dataclass(frozen=True)
class Moment:
    """One arm: when what it alone added was made, and what that cost.

    `made` stages were not there for any arm before it, `reused` ones were. `changed` is what differs from the arm before it.
    """

    arm: str
    begun: str
    ended: str
    made: int
    reused: int
    changed: tuple[str, ...]
    usd: float
    cpu_seconds: float
    stages: tuple[tuple[str, float], ...] = ()
    """When each of them was begun, and its seconds."""
    place: int = 0
    """Of the arm on the page, which its colour comes from."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: value for name, value in asdict(self).items() if name not in ("stages", "place")}

    @property
    def hours(self) -> float:
        return (_time(self.ended) - _time(self.begun)).total_seconds() / 3600

    @property
    def day(self) -> str:
        return self.begun[:16].replace("T", " ")


def timeline(arms: Sequence[Arm]) -> list[Moment]:
    """The arms in the order in which they were begun; each stage counts for the first arm that stands on it."""
    told = differences(list(arms))
    found, before = list[Moment](), None
    seen = set[str]()
    for arm in sorted(arms, key=_order(arms)):
        stages = {f"{arm.lineage.root}/{stage.path}": stage for stage in arm.stages}
        own = [stage for path, stage in stages.items() if path not in seen]
        seen |= set(stages)
        found.append(_moment(arm, own, len(stages) - len(own), tuple(_changes(told, before, arm.name))))
        before = arm.name
    places = {arm.name: place for place, arm in enumerate(arms)}
    return [replace(one, place=places[one.arm]) for one in found]


def _order(arms: Sequence[Arm]) -> Any:
    """By what an arm has alone: what all have was begun by the first of them. Arms without anything of their own keep their order."""
    owners: dict[str, int] = {}
    for arm in arms:
        for stage in arm.stages:
            owners[stage.path] = owners.get(stage.path, 0) + 1

    def key(arm: Arm) -> str:
        alone = [stage.manifest.started for stage in arm.stages if owners[stage.path] == 1]
        return min(alone, default=arm.result.manifest.started)

    return key


def _moment(arm: Arm, own: list[Artefact], reused: int, changed: tuple[str, ...]) -> Moment:
    counted = own or [arm.result]
    paid = money_of(arm.lineage.root, own).answers.usd if own else 0.0
    return Moment(
        arm.name, min(stage.manifest.started for stage in counted), max(map(_ended, counted)), len(own), reused, changed,
        paid, sum(stage.manifest.cpu_seconds for stage in own),
        tuple((stage.manifest.started, stage.manifest.seconds) for stage in counted),
    )  # fmt: skip


def _changes(told: Sequence[Difference], before: str | None, arm: str) -> Iterator[str]:
    """What the arm has otherwise than the one before it, in a few words each."""
    if before is None:
        return
    found = []
    for one in told:
        values = {name: value for value, names in one.values for name in names}
        if values.get(arm, "") != values.get(before, "") and one.setting not in OWN_PLACE:
            found.append(_words(one, values.get(before, "not there"), values.get(arm, "not there")))
    yield from found[:CHANGES]
    if len(found) > CHANGES:
        yield f"and {len(found) - CHANGES} more"


def _words(one: Difference, before: str, now: str) -> str:
    stage = one.stages[0]
    if not one.setting:
        return f"{stage} {'added' if now == 'part of it' else 'left out'}"
    return f"{stage}.{one.setting}: {clipped(one_line(before), 24)} → {clipped(one_line(now), 24)}"


def _ended(stage: Artefact) -> str:
    return (_time(stage.manifest.started) + timedelta(seconds=stage.manifest.seconds)).isoformat()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def drawn(found: Sequence[Moment], form: str = "svg") -> bytes:
    """A line for each arm from its begin to its end, a bar on it for each stage that was made, and its cost; empty for a single arm."""
    shown = found[:SHOWN]
    if len(shown) < 2:
        return b""
    first = min(_time(one.begun) for one in shown)
    called = labels(one.arm for one in shown)
    span = max((_time(one.ended) - first).total_seconds() for one in shown) or 1.0
    unit, size = _unit(span)
    with drawing(2.3, 0.8 + 0.36 * len(shown)) as figure:
        axes = figure.add_subplot()
        for place, one in enumerate(shown):
            bars = [((_time(at) - first).total_seconds() / size, max(seconds, span / 400) / size) for at, seconds in one.stages]
            ends = (_time(one.begun) - first).total_seconds() / size, (_time(one.ended) - first).total_seconds() / size
            axes.plot(ends, (place, place), color=colour(one.place), linewidth=1, zorder=2)
            axes.broken_barh(bars, (place - 0.22, 0.44), color=colour(one.place), zorder=3)
            said = f"{one.made} made, {_cost(one)}"
            axes.annotate(said, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=SOFT)
        axes.set_yticks(range(len(shown)), [called[one.arm] for one in shown], fontsize=9, color=INK)
        axes.invert_yaxis()
        axes.set_xlabel(f"{unit} since {first.isoformat(sep=' ', timespec='minutes')}", fontsize=9, color=INK)
        axes.grid(visible=True, axis="x", color=GRID, linewidth=0.7)
        axes.tick_params(labelsize=8.5, colors=INK, length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        return saved(figure, "timeline", form)


def _cost(one: Moment) -> str:
    dollars = f"${one.usd:,.2f}, " if one.usd else ""
    return f"{dollars}{one.cpu_seconds:,.0f} CPU s"


def _unit(seconds: float) -> tuple[str, float]:
    units = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0))
    return next(((name, size) for name, size in units if seconds >= 3 * size), ("seconds", 1.0))
