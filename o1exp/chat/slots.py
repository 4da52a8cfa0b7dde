"""How many requests may be under way, and how long a server in trouble is waited for."""

import random
import time
from dataclasses import dataclass, field

GAIN, SURE_GAIN = 0.25, 1.0
"""Slots that one answer brings back, and that it brings once twice as many came in a row as there are slots."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 60.0
"""Seconds of the first pause after a failure, doubled with each further one, and of the longest."""
LONGEST_LOOK = 5.0
"""Seconds between two looks at a server that is away."""
DOWN = 8
"""So many requests in a row that a server could not take show that it takes none."""


class Slots:
    """A 429 takes one slot away, answers bring them back: a server that lets 20 of 64 pass is soon asked 23 at a time."""

    def __init__(self, first: int, ceiling: int) -> None:
        self._ceiling = ceiling
        self._count = float(min(first or ceiling, ceiling))
        self._in_a_row = 0

    @property
    def count(self) -> int:
        return int(self._count)

    def crowded(self) -> None:
        self._in_a_row = 0
        self._count = max(1.0, self._count - 1)

    def answered(self) -> None:
        self._in_a_row += 1
        gain = SURE_GAIN if self._in_a_row >= 2 * self._count else GAIN
        self._count = min(float(self._ceiling), self._count + gain)


@dataclass
class Trouble:
    """What the server has failed to take since its last answer. While it is down, one request at a time looks whether it is back."""

    answered: bool = False
    """Has it ever?"""
    since: float | None = None
    in_a_row: int = 0
    looks: int = 0
    until: float = 0.0
    """Before that (monotonic clock) nobody looks."""
    reason: str = ""

    @property
    def down(self) -> bool:
        return self.looks > 0

    @property
    def lasts(self) -> float:
        """Seconds since the first failure after the last answer."""
        return 0.0 if self.since is None else time.monotonic() - self.since

    def over(self) -> None:
        self.since, self.in_a_row, self.looks, self.until, self.answered = None, 0, 0, 0.0, True

    def failed(self, reason: str, unreachable: float, after: float) -> None:
        """The server could not take a request, and asked for so many seconds."""
        self.since = time.monotonic() if self.since is None else self.since
        self.in_a_row += 1
        self.reason = reason
        down = self.down or unreachable or self.in_a_row >= DOWN
        if down and time.monotonic() >= self.until:  # those that were under way when it went down are one look together
            self.looks += 1
            self.until = time.monotonic() + max(after, min(LONGEST_LOOK, backoff(self.looks)))

    def patience(self, seconds: float, unreachable: float) -> float:
        """Seconds that it is waited for."""
        return seconds if self.answered or not unreachable else min(seconds, unreachable)


@dataclass
class Tries:
    """What became of one request so far: attempts that count, those that do not, and since when it waits (monotonic clock)."""

    failed: int = 0
    waits: int = 0
    since: float = field(default_factory=time.monotonic)


def backoff(number: int) -> float:
    """Seconds before the next attempt after the `number`-th failure, never exactly the same."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(number - 1, 20)) * random.uniform(0.75, 1.25)
