"""The Sample stage: an engine answers every problem of a benchmark K times."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.markup import escape

from o1exp.bench.engines.embedded import Embedded
from o1exp.bench.engines.engine import InferenceEngine, SamplingJob
from o1exp.bench.finish import LENGTH, NO_ROOM
from o1exp.bench.sampling import Sampling
from o1exp.chat.rehearsal import refuses_system
from o1exp.flow import Checkpoint, Expect, Machine, Role, Stage, Work, how
from o1exp.flow.check import settings_of
from o1exp.flow.stage import foreseen
from o1exp.records import Attempt, Problem, Table

EMBEDDED = Embedded()


@dataclass(frozen=True, kw_only=True)
class Sample(Stage[Table[Attempt]], Sampling):
    """Let the model answer each problem `samples` times. Tokens count the model's output, its end token included, the prompt not.

    A killed run goes on where the engine was. Errors: ValueError where there is no problem, or two have the same id.
    """

    role: ClassVar[Role] = "sampling"
    does: ClassVar[str] = "the model's own answers, sampled"
    version: ClassVar[int] = 3
    runs: ClassVar[tuple[str, ...]] = ("o1exp.bench.engines.generate", "o1exp.bench.engines.remote")

    model: Stage[Checkpoint] | None
    """What generates; null for an engine that stands for the model itself."""
    problems: Stage[Table[Problem]]
    """What is asked."""
    engine: InferenceEngine = EMBEDDED
    """Who generates: embedded (transformers in a process of its own) or an OpenAI-compatible endpoint."""
    machine: Machine = how(Machine())
    """Where a local engine runs."""

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn, without the stage around it."""
        return Sampling(**settings_of(Sampling, self))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        wrong = list(super().mistakes())
        yield from wrong
        if not wrong:
            yield from self.engine.cannot(self.sampling)
        if self.engine.needs_model and self.model is None:
            name = type(self.engine).__name__.lower()
            yield "model", f"the {name} engine needs a model; connect a step that makes a Checkpoint, or choose engine=endpoint"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["problems"].rows
        answers, model = None if rows is None else rows * self.samples, inputs.get("model", Expect())
        found = self.engine.expect(self.sampling, answers, model, self.machine)
        wrong = refuses_system(model.template, self.system) if self.engine.needs_model and self.system and model.template else ""
        obstacles = (*found.obstacles, *([f"system: {wrong}"] if wrong else []))
        return replace(found, obstacles=obstacles, remark=f"at most {self.max_tokens:,} tokens each")

    def preflight(self) -> Iterator[str]:
        yield from self.engine.obstacles()

    @property
    def gpus(self) -> int:
        """As many as hold the model."""
        return min(self.machine.gpus, max(self.engine.gpus(self.machine), foreseen(self).gpus)) if self.machine.gpus else 0

    @property
    def preloads(self) -> tuple[str, ...]:
        return self.engine.preloads if self.machine.accelerator == "cpu" else ()

    def make(self, work: Work) -> None:
        problems = tuple(work.open(self.problems))
        _check_ids(problems)
        model = None if self.model is None else work.open(self.model)
        attempts = self.engine.attempts(SamplingJob(problems=problems, sampling=self.sampling, model=model, machine=self.machine), work)
        work.write(Attempt, attempts)
        thoughts = [found.thinking for found in attempts if found.thinking is not None]
        work.note(
            tokens=sum(found.tokens for found in attempts), truncated=sum(found.finish_reason == LENGTH for found in attempts),
            no_room=self._without_room(attempts, work), with_thought=len(thoughts), thinking_tokens=sum(thoughts),
        )  # fmt: skip

    def _without_room(self, attempts: list[Attempt], work: Work) -> int:
        """Answers that could not be begun, which are told."""
        names = sorted({found.problem for found in attempts if found.finish_reason == NO_ROOM})
        if names:
            work.console.line(
                f"[yellow]no room[/] for an answer to {len(names)} of {len({found.problem for found in attempts})} problems, whose prompts "
                f"fill the model's window ({escape(names[0])}, ...); they count as cut off: take a longer window, or filter them out"
            )
        return sum(found.finish_reason == NO_ROOM for found in attempts)


def _check_ids(problems: tuple[Problem, ...]) -> None:
    if not problems:
        raise ValueError("the benchmark has no problems; look at its source and its filter")
    seen: set[str] = set()
    for problem in problems:
        if problem.id in seen:
            raise ValueError(f"two problems of the benchmark have the id {problem.id!r}; ids must be unique")
        seen.add(problem.id)
