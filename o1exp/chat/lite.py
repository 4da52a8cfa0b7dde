"""A book in a file: sqlite in WAL mode, for the processes of one machine; a network file system will not do."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from o1exp.chat.layout import prepare
from o1exp.chat.owners import Locked, Owner
from o1exp.chat.pace import Limits, LimitsFile, state_file
from o1exp.chat.purse import url_of
from o1exp.chat.unwritten import Unsynced, Unwritten
from o1exp.flow import StageFailed

PATIENCE = 120.0
"""Seconds that a cache is waited for which takes no answers."""
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


class Moved(Exception):
    """The folder has another book now, at this address: it was moved while this process waited for its turn."""


class Lite:
    """An open file, for the thread that opened it."""

    max_tokens = "json_extract(asked, '$.sampling.max_tokens')"
    """The most tokens that a question asked for, in SQL."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log: int | None = None
        locks = path.parent / "locks"
        with self.in_words():
            locks.mkdir(parents=True, exist_ok=True)
            with FileLock(locks / "requests.lock"):
                if url := url_of(path.parent):
                    raise Moved(url)
                self.connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
                self.connection.execute("PRAGMA journal_mode=WAL")
                self.connection.execute("PRAGMA synchronous=NORMAL")
                try:
                    prepare(self.connection, path)
                except ValueError as later:
                    raise StageFailed(str(later)) from later

    @contextmanager
    def transaction(self, durable: bool = False) -> Iterator[None]:
        """As Cache.transaction."""
        if self.connection.in_transaction:
            yield
            return
        with self.in_words():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # a full disk has ended it already
                    self.connection.execute("ROLLBACK")
                raise
        if durable:
            self._sync()

    def _sync(self) -> None:
        """Wait until the disk has what was committed, as sqlite itself would within the commit: but others write meanwhile, and what
        several processes wait for, the disk takes at once. What a new log has replaced is in the file, which was waited for then."""
        try:
            if self._log is None:  # it stays the same file while a connection is open
                self._log = os.open(f"{self._path}-wal", os.O_RDONLY)
            os.fdatasync(self._log)
        except OSError as problem:
            raise Unsynced(
                f"{self._path}: it is not known whether the disk has what was written last ({problem}): look at the disk and at the bill "
                "before anything is asked again"
            ) from problem

    def patience(self, seconds: float) -> None:
        self.connection.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")

    def owner(self, locks: Path) -> Owner:
        return Locked(locks)

    def limits(self, locks: Path, address: str, key_name: str) -> Limits:
        return LimitsFile(state_file(locks, address, key_name))

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """What the disk or other processes refuse, as StageFailed: what, where, and what to do."""
        try:
            yield
        except (sqlite3.Error, OSError) as problem:
            said = str(problem)
            remedy = next((remedy for word, remedy in REMEDIES.items() if word in said), "look at the file and its folder")
            raise Unwritten(f"{self._path} takes no answers ({said}): {remedy}. What was kept before is safe") from problem

    def close(self) -> None:
        self.connection.close()
        if self._log is not None:
            os.close(self._log)
            self._log = None
