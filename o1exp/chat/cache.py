"""The request cache: one record per answered request in `requests.sqlite`, so that no answer is paid for twice.

Several processes of one machine may share it (sqlite in WAL mode; a network file system will not do). The spend ledger lives in the
same file, because an answer and its price are committed together.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from o1exp.chat.layout import base_key, prepare
from o1exp.chat.request import Came
from o1exp.flow import StageFailed
from o1exp.records import Completion, Usage
from o1exp.records.finish import ending

PATIENCE = 120.0
"""Seconds that a cache is waited for which takes no answers."""
BUSY = 0.5
"""Seconds of it that sqlite may wait by itself for the other writers: meanwhile this process hears no server."""
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


class Unwritten(StageFailed):
    """The cache takes nothing now: others write, the disk is full, the file is damaged. The message says which, and what to do."""

    @property
    def passing(self) -> bool:
        """May it take something soon?"""
        return any(word in str(self.__cause__) for word in ("locked", "busy", "full", "No space"))


@dataclass(frozen=True)
class Kept:
    """A record of the cache."""

    completion: Completion
    reasoning: str
    estimated: bool
    came: Came = field(default_factory=Came)


class Cache:
    """An open request cache, for the thread that opened it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._durable: bool | None = None
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

        A commit outlives the death of the process; a `durable` one also a power failure, for a few milliseconds more. Inside another
        transaction it is a part of that.
        """
        if self.connection.in_transaction:
            yield
            return
        with _in_words(self._path):
            if durable != self._durable:
                self.connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # a full disk has ended it already
                    self.connection.execute("ROLLBACK")
                raise

    def patience(self, seconds: float) -> None:
        """How long sqlite itself waits for other writers from now on."""
        self.connection.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")

    def has(self, key: str) -> bool:
        return self._row("SELECT 1 FROM answers WHERE key=?", key) is not None

    def standing(self, key: str, question: dict[str, Any]) -> str | None:
        """The key of the record that answers the question, if there is one.

        It is the question's own, or that of the same one asked with a smaller max_tokens: an answer that was not cut off would be no other.
        """
        if self.has(key):
            return key
        query = (
            "SELECT key, finish_reason FROM answers WHERE base=? AND json_extract(asked, '$.sampling.max_tokens') < ? "
            "ORDER BY json_extract(asked, '$.sampling.max_tokens') DESC"
        )
        with _in_words(self._path):
            found = self.connection.execute(query, (base_key(question), question.get("sampling", {}).get("max_tokens", 0))).fetchall()
        return next((str(key) for key, reason in found if ending(reason) == "stop"), None)

    def find(self, key: str) -> Kept | None:
        row = self._row(
            "SELECT text, finish_reason, model, prompt_tokens, completion_tokens, usd, reasoning, estimated, came FROM answers WHERE key=?",
            key,
        )
        if row is None:
            return None
        text, finish_reason, model, prompt, completion, usd, reasoning, estimated, came = row
        usage = Usage(prompt_tokens=prompt, completion_tokens=completion, usd=usd)
        done = Completion(text=text, finish_reason=finish_reason, usage=usage, model=model)
        return Kept(done, reasoning, bool(estimated), Came(**json.loads(came)))

    def _row(self, query: str, *values: Any) -> Any:
        with _in_words(self._path):
            return self.connection.execute(query, values).fetchone()

    def keep(self, key: str, question: dict[str, Any], kept: Kept) -> None:
        """Add a record; belongs into a transaction together with its ledger row."""
        done = kept.completion
        self.connection.execute(
            "INSERT OR IGNORE INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (key, json.dumps(question, ensure_ascii=False), done.text, kept.reasoning, done.finish_reason, done.model,
             done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.usd, kept.estimated, time.time(), base_key(question),
             json.dumps(asdict(kept.came))),
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
        raise Unwritten(f"{path} takes no answers ({said}): {remedy}. What was kept before is safe") from problem
