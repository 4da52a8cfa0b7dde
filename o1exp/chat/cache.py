"""The request cache: one record per answered request in `requests.sqlite`, so that no answer is paid for twice.

Several processes of one machine may share it (sqlite in WAL mode; a network file system will not do). The spend ledger lives in the
same file, because an answer and its price are committed together.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from o1exp.chat.layout import prepare
from o1exp.flow import StageFailed
from o1exp.records import Completion, Usage

PATIENCE = 120.0
"""Seconds that one process waits for the others to write."""
REMEDIES = {
    "locked": "too many runs write into it at once; run fewer side by side, then the same command again",
    "readonly": "make the file and its folder writable, or give another folder with outputs=",
    "Read-only": "make the disk writable, or give another folder with outputs=",
    "Permission": "make the file and its folder writable, or give another folder with outputs=",
    "full": "make room on the disk and run the same command again",
    "No space": "make room on the disk and run the same command again",
    "not a database": "it is no request cache; move it away, or restore it from a copy",
    "malformed": "it is damaged; restore it from a copy, or rescue it with sqlite3's .recover, before anything is paid again",
    "disk I/O": "look at the disk, then run the same command again",
    "unable to open": "look whether it is a file that may be written, or give another folder with outputs=",
}


@dataclass(frozen=True)
class Kept:
    """A record of the cache."""

    completion: Completion
    reasoning: str
    estimated: bool


class Cache:
    """An open request cache, for the thread that opened it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        locks = path.parent / "locks"
        with _in_words(path):
            locks.mkdir(parents=True, exist_ok=True)
            with FileLock(locks / "requests.lock"):
                self.connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
                self.connection.execute("PRAGMA journal_mode=WAL")
                try:
                    prepare(self.connection, path)
                except ValueError as later:
                    raise StageFailed(str(later)) from later

    @contextmanager
    def transaction(self, durable: bool = False) -> Iterator[None]:
        """Everything inside is committed together, or nothing; one writer at a time over all processes.

        A commit outlives the death of the process; a `durable` one also a power failure, for a few milliseconds more.
        """
        with _in_words(self._path):
            self.connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # a full disk has ended it already
                    self.connection.execute("ROLLBACK")
                raise

    def has(self, key: str) -> bool:
        return self.connection.execute("SELECT 1 FROM answers WHERE key=?", (key,)).fetchone() is not None

    def find(self, key: str) -> Kept | None:
        row = self.connection.execute(
            "SELECT text, finish_reason, model, prompt_tokens, completion_tokens, usd, reasoning, estimated FROM answers WHERE key=?",
            (key,),
        ).fetchone()
        if row is None:
            return None
        text, finish_reason, model, prompt, completion, usd, reasoning, estimated = row
        usage = Usage(prompt_tokens=prompt, completion_tokens=completion, usd=usd)
        return Kept(Completion(text=text, finish_reason=finish_reason, usage=usage, model=model), reasoning, bool(estimated))

    def keep(self, key: str, question: dict[str, Any], kept: Kept) -> None:
        """Add a record; belongs into a transaction together with its ledger row."""
        done = kept.completion
        self.connection.execute(
            "INSERT OR IGNORE INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (key, json.dumps(question, ensure_ascii=False), done.text, kept.reasoning, done.finish_reason, done.model,
             done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.usd, kept.estimated, time.time()),
        )  # fmt: skip

    def close(self) -> None:
        self.connection.close()


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """What the disk or other processes refuse, as StageFailed: what, where, and what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        said = str(problem)
        remedy = next((remedy for word, remedy in REMEDIES.items() if word in said), "look at the file and its folder")
        raise StageFailed(f"{path} takes no answers ({said}): {remedy}. What was kept before is safe") from problem
