"""What came in is written at once; where the cache takes nothing, it is held in memory until it does, and saved beside it in the end."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from o1exp.chat.beside import Saved, save
from o1exp.chat.cache import Cache, Unwritten
from o1exp.chat.ledger import Ledger
from o1exp.chat.unwritten import Unsynced

HOLDING = 120.0
"""Seconds that answers are held in memory for a cache that may take them soon."""
REST = 0.5
"""Seconds that a cache which took nothing is left alone: each try holds up everything, also answers that have come in."""
LAST_TRY = 5.0
"""Seconds of the last attempt before they are saved beside it."""


@dataclass(frozen=True)
class Write:
    """Something to be written; `saved` is the answer in it, if it is one; `then` is called when it stands."""

    do: Callable[[], None]
    saved: Saved | None = None
    then: Callable[[], None] | None = None


class Keeper:
    """The way of answers and failed attempts into cache and ledger. `durable` commits outlive a power failure too.

    `tell` says in the terminal that the cache takes nothing now, `fail` ends the run where it will not.
    """

    def __init__(
        self, cache: Cache, ledger: Ledger, durable: bool, tell: Callable[[str], None], fail: Callable[[BaseException], None]
    ) -> None:  # fmt: skip
        self._cache, self._ledger, self._durable, self._tell, self._fail = cache, ledger, durable, tell, fail
        self._held = deque[Write]()
        self._since: float | None = None
        self._resting = 0.0
        self._soon = False

    @property
    def rests(self) -> bool:
        """Is the cache left alone because it took nothing?"""
        return time.monotonic() < self._resting

    @property
    def full(self) -> bool:
        """Is something held that the cache did not take?"""
        return bool(self._held)

    def keep(self, saved: Saved, then: Callable[[], None]) -> None:
        """An answer and its price, committed together."""

        def commit() -> None:
            self._cache.keep(saved.key, saved.question, saved.kept)
            self._ledger.pay(saved.key, saved.model, saved.kept.completion.usage)

        self._held.append(Write(commit, saved, then))
        self.soon()

    def fail(self, key: str, model: str, reason: str, lost: bool, final: bool = False) -> None:
        """A failed attempt, with what it may have cost."""
        enter = self._ledger.lose if lost else self._ledger.release
        self._held.append(Write(lambda: enter(key, model, reason, final)))
        self.soon()

    def give_back(self, key: str) -> None:
        """A claimed request that was not sent."""
        self._held.append(Write(lambda: self._ledger.give_back(key)))
        self.soon()

    def write(self) -> None:
        """Write what is held, all of it in one commit: what came in together costs one. Errors: Unwritten, with all still held."""
        if not self._held:
            return
        try:
            with self._cache.transaction(self._durable):
                for write in self._held:
                    write.do()
        except Unsynced as problem:  # it is written all the same
            self._fail(problem)
        written, self._held = self._held, deque()
        self.takes()
        for write in written:
            if write.then is not None:
                write.then()

    def soon(self) -> None:
        """Write once all that came in at this moment has been read; within an event loop."""
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self.try_now)

    def try_now(self) -> None:
        """Write, unless the cache rests; nothing more is to be sent while it takes nothing."""
        self._soon = False
        if not self.rests:
            try:
                self.write()
            except Unwritten as problem:
                self.unwritten(problem)

    def unwritten(self, problem: Unwritten) -> None:
        """The cache took nothing: it may take what is held after all, and soon enough; or the run ends."""
        self._resting = time.monotonic() + REST
        if not problem.passing or (self._since is not None and time.monotonic() - self._since >= HOLDING):
            self._fail(problem)
        elif self._since is None:
            self._since = time.monotonic()
            self._tell(f"{problem}; what came in is held in memory meanwhile")

    def takes(self) -> None:
        """The cache has taken something."""
        self._since = None

    def finish(self, folder: Path) -> str:
        """Write what is held, or save its answers in the folder. Gives the sentence about the latter, else ""."""
        try:
            self._cache.patience(LAST_TRY)
            self.write()
        except Unwritten:
            answers = [write.saved for write in self._held if write.saved is not None]
            if not answers:
                return ""
            path = save(answers, folder)
            count = "1 answer that was paid for is" if len(answers) == 1 else f"{len(answers)} answers that were paid for are"
            if path is None:
                return f"{count} lost: no folder takes a file"
            return f"{count} saved in {path}; the next run brings {'it' if len(answers) == 1 else 'them'} in"
        return ""
