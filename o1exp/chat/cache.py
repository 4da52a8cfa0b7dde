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

from o1exp.flow import StageFailed
from o1exp.records import Completion, Usage

SCHEMA = 1
_TABLES = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY, asked TEXT NOT NULL, text TEXT NOT NULL, reasoning TEXT NOT NULL, finish_reason TEXT NOT NULL,
    model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, usd REAL NOT NULL,
    estimated INTEGER NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY, study TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, usd REAL NOT NULL, time REAL NOT NULL
);
CREATE TABLE totals (study TEXT PRIMARY KEY, usd REAL NOT NULL, lost_usd REAL NOT NULL);
CREATE TABLE claims (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, study TEXT NOT NULL, model TEXT NOT NULL, bound_usd REAL NOT NULL,
    likely_prompt INTEGER NOT NULL, likely_completion INTEGER NOT NULL, likely_usd REAL NOT NULL
);
"""


@dataclass(frozen=True)
class Kept:
    """A record of the cache."""

    completion: Completion
    reasoning: str
    estimated: bool


class Cache:
    """An open request cache, for the thread that opened it."""

    def __init__(self, path: Path) -> None:
        locks = path.parent / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / "requests.lock"):
            self.connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self.connection.execute("PRAGMA journal_mode=WAL")
            self._set_up(path)

    def _set_up(self, path: Path) -> None:
        found = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            self.connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA}; COMMIT;")
        elif found != SCHEMA:
            raise StageFailed(
                f"{path} has layout {found}, this o1exp reads {SCHEMA}: use the o1exp that wrote it, or another outputs folder"
            )

    @contextmanager
    def transaction(self, durable: bool = False) -> Iterator[None]:
        """Everything inside is committed together, or nothing; one writer at a time over all processes.

        A commit outlives the death of the process; a `durable` one also a power failure, for a few milliseconds more.
        """
        self.connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

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
