"""Planted answers, and judges behind a real server on loopback that say what they are told."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from o1exp.bench.engines.engine import InferenceEngine, SamplingJob
from o1exp.bench.sample import Sample
from o1exp.bench.sampling import Sampling
from o1exp.bench.scorer import Scorer
from o1exp.chat.servers.loopback import Reply
from o1exp.chat.teacher import Teacher
from o1exp.flow import Expect, Machine, Stage, Work
from o1exp.records import Attempt, Problem, Score, Table


@dataclass(frozen=True, kw_only=True)
class Asked(Stage[Table[Problem]]):
    """Problems "question|gold"."""

    rows: tuple[str, ...]

    def make(self, work: Work) -> None:
        pairs = [row.partition("|") for row in self.rows]
        work.write(Problem, (Problem(id=f"p{n}", question=ask, answer=gold) for n, (ask, _, gold) in enumerate(pairs)))


@dataclass(frozen=True, kw_only=True)
class Planted(InferenceEngine):
    """Answers problem n with the n-th text."""

    needs_model = False
    texts: tuple[str, ...]

    def expect(self, sampling: Sampling, answers: float | None, model: Expect, machine: Machine) -> Expect:
        return Expect(rows=answers)

    def attempts(self, job: SamplingJob, work: Work) -> list[Attempt]:
        pairs = zip(job.problems, self.texts, strict=True)
        return [Attempt(problem=problem.id, draw=0, text=text, tokens=3, finish_reason="stop") for problem, text in pairs]


def scored(scorer: Scorer, rows: tuple[str, ...], texts: tuple[str, ...]) -> Stage[Table[Score]]:
    """The stage that scores planted answers to these questions."""
    problems = Asked(rows=rows)
    return scorer.stage(Sample(model=None, problems=problems, engine=Planted(texts=texts)), problems)


class Saying:
    """A judge that says what `say` makes of the prompt; keeps every prompt."""

    def __init__(self, say: Callable[[str], str | Reply]) -> None:
        self._say, self._lock = say, threading.Lock()
        self.asked: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Reply:
        text = body["messages"][-1]["content"]
        with self._lock:
            self.asked.append(text)
        said = self._say(text)
        return said if isinstance(said, Reply) else Reply(said, prompt_tokens=5, completion_tokens=7)


def judge(base_url: str, model: str = "m", **fields: Any) -> Teacher:
    return Teacher(base_url=base_url, model=model, temperature=0.0, free=True, retries=0, **fields)


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
