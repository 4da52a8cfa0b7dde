"""Tiny stages that leave the same artefacts as the pipeline's own: problems, teacher answers, curves, graded samples."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from o1exp.bench.grade import Grade
from o1exp.bench.outcome import Outcome
from o1exp.bench.result import Result
from o1exp.flow import Checkpoint, Stage, Store, Work
from o1exp.records import Attempt, Example, Problem, Table
from o1exp.report.page import Report


@dataclass(frozen=True, kw_only=True)
class Arithmetic(Stage[Table[Problem]]):
    count: int
    seed: int

    def make(self, work: Work) -> None:
        work.write(Problem, (_problem(i, random.Random(f"{self.seed} {i}")) for i in range(self.count)))


def _problem(number: int, draws: random.Random) -> Problem:
    a, b = draws.randint(10, 99), draws.randint(10, 99)
    return Problem(id=f"p{number}", question=f"What is {a} + {b}?", answer=str(a + b), source="arithmetic")


@dataclass(frozen=True, kw_only=True)
class Rules(Stage[Table[Problem]]):
    problems: Stage[Table[Problem]]

    def make(self, work: Work) -> None:
        work.write(Problem, [p for i, p in enumerate(work.open(self.problems)) if i % 10])
        work.note(dropped={"image": 0, "proof": 10})


@dataclass(frozen=True, kw_only=True)
class Distil(Stage[Table[Example]]):
    problems: Stage[Table[Problem]]
    style: str = "long"

    def make(self, work: Work) -> None:
        problems = list(work.open(self.problems))
        work.write(Example, (Example(problem=p.id, prompt=p.question, response=thought(p, self.style), origin="teacher") for p in problems))
        asked = len(problems)
        work.note(requests=asked, cached=0, tokens=90 * asked, usd=round(0.0002 * asked, 4), right=asked - 3, tries=1)


def thought(problem: Problem, style: str) -> str:
    a, b = (int(word.strip("?")) for word in problem.question.split() if word.strip("?").isdigit())
    if style == "short":
        return f"\\boxed{{{a + b}}}"
    ones = a % 10 + b % 10
    return (
        f"Ones: {a % 10} + {b % 10} = {ones}.\nTens: {a // 10} + {b // 10} = {a // 10 + b // 10 + 1}. "
        f"Wait, a carry comes only from ten on: {ones} {'does' if ones > 9 else 'does not'}.\n"
        f"Let me check: {a} + {b} = {a + b}, and {a + b} - {b} = {a}.\nThe answer is \\boxed{{{a + b}}}."
    )


@dataclass(frozen=True, kw_only=True)
class Rejection(Stage[Table[Example]]):
    examples: Stage[Table[Example]]
    problems: Stage[Table[Problem]]

    def make(self, work: Work) -> None:
        rows = list(work.open(self.examples))
        work.write(Example, rows[:-3])
        work.note(right=len(rows) - 3, wrong=2, no_answer=1)


@dataclass(frozen=True, kw_only=True)
class Untrained(Stage[Checkpoint]):
    def make(self, work: Work) -> None:
        (work.folder / "model").mkdir()
        (work.folder / "model" / "config.json").write_text("{}")
        work.note(parameters=521_000)


@dataclass(frozen=True, kw_only=True)
class Sft(Stage[Checkpoint]):
    start: Stage[Checkpoint]
    data: Stage[Table[Example]]
    lr: float = 1e-3
    steps: int = 120

    def make(self, work: Work) -> None:
        (work.folder / "model").mkdir()
        (work.folder / "model" / "config.json").write_text("{}")
        noise, rows = random.Random(self.key), []
        for step in range(1, self.steps + 1):
            loss = 0.02 + 3 * math.exp(-step / 25) * (1 + 0.2 * noise.random())
            rows.append({"step": step, "tokens": 1000 * step, "loss": loss, "lr": self.lr, "grad_norm": loss / 2})
        (work.folder / "curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        work.note(examples=len(work.open(self.data)), steps=self.steps, tokens=1000 * self.steps, final_loss=rows[-1]["loss"])


@dataclass(frozen=True, kw_only=True)
class Sample(Stage[Table[Attempt]]):
    model: Stage[Checkpoint]
    problems: Stage[Table[Problem]]
    skill: float
    samples: int = 1
    style: str = "long"

    def make(self, work: Work) -> None:
        work.write(Attempt, self._attempts(work))

    def _attempts(self, work: Work) -> Iterator[Attempt]:
        for problem in work.open(self.problems):
            for draw in range(self.samples):
                luck = random.Random(f"{self.skill} {problem.id} {draw}")
                right = luck.random() < self.skill
                told = problem if right else Problem(id=problem.id, question=problem.question.replace("?", "0?"), answer="")
                text = thought(told, self.style)
                ended = "length" if luck.random() < 0.02 else "stop"
                yield Attempt(problem=problem.id, draw=draw, text=text, tokens=len(text) // 2, finish_reason=ended)


def arm(skill: float, style: str, seed: int = 0, samples: int = 1, lr: float = 1e-3) -> Result:
    """One arm's graph: both phases, then 60 held-out problems. The first phase is the same for every style."""
    source = Rules(problems=Arithmetic(count=100, seed=seed))
    first = Sft(start=Untrained(), data=Distil(problems=source, style="short"), steps=40)
    think = Sft(start=first, data=Rejection(examples=Distil(problems=source, style=style), problems=source), lr=lr)
    held_out = Arithmetic(count=60, seed=1000 + seed)
    sample = Sample(model=think, problems=held_out, skill=skill, samples=samples, style=style)
    return Result(scores={"held-out sums": Grade(attempts=sample, problems=held_out)})


def report(samples: int = 1, seed: int = 0, skill: float = 0.95) -> Report:
    arms: dict[str, Stage[Outcome]] = {"long": arm(skill, "long", seed, samples), "shortcut": arm(0.1, "short", seed, samples)}
    return Report(
        arms=arms, baseline="shortcut", title="Long thoughts against shortcuts", command="o1exp experiment=quickstart",
        question="Does a student that learns written-out steps beat one that learns answers alone, at equal problems and tokens?",
        caveat="It shows that written-out steps generalise where answers are memorised. It is no evidence about o1-style reflection.",
    )  # fmt: skip


def finished_run(root: Path, goal: Report, name: str = "quickstart") -> Path:
    """Make the report and the run's record as the app leaves it; returns the run's folder."""
    Store(root).make([goal])
    folder = root / "runs" / name
    folder.mkdir(parents=True)
    arms = {arm_name: f"{stage.kind}/{stage.key}" for arm_name, stage in goal.arms.items()}
    record = {"name": name, "title": goal.title, "arms": arms, "report": f"Report/{goal.key}", "baseline": goal.baseline}
    (folder / "run.json").write_text(json.dumps(record))
    return folder
