"""A benchmark as one flat block of settings: problems, sampling, grading."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from o1exp.answers.conventions import Mode
from o1exp.bench.engines.engine import InferenceEngine
from o1exp.bench.grade import PROBLEMS, Grade
from o1exp.bench.part import Part
from o1exp.bench.sample import EMBEDDED, Sample
from o1exp.bench.sampling import Sampling
from o1exp.bench.scorer import Scorer
from o1exp.flow import AtLeast, Checkpoint, Machine, Recipe, SettingsError, Stage, how
from o1exp.flow.check import settings_of
from o1exp.records import Problem, Score, Table


@dataclass(frozen=True, kw_only=True)
class Bench(Recipe, Sampling):
    """One benchmark. It expands to Grade(Sample(model, problems)), or to what `scorer` makes of the sampled answers.

    Problems come from the file `path`, or where there is none from `hub`. `path` and `limit` have no effect of their own: the YAML's
    `problems` refers to them, so that `bench.gsm8k.path=FILE` works.
    """

    model: Stage[Checkpoint]
    """The model that is measured."""
    problems: Stage[Table[Problem]]
    """The problems of the file `path`."""
    hub: Stage[Table[Problem]] | None = None
    """The problems where no `path` is given; null: there are none."""
    engine: InferenceEngine = EMBEDDED
    """Who generates the answers."""
    machine: Machine = how(Machine())
    """Where a local engine runs."""
    mode: Mode = "default"
    """The grader's conventions: what counts as the same answer where mathematics does not say."""

    scorer: Scorer | None = None
    """Who scores the answers: a judge, a panel, people; null: they are compared with the gold answers."""
    rows: Annotated[int, AtLeast(1)] | None = None
    """Only so many of the problems, drawn by `rows_seed` and always the same ones; null: all."""
    rows_seed: Annotated[int, AtLeast(0)] = 0
    """Which ones `rows` draws; apart from the run's seed, so that all seeds answer the same problems."""

    path: str = how("")
    """A file of problems; "" for those of the hub."""
    limit: int | None = how(None)
    """Only the first so many problems; null: all."""
    why: str = how("")
    """What the benchmark is good for, in a sentence."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        rules = list(super().mistakes())
        yield from rules
        if not rules:
            try:
                self.stage()
            except SettingsError as wrong:
                yield from wrong.mistakes

    @classmethod
    def edge(cls, name: str, settings: Mapping[str, Any]) -> str:
        return "hub" if name == PROBLEMS and not settings.get("path") and settings.get("hub") is not None else name

    def stage(self) -> Stage[Table[Score]]:
        problems: Stage[Table[Problem]] = getattr(self, self.edge(PROBLEMS, {"path": self.path, "hub": self.hub}))
        if self.rows is not None:
            problems = Part(problems=problems, rows=self.rows, seed=self.rows_seed)
        model = self.model if self.engine.needs_model else None
        drawn = settings_of(Sampling, self)
        attempts = Sample(model=model, problems=problems, engine=self.engine, machine=self.machine, **drawn)
        if self.scorer is not None:
            return self.scorer.stage(attempts, problems)
        return Grade(attempts=attempts, problems=problems, mode=self.mode)
