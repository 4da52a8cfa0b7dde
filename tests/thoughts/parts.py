"""Real problems and a real teacher on loopback that is right at the draws it is told to be."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.chat.servers.loopback import Reply
from o1exp.chat.teacher import Teacher
from o1exp.flow import Stage, Store, Work
from o1exp.records import Example, Problem, Table
from tests.chat.parts import quiet_store


@dataclass(frozen=True, kw_only=True)
class Given(Stage[Table[Problem]]):
    """Problems "What is n + n?"; `solved` of them have a solution, `unreadable` ones no gold answer."""

    count: int = 4
    solved: int = 99
    unreadable: tuple[int, ...] = ()

    def make(self, work: Work) -> None:
        work.write(Problem, (self._problem(n) for n in range(self.count)))

    def _problem(self, n: int) -> Problem:
        solution = f"Twice {n} is {2 * n}." if n < self.solved else " "
        answer = "" if n in self.unreadable else str(2 * n)
        return Problem(id=f"p{n}", question=f"What is {n} + {n}?", answer=answer, solution=solution, source="sums")


@dataclass(frozen=True, kw_only=True)
class Thoughts(Stage[Table[Example]]):
    """Examples (problem, response) as given, drawn in this order."""

    texts: tuple[str, ...] = ()

    def make(self, work: Work) -> None:
        seen: dict[str, int] = {}
        rows = []
        for text in self.texts:
            problem, response = text.split(":", 1)
            seen[problem] = seen.get(problem, -1) + 1
            rows.append(Example(problem=problem, prompt=f"What is {problem}?", response=response, draw=seen[problem], origin="m"))
        work.write(Example, rows)


class Sums:
    """Answers problem n by `write(n, times asked before)`."""

    def __init__(self, write: Callable[[int, int], Reply]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self.asked: list[int] = []
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, body: dict[str, Any]) -> Reply:
        found = re.search(r"What is (\d+) \+", body["messages"][-1]["content"])
        assert found is not None
        n = int(found.group(1))
        with self._lock:
            times = self.asked.count(n)
            self.asked.append(n)
            self.bodies.append(body)
        return self._write(n, times)


def boxed(value: int, words: str = "Let me think.") -> Reply:
    return Reply(f"{words} So \\boxed{{{value}}}", prompt_tokens=5, completion_tokens=7)


def facts(store: Store, stage: Stage[Any]) -> dict[str, Any]:
    manifest = store.manifest(stage)
    assert manifest is not None
    return manifest.facts


def teacher(base_url: str, **fields: Any) -> Teacher:
    return Teacher(**{"model": "m", "base_url": base_url, "retries": 0, **fields})


def store(root: Path) -> Store:
    return quiet_store(root)[0]
