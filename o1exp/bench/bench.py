"""A benchmark as one flat block of settings: problems, sampling, grading."""

from collections.abc import Iterator
from dataclasses import dataclass

from o1exp.answers.conventions import Mode
from o1exp.bench.engines.engine import Endpoint
from o1exp.bench.grade import Grade
from o1exp.bench.sample import Sample, Sampling
from o1exp.flow import Checkpoint, Recipe, SettingsError, Stage, how
from o1exp.records import Problem, Score, Table


@dataclass(frozen=True, kw_only=True)
class Bench(Recipe, Sampling):
    """One benchmark. It expands to Grade(Sample(model, problems)).

    Problems come from the file `path`, or where there is none from `hub`. `path` and `limit` have no effect of their own: the YAML's
    `problems` refers to them, so that `bench.gsm8k.path=FILE` works. `mode` is the grader's: what counts as the same answer. `why` says in
    a sentence what the benchmark is good for.
    """

    model: Stage[Checkpoint]
    problems: Stage[Table[Problem]]
    hub: Stage[Table[Problem]] | None = None
    mode: Mode = "default"

    path: str = how("")
    limit: int | None = how(None)
    why: str = how("")

    def mistakes(self) -> Iterator[tuple[str, str]]:
        rules = list(super().mistakes())
        yield from rules
        if not rules:
            try:
                self.stage()
            except SettingsError as wrong:
                yield from wrong.mistakes

    def stage(self) -> Stage[Table[Score]]:
        problems = self.problems if self.path or self.hub is None else self.hub
        attempts = Sample(
            model=None if isinstance(self.engine, Endpoint) else self.model, problems=problems, samples=self.samples,
            temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens, seed=self.seed, prompt=self.prompt,
            system=self.system, stop=self.stop, think_end=self.think_end, min_thinking_tokens=self.min_thinking_tokens,
            max_thinking_tokens=self.max_thinking_tokens, wait=self.wait, force_answer=self.force_answer, engine=self.engine,
            batch_size=self.batch_size, machine=self.machine,
        )  # fmt: skip
        return Grade(attempts=attempts, problems=problems, mode=self.mode)
