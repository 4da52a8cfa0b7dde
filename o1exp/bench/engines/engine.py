"""What a benchmark asks of whoever generates its answers: what it needs, cannot do and costs, and the answers themselves."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from o1exp.bench.sampling import Sampling
from o1exp.flow import Checkpoint, Expect, Machine, Settings, Work
from o1exp.records import Attempt, Problem


@dataclass(frozen=True, kw_only=True)
class SamplingJob:
    """What is to be answered, and with what. `model` is None where the engine stands for the model itself."""

    problems: tuple[Problem, ...]
    sampling: Sampling
    model: Checkpoint | None
    machine: Machine

    @property
    def prompts(self) -> list[str]:
        """The user's message for each problem."""
        return [self.sampling.asked(problem.question) for problem in self.problems]


@dataclass(frozen=True, kw_only=True)
class InferenceEngine(Settings):
    """Takes problems and gives attempts. A subclass says what it needs and does the work; its settings become part of the key."""

    needs_model: ClassVar[bool] = True
    """Does it generate with the benchmark's `model`? Where it does not, that model is not made."""

    preloads: ClassVar[tuple[str, ...]] = ()
    """Modules that its own worker processes import."""

    def cannot(self, sampling: Sampling) -> Iterator[tuple[str, str]]:
        """The settings of the sampling that this engine cannot do, each with what would do."""
        yield from ()

    def obstacles(self) -> Iterator[str]:
        """What would stop it from answering and can be seen before, one sentence each."""
        yield from ()

    def gpus(self, machine: Machine) -> int:
        """GPUs of this machine that it takes."""
        return 0

    @abstractmethod
    def expect(self, sampling: Sampling, answers: float | None, model: Expect, machine: Machine) -> Expect:
        """What so many answers are expected to cost (None: their number is not known); `model` is what is known of the model."""

    @abstractmethod
    def attempts(self, job: SamplingJob, work: Work) -> list[Attempt]:
        """All answers, problem by problem and draw by draw. What a killed run had is not made, or paid for, again."""
