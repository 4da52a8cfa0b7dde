"""What the columns of a table are: what differs between its runs, and what they were scored on; kept up to date run by run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from o1exp.history.arms import Arm, benchmarks
from o1exp.track import names
from o1exp.track.settings import node, words

MOST = 8
"""Swept settings that become columns."""


@dataclass(frozen=True)
class Columns:
    """The columns of a view: parameters, benchmarks, and as many training phases as any run has."""

    params: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    phases: int = 0


def of_sweep(cells: Sequence[Sequence[str]], arms: Sequence[Arm] = (), asked: Iterable[str] = ()) -> Columns:
    """Those of a sweep: the axes, in the order of its command. `asked` are benchmarks that are known before there is a score."""
    told = [{node(key): value for key, value in words(cell)} for cell in cells]
    values = {name: {own.get(name, "") for own in told} for name in dict.fromkeys(name for own in told for name in own)}
    swept = [names.key(name) for name, found in values.items() if len(found) > 1]
    scored = tuple(benchmarks(list(arms))) or tuple(asked)
    return Columns(
        tuple(sorted(swept, key=lambda name: name == "seed")[:MOST]), scored, max((len(arm.trainings) for arm in arms), default=0)
    )


@dataclass
class Seen:
    """What a study's runs were, as far as its columns need it: it grows with every run, so that no run is ever read again.

    `params` is name -> [the value, or None where there were several; how many runs have it].
    """

    runs: int = 0
    params: dict[str, list[Any]] = field(default_factory=dict)
    benchmarks: list[str] = field(default_factory=list)
    phases: int = 0

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Seen":
        known = {name: stored[name] for name in ("runs", "params", "benchmarks", "phases") if name in stored}
        return cls(**known)

    def plain(self) -> dict[str, Any]:
        return {"runs": self.runs, "params": self.params, "benchmarks": self.benchmarks, "phases": self.phases}

    def add(self, params: dict[str, str], scored: Iterable[str], phases: int) -> None:
        self.runs += 1
        for name, value in params.items():
            known, count = self.params.get(name, [value, 0])
            self.params[name] = [known if known == value else None, count + 1]
        self.benchmarks += [name for name in scored if name not in self.benchmarks]
        self.phases = max(self.phases, phases)

    @property
    def columns(self) -> Columns:
        """What all runs have and differ in, first, then what only some set; a seed behind the others, `arm` names the run already."""
        differing = {name: count for name, (value, count) in self.params.items() if value is None or count < self.runs}
        order = sorted(differing, key=lambda name: (-differing[name], name == "seed", name.count("."), name))
        return Columns(tuple(name for name in order if name != "arm")[:MOST], tuple(self.benchmarks), self.phases)
