"""Who works on what: one process at a time holds a name, among all that share a folder of locks.

`Flocks` asks the file system, which lets go of a lock when its holder dies. `Beats` needs no locks of the file system: a holder shows that
it lives by writing again and again, and one that is silent for too long is replaced.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from o1exp.flow.places import create, names_in, put, read

LOOK_SECONDS = 0.5
BEATS = 6
"""A holder shows that often that it lives before its silence counts as death."""


class Lost(Exception):
    """A holder was silent for so long that another one took its place."""


class Silent(Exception):
    """The file system of the locks does not answer, so that nobody knows who holds what; the cause is its error."""


class Hold(Protocol):
    """A name that is held."""

    @property
    def lost(self) -> bool:
        """Has another process, as far as is known, taken the name since?"""

    def check(self) -> None:
        """Look whether it is still held. Errors: Lost."""


class Holds(Protocol):
    """The names of one folder of locks."""

    def hold(self, name: str, waiting: Callable[[], None]) -> AbstractContextManager[Hold]:
        """Hold the name. While another process does, `waiting` is called again and again; it may raise."""

    def held(self, name: str) -> bool:
        """Does a process that lives hold the name?"""

    def forget(self, name: str) -> None:
        """Remove what is left of a name that nobody will hold again."""


class Flocks:
    """Names held by locks of the file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, name: str, waiting: Callable[[], None]) -> Iterator[Hold]:
        lock = self._lock(name)
        while True:
            try:
                lock.acquire(timeout=LOOK_SECONDS)
                break
            except Timeout:
                waiting()
        try:
            yield KEPT
        finally:
            lock.release()

    def held(self, name: str) -> bool:
        if not (self._folder / f"{name}.lock").exists():  # to lock it would make a file for each artefact that is looked at
            return False
        try:
            with self._lock(name).acquire(timeout=0):
                return False
        except Timeout:
            return True

    def forget(self, name: str) -> None:
        (self._folder / f"{name}.lock").unlink(missing_ok=True)

    def _lock(self, name: str) -> FileLock:
        self._folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self._folder / f"{name}.lock", thread_local=False)


class Kept:
    """Held until it is let go."""

    lost = False

    def check(self) -> None:
        pass


KEPT = Kept()


class Beats:
    """Names held by heartbeats in a folder of any file system that makes a file only where there is none.

    Below a name the holders are numbered: who makes the next number holds it. `<number>.beat` changes while the holder lives,
    `<number>.free` says that it has let go. The highest number is never removed, so that nobody can take an old one for it. Whether a
    holder lives is told by the clock of the one who looks: clocks of machines differ. Silence for `patience` seconds is death.

    Who can show nothing for so long takes itself for dead, unless the locks only save double work (`mild`): then it goes on until it sees
    that another one has taken its place.
    """

    def __init__(self, fs: Any, folder: str, patience: float, mild: bool = False) -> None:
        self._fs, self._folder, self.patience, self.mild = fs, folder.rstrip("/"), patience, mild

    @contextmanager
    def hold(self, name: str, waiting: Callable[[], None]) -> Iterator[Hold]:
        """Errors: Silent, and those of `waiting`."""
        watch = _Watch()
        while (number := self._looked(name, watch)) is None:
            waiting()
            time.sleep(min(LOOK_SECONDS, self.patience / BEATS))
        pulse = _Pulse(self, name, number)
        try:
            yield pulse
        finally:
            pulse.stop()
            with suppress(Exception):  # it counts as dead after a while
                create(self._fs, self._path(name, f"{number}.free"), b"")

    def held(self, name: str) -> bool:
        watch = _Watch()
        while True:
            files = names_in(self._fs, self._path(name))
            top = _highest(files)
            if not top or f"{top}.free" in files:
                return False
            before = watch.said
            if watch.dead(top, self._beat(name, top), self.patience):
                return False
            if before is not None and watch.said != before:
                return True
            time.sleep(min(LOOK_SECONDS, self.patience / BEATS))

    def forget(self, name: str) -> None:
        with suppress(Exception):
            self._fs.rm(self._path(name), recursive=True)

    def beat(self, name: str, number: int, count: int) -> None:
        put(self._fs, self._path(name, f"{number}.beat"), str(count).encode())

    def replaced(self, name: str, number: int) -> bool:
        return _highest(names_in(self._fs, self._path(name))) > number

    @property
    def interval(self) -> float:
        return self.patience / BEATS

    def _looked(self, name: str, watch: "_Watch") -> int | None:
        try:
            return self._taken(name, watch)
        except Exception as wrong:
            raise Silent(str(wrong)) from wrong

    def _taken(self, name: str, watch: "_Watch") -> int | None:
        files = names_in(self._fs, self._path(name))
        top = _highest(files)
        if top and f"{top}.free" not in files and not watch.dead(top, self._beat(name, top), self.patience):
            return None
        if not create(self._fs, self._path(name, str(top + 1)), uuid.uuid4().hex.encode()):
            return None
        if self.replaced(name, top + 1):  # the look was an old one: others have gone on, and tidied behind them
            self._remove(name, str(top + 1))
            return None
        self.beat(name, top + 1, 0)
        for old in (file for file in files if file.partition(".")[0].isdigit()):
            self._remove(name, old)
        return top + 1

    def _beat(self, name: str, number: int) -> bytes:
        return read(self._fs, self._path(name, f"{number}.beat")) or b""

    def _remove(self, name: str, file: str) -> None:
        with suppress(Exception):  # whoever holds the name next does it
            self._fs.rm_file(self._path(name, file))

    def _path(self, name: str, file: str = "") -> str:
        return "/".join(filter(None, (self._folder, name, file)))


@dataclass
class _Watch:
    """What a holder showed last, and since when, by the clock of the one who looks."""

    said: tuple[int, bytes] | None = None
    since: float = 0.0

    def dead(self, number: int, beat: bytes, patience: float) -> bool:
        if self.said != (number, beat):
            self.said, self.since = (number, beat), time.monotonic()
        return time.monotonic() - self.since >= patience


class _Pulse:
    """The heartbeat of one holder. Where the file system takes none for too long, others will think it dead, and so must it."""

    def __init__(self, beats: Beats, name: str, number: int) -> None:
        self._beats, self._name, self._number = beats, name, number
        self._over, self._replaced, self._last = threading.Event(), False, time.monotonic()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        return self._replaced or (not self._beats.mild and time.monotonic() - self._last > self._beats.patience)

    def _run(self) -> None:
        count = 0
        while not self._over.wait(self._beats.interval):
            count += 1
            with suppress(Exception):  # a file system that is away for a moment
                self._replaced = self._replaced or self._beats.replaced(self._name, self._number)
                self._beats.beat(self._name, self._number, count)
                self._last = time.monotonic()

    def check(self) -> None:
        with suppress(Exception) if self._beats.mild else nullcontext():
            self._replaced = self._replaced or self._beats.replaced(self._name, self._number)
        if self.lost:
            raise Lost(self._name)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def _highest(files: list[str]) -> int:
    return max((int(name) for name in files if name.isdigit()), default=0)
