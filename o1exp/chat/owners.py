"""Who asks, and lives: each asker holds the lock of a file of its own, and the system lets it go when its process dies."""

import fcntl
import os
import uuid
from pathlib import Path
from typing import Protocol

from filelock import FileLock


class Owner(Protocol):
    """One asker among all that share a book, while it is open."""

    name: str

    def close(self) -> None: ...

    def forget(self, name: str) -> None:
        """Remove what is left of an asker that is dead, or ends."""

    def lives(self, name: str) -> bool:
        """Does the asker of that name live?"""


def owners_that_live(locks: Path) -> int:
    """How many askers of an outputs folder live; to be asked under the common lock."""
    return sum(_is_locked(path) for path in locks.glob("requests-*.lock"))


def _is_locked(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


class Locked:
    """One asker among those of an outputs folder."""

    def __init__(self, locks: Path) -> None:
        self._locks = locks
        self.name = uuid.uuid4().hex
        with FileLock(locks / "requests.lock"):
            self._lock = os.open(self._path(self.name), os.O_CREAT | os.O_RDWR)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._sweep()

    def close(self) -> None:
        self.forget(self.name)
        os.close(self._lock)

    def forget(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def lives(self, name: str) -> bool:
        return name == self.name or _is_locked(self._path(name))

    def _sweep(self) -> None:
        """Files of the dead; nobody can be between making and locking one, because both happen under the common lock."""
        for path in self._locks.glob("requests-*.lock"):
            name = path.stem.removeprefix("requests-")
            if not self.lives(name):
                self.forget(name)

    def _path(self, name: str) -> Path:
        return self._locks / f"requests-{name}.lock"
