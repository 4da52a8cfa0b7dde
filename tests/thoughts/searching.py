"""Searches over sums with a real server on loopback, which says what it was asked."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from o1exp.chat.headings import PROBLEM, STEPS, TASKS, sections
from o1exp.chat.servers.loopback import Reply
from o1exp.chat.servers.procedural import Procedural
from o1exp.flow import Stage, Work
from o1exp.records import Problem, Table


@dataclass(frozen=True, kw_only=True)
class Problems(Stage[Table[Problem]]):
    """Sums to be solved, e.g. "12+34"."""

    sums: tuple[str, ...] = ("12+34", "57+68", "91+26")

    def make(self, work: Work) -> None:
        work.write(Problem, (sum_of(text) for text in self.sums))


def sum_of(text: str) -> Problem:
    answer = str(sum(map(int, text.split("+"))))
    return Problem(id=f"sum-{text}", question=f"Compute {text}.", answer=answer, solution=f"\\boxed{{{answer}}}", source="sums")


@dataclass(frozen=True)
class Asked:
    """One request as the server got it: its task, the steps that it shows, its draw's seed, all its text and stop strings."""

    task: str
    steps: tuple[str, ...]
    seed: int
    text: str
    stop: tuple[str, ...]
    question: str


class Server:
    """Answers by `write(asked)`, and keeps what it was asked."""

    def __init__(self, write: Callable[[Asked], str | Reply]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self.asked: list[Asked] = []

    def __call__(self, body: dict[str, Any]) -> Reply:
        text = body["messages"][-1]["content"]
        parts = sections(text)
        steps = tuple(step for step in parts.get(STEPS, "").split("\n\n") if step not in ("", "(none)"))
        task = next((task for task in TASKS if task in parts), "")
        asked = Asked(task, steps, body["seed"], text, tuple(body.get("stop") or ()), parts.get(PROBLEM, ""))
        with self._lock:
            self.asked.append(asked)
        said = self._write(asked)
        return said if isinstance(said, Reply) else Reply(said, prompt_tokens=10, completion_tokens=5)

    def count(self, task: str) -> int:
        return sum(asked.task == task for asked in self.asked)


def played(**rates: float) -> Callable[[Asked], str]:
    """What the procedural model says, at these rates."""
    model = Procedural(**rates)  # type: ignore[arg-type]

    def write(asked: Asked) -> str:
        return model.answer({"messages": [{"role": "user", "content": asked.text}], "seed": asked.seed}).text

    return write


def good(**rates: float) -> dict[str, float]:
    """All rates 0 but these."""
    return {"slip_rate": 0.0, "misjudge_rate": 0.0, "reflect_rate": 0.0, "lose_rate": 0.0, **rates}
