"""The procedural teacher as a server of its own, that counts what it answered."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Self

from o1exp.chat.request import Message, Request, seed_sent
from o1exp.chat.servers.loopback import digest
from o1exp.chat.teacher import Teacher
from tests.app.commands import environment


class CountingTeacher:
    """`python -m o1exp.chat.servers.procedural` on a free port; its log has a line for every request it answered."""

    def __init__(self, folder: Path, delay_ms: int = 0) -> None:
        self._log = folder / "requests.log"
        self._words = ["--port", "0", "--log", str(self._log), "--delay-ms", str(delay_ms)]
        self._marks: list[tuple[int, set[str]]] = []

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "o1exp.chat.servers.procedural", *self._words]
        self._process = subprocess.Popen(command, env=environment(None), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base_url = next(word for word in self._process.stdout.readline().split() if word.startswith("http"))
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def requests(self) -> list[str]:
        """The digest of every answered request, in order."""
        return [json.loads(line)["digest"] for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def forget(self) -> None:
        self._log.unlink(missing_ok=True)

    def mark(self, cache: Path) -> None:
        """Remember what the request cache holds now and how far the log has come."""
        self._marks.append((len(self.requests()), recorded(cache)))

    def repeated_after_recording(self) -> int:
        """Requests that were sent again although their answer had been recorded before."""
        sent = self.requests()
        return sum(len([name for name in sent[place:] if name in known]) for place, known in self._marks)


def recorded(cache: Path) -> set[str]:
    """The digests of the requests whose answers stand in the cache."""
    if not cache.exists():
        return set()
    with sqlite3.connect(cache) as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'answers'").fetchone():
            return set()
        questions = [json.loads(text) for (text,) in connection.execute("select asked from answers")]
    return {_digest(question["messages"], question["draw"], question["sampling"]["seed"]) for question in questions}


def _digest(messages: list[dict[str, str]], draw: int, seed: int) -> str:
    request = Request(tuple(Message(**message) for message in messages), draw)
    return digest({"messages": messages, "seed": seed_sent(Teacher(model="any", seed=seed), request)})
