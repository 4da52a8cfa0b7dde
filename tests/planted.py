"""Arms whose answers are planted: real problems, grading, results and reports over attempts of a known skill. Nothing is trained."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from o1exp.bench.grade import Grade
from o1exp.bench.outcome import Outcome
from o1exp.bench.result import Result
from o1exp.flow import Role, Stage, Store, Work
from o1exp.history.runs import RunRecord, run_folder, write
from o1exp.records import Attempt, Problem, Table
from o1exp.report.page import Report
from o1exp.sources.arithmetic import Arithmetic

BENCHMARK = "held-out sums"


@dataclass(frozen=True, kw_only=True)
class Planted(Stage[Table[Attempt]]):
    """Answers of which a share of `skill` is right, `words` before each: a stage from outside the package.

    They may stand on something else, `after` it.
    """

    role: ClassVar[Role] = "sampling"
    does: ClassVar[str] = "answers of a known skill"

    problems: Stage[Table[Problem]]
    skill: float
    samples: int = 1
    style: str = "long"
    words: str = ""
    after: Stage[Any] | None = None

    def make(self, work: Work) -> None:
        work.write(Attempt, self._attempts(work))

    def _attempts(self, work: Work) -> Iterator[Attempt]:
        for problem in work.open(self.problems):
            for draw in range(self.samples):
                luck = random.Random(f"{self.skill} {problem.id} {draw}")
                said = int(problem.answer) + (luck.random() >= self.skill)
                text = self.words + thought(problem.question, said, self.style)
                ended = "length" if luck.random() < 0.02 else "stop"
                yield Attempt(problem=problem.id, draw=draw, text=text, tokens=len(text) // 2, finish_reason=ended)


def thought(question: str, said: int, style: str) -> str:
    """A short answer, or a long one that reflects."""
    if style == "short":
        return f"\\boxed{{{said}}}"
    return f"{question} First the ones. Wait, is there a carry?\nLet me check: it comes to {said}.\nThe answer is \\boxed{{{said}}}."


def held_out(seed: int = 0, count: int = 60) -> Arithmetic:
    return Arithmetic(count=count, operands=(2,), split="test", seed=1000 + seed)


def planted_arm(skill: float, style: str = "long", problems: Stage[Table[Problem]] | None = None, samples: int = 1) -> Result:
    """One arm, on 60 problems where no others are given."""
    return graded(Planted(problems=problems or held_out(), skill=skill, samples=samples, style=style))


def graded(attempts: Planted) -> Result:
    return Result(scores={BENCHMARK: Grade(attempts=attempts, problems=attempts.problems)})


def planted_report(samples: int = 1, seed: int = 0, skill: float = 0.95) -> Report:
    """Two arms far apart."""
    problems = held_out(seed)
    long, short = planted_arm(skill, "long", problems, samples), planted_arm(0.1, "short", problems, samples)
    arms: dict[str, Stage[Outcome]] = {"long": long, "shortcut": short}
    return Report(
        arms=arms, baseline="shortcut", title="Long thoughts against shortcuts", command="o1exp experiment=planted",
        question="Does a student that learns written-out steps beat one that learns answers alone?",
        caveat="The answers are planted.",
    )  # fmt: skip


def results(arms: Mapping[str, Stage[Outcome]]) -> dict[str, str]:
    """The arms as a run's record names them."""
    return {name: f"{stage.kind}/{stage.key}" for name, stage in arms.items()}


@dataclass(frozen=True)
class PlantedRun:
    """A finished run of planted answers."""

    goal: Report
    record: RunRecord

    @property
    def root(self) -> Path:
        return self.record.root

    @property
    def page(self) -> Path:
        return Store(self.root).folder(self.goal)

    @property
    def results(self) -> dict[str, str]:
        return self.record.arms


def planted_run(root: Path, goal: Report, name: str = "planted") -> PlantedRun:
    """Make the report, and leave the run's record as the app does."""
    store = Store(root)
    store.make([goal])
    record = RunRecord(
        folder=run_folder(store.root, name), root=store.root, title=goal.title, arms=results(goal.arms), report=f"Report/{goal.key}",
        baseline=goal.baseline, command=goal.command,
    )  # fmt: skip
    write(record)
    return PlantedRun(goal, record)
