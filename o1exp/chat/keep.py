"""What came in is written at once; where the cache takes nothing, it is held in memory until it does, and saved beside it in the end."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from o1exp.chat.beside import Saved, save
from o1exp.chat.cache import Cache, Unwritten
from o1exp.chat.ledger import Ledger

HOLDING = 120.0
"""Seconds that answers are held in memory for a cache that may take them soon."""
LAST_TRY = 5.0
"""Seconds of the last attempt before they are saved beside it."""


@dataclass(frozen=True)
class Write:
    """Something to be written; `saved` is the answer in it, if it is one; `then` is called when it stands."""

    do: Callable[[], None]
    saved: Saved | None = None
    then: Callable[[], None] | None = None


class Keeper:
    """The way of answers and failed attempts into cache and ledger. `durable` commits outlive a power failure too."""

    def __init__(self, cache: Cache, ledger: Ledger, durable: bool) -> None:
        self._cache, self._ledger, self._durable = cache, ledger, durable
        self._held = deque[Write]()
        self._since: float | None = None

    @property
    def full(self) -> bool:
        """Is something held that the cache did not take?"""
        return bool(self._held)

    def keep(self, saved: Saved, then: Callable[[], None]) -> None:
        """An answer and its price, committed together."""

        def commit() -> None:
            with self._cache.transaction(self._durable):
                self._cache.keep(saved.key, saved.question, saved.kept)
                self._ledger.pay(saved.key, saved.model, saved.kept.completion.usage)

        self._held.append(Write(commit, saved, then))

    def fail(self, key: str, model: str, reason: str, lost: bool, final: bool = False) -> None:
        """A failed attempt, with what it may have cost."""
        enter = self._ledger.lose if lost else self._ledger.release
        self._held.append(Write(lambda: enter(key, model, reason, final)))

    def give_back(self, key: str) -> None:
        """A claimed request that was not sent."""
        self._held.append(Write(lambda: self._ledger.give_back(key)))

    def write(self) -> None:
        """Write what is held, the oldest first. Errors: Unwritten, with the rest still held."""
        while self._held:
            write = self._held[0]
            write.do()
            self._held.popleft()
            self.takes()
            if write.then is not None:
                write.then()

    def waits(self, problem: Unwritten) -> bool:
        """May the cache take what is held after all, and soon enough?"""
        self._since = time.monotonic() if self._since is None else self._since
        return problem.passing and time.monotonic() - self._since < HOLDING

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
            where = f"saved in {path}" if path.parent == folder else f"saved in {path}: move that file into {folder}, and"
            return f"{count} {where}; the next run brings {'it' if len(answers) == 1 else 'them'} in"
        return ""
