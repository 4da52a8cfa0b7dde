"""What a search is asked to do, checked before it starts."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from omegaconf import DictConfig, OmegaConf

from o1exp.app.axes import Axes, Value

SAMPLERS = ("tpe", "gp", "cmaes", "nsga2", "qmc", "random", "grid")
MORE, LESS = ("accuracy",), ("tokens", "training_tokens", "usd")
FRESH = 1000
"""Added to the seed of a trial for the first of the seeds that its winner is scored again on."""
_CONSTRAINT = re.compile(r"\s*([\w.]+)\s*(<=|>=)\s*([-+\d.eE]+)\s*")


@dataclass(frozen=True)
class Constraint:
    """What a trial's metric must be; `broken` is above 0 where it is not."""

    metric: str
    sign: str
    limit: float

    def broken(self, metrics: Mapping[str, float]) -> float:
        excess = metrics[self.metric] - self.limit
        return excess if self.sign == "<=" else -excess


@dataclass(frozen=True)
class Search:
    """The settings of hydra/sweeper=optuna beside its axes."""

    axes: Axes
    n_trials: int
    sampler: str
    objectives: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    at_once: int
    prune: bool
    storage: str
    confirm: int
    held_out: tuple[str, ...]

    @classmethod
    def of(cls, config: DictConfig) -> "Search":
        """Errors: ValueError with every mistake, a line each."""
        axes, said, options = Axes.of(config), config.hydra.sweeper, config.hydra.sweeper.options
        objectives = tuple(map(str, OmegaConf.to_container(said.objectives) or ()))
        found = [_CONSTRAINT.fullmatch(str(text)) for text in said.constraints]
        constraints = tuple(Constraint(match[1], match[2], float(match[3])) for match in found if match)
        asked = cls(
            axes, int(said.n_trials), str(said.sampler), objectives, constraints, int(options.at_once), bool(options.prune),
            str(options.storage), int(options.confirm), tuple(map(str, options.held_out)),
        )  # fmt: skip
        wrong = [
            f"hydra.sweeper.constraints: {text}: write METRIC<=NUMBER"
            for text, match in zip(said.constraints, found, strict=True)
            if not match
        ]
        if wrong := [*wrong, *asked._mistakes()]:
            raise ValueError("\n".join(wrong))
        return asked

    @property
    def directions(self) -> "list[Literal['minimize', 'maximize']]":
        return ["minimize" if name in LESS else "maximize" for name in self.objectives]

    @property
    def grid(self) -> list[dict[str, int]]:
        """Every combination of values, each by its place on its axis."""
        names = [axis.name for axis in self.axes.axes]
        return [dict(zip(names, cell, strict=True)) for cell in itertools.product(*(range(len(axis.values)) for axis in self.axes.axes))]

    @property
    def trials(self) -> int:
        """How many the study comes to: a grid has no more than its combinations."""
        return min(self.n_trials, len(self.grid)) if self.sampler == "grid" else self.n_trials

    def again(self, overrides: Value, seed: int) -> dict[int, Value]:
        """The cells that score a trial with these overrides once more, where it was configured with this seed.

        First on fresh seeds, `confirm` of them; then its own model on held-out problems.
        """
        words = [word for word in overrides if not word.startswith("seed=")]
        own = next((int(word.partition("=")[2]) for word in overrides if word.startswith("seed=")), seed)
        fixed = [word for word in self.axes.fixed if word not in words and not word.startswith("seed=")]
        fresh = {place: (*fixed, *words, f"seed={own + FRESH + place}") for place in range(self.confirm)}
        held_out = (*fixed, *words, f"seed={own}", *self.held_out)
        return fresh | ({self.confirm: held_out} if self.held_out else {})

    def told_again(self, overrides: Value) -> str:
        """What such a cell has otherwise than the trial."""
        of_problems = [word for word in self.held_out if word in overrides]
        return " ".join(of_problems or [word for word in overrides if word.startswith("seed=")])

    def _mistakes(self) -> Iterator[str]:
        if not self.axes.axes:
            yield "hydra/sweeper=optuna: nothing to search over; name an axis, e.g. 'think.lr=interval(0.0005,0.003)'"
        if self.sampler not in SAMPLERS:
            yield f"hydra.sweeper.sampler={self.sampler}: choose one of {', '.join(SAMPLERS)}"
        for axis in self.axes.intervals:
            start, end = float(axis.bounds.start or 0), float(axis.bounds.end or 0)
            if start > end:
                yield f"{axis.word}: the interval runs from {start:g} to {end:g}; write the smaller end first"
            elif "log" in axis.bounds.tags and start <= 0:
                yield f"{axis.word}: a logarithmic interval begins above 0, not at {start:g}"
        if self.sampler == "grid" and self.axes.intervals:
            yield f"hydra.sweeper.sampler=grid: {self.axes.intervals[0].name} has no values; name some"
        if self.sampler == "cmaes" and (len(self.objectives) > 1 or len(self.axes.intervals) < 2):
            yield "hydra.sweeper.sampler=cmaes: it takes one objective and two intervals or more; choose tpe or nsga2"
        if not self.objectives or self.n_trials < 1 or self.at_once < 1:
            yield "hydra/sweeper=optuna: name an objective; n_trials and options.at_once are at least 1"
        for name in (*self.objectives, *(one.metric for one in self.constraints)):
            if name not in (*MORE, *LESS) and not name.endswith(".accuracy"):
                yield f"{name}: is nothing that a trial is measured by; choose {', '.join((*MORE, 'BENCH.accuracy', *LESS))}"
        if self.storage not in ("journal", "sqlite"):
            yield f"hydra.sweeper.options.storage={self.storage}: choose journal or sqlite"
