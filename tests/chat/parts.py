"""A real store, a real stage that asks, and answer functions for a real server."""

import io
import json
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal

from o1exp.chat.client import Calls, Client
from o1exp.chat.postgres import Postgres
from o1exp.chat.purse import url_of
from o1exp.chat.request import Request
from o1exp.chat.servers.loopback import Refusal, Reply
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Console, Stage, Store, Work, how
from o1exp.records import Example, Table


@dataclass(frozen=True, kw_only=True)
class Ask(Stage[Table[Example]]):
    """Asks `count` questions, each `draws` times, and keeps the answers."""

    teacher: Teacher
    count: int = 8
    draws: int = 1
    first: int = 0
    budget: Budget = how(Budget())

    def make(self, work: Work) -> None:
        asked = [Request.user(f"question {n}", draw) for n in range(self.first, self.first + self.count) for draw in range(self.draws)]
        calls, rows = Calls(), []
        with Client(self.teacher, self.budget, work) as client:
            for request, answer in zip(asked, client.ask(asked), strict=True):
                calls.add(answer)
                rows.append(Example(problem=request.messages[0].content, prompt="", response=answer.thinking, draw=request.draw))
        work.write(Example, rows)
        work.note(**calls.facts())


class Answers:
    """Says which question it got under which seed; 10 prompt and 20 completion tokens. Counts what it was asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any]) -> Reply:
        question = body["messages"][-1]["content"]
        with self._lock:
            self.asked[f"{question} {body.get('seed')}"] += 1
            times = self.asked[f"{question} {body.get('seed')}"]
        return self.reply(question, body, times)

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        return Reply(f"answer to {question} with seed {body.get('seed')}", prompt_tokens=10, completion_tokens=20)


class Failing(Answers):
    """Fails the first `bad` times that a question is asked, then answers."""

    def __init__(self, refusal: Refusal, bad: int = 1) -> None:
        super().__init__()
        self._refusal, self._bad = refusal, bad

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        if times <= self._bad:
            raise self._refusal
        return super().reply(question, body, times)


def quiet_store(root: Path) -> tuple[Store, io.StringIO]:
    """A store over `root` and what its console says."""
    said = io.StringIO()
    return Store(root, Console(Terminal(file=said, width=1000))), said


def rows(database: Path, query: str) -> list[Any]:
    """What the book of the outputs folder answers, wherever that lies."""
    if url := url_of(database.parent):
        with closing(Postgres(url)) as base:
            found: list[Any] = base.execute(query).fetchall()
            return found
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def logged(log: Path) -> Counter[str]:
    """How often the server answered each request."""
    return Counter(json.loads(line)["digest"] for line in log.read_text().splitlines())
