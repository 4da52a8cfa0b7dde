"""What failed attempts lead to: fewer at a time, a pause, a wait for a server that is away with a line that says so, or a request's end."""

import heapq
import itertools
import time
from collections.abc import Callable, Iterator

from o1exp.chat.desk import HINT, Order
from o1exp.chat.failure import Again
from o1exp.chat.pace import LONGEST_HOLD
from o1exp.chat.slots import Slots, Tries, Trouble, backoff
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed

LONG = 10.0
"""Seconds; a longer wait is told when it begins."""


class Setbacks:
    """The state of one server, as far as failures tell of it, and the orders that wait for their next attempt.

    `who` names the server in sentences; `line` says one in the terminal, also where that is none.
    """

    def __init__(self, teacher: Teacher, who: str, line: Callable[[str], None]) -> None:
        self._teacher, self._who, self._line = teacher, who, line
        self._later: list[tuple[float, int, Order]] = []
        """By the time of the next attempt (monotonic clock)."""
        self._numbers = itertools.count()
        self._tries: dict[str, Tries] = {}
        self._slots = Slots(teacher.first_concurrency, teacher.at_once)
        self._trouble = Trouble()
        self._told = False

    @property
    def waiting(self) -> bool:
        return bool(self._later)

    def due(self) -> Iterator[Order]:
        """The orders whose time has come."""
        while self._later and self._later[0][0] <= time.monotonic():
            yield heapq.heappop(self._later)[2]

    def until_due(self, most: float) -> float:
        """Seconds until the next one is due."""
        return min(most, max(0.0, self._later[0][0] - time.monotonic())) if self._later else most

    def room(self, busy: int) -> int:
        """How many more requests may leave. While the server is down one at a time looks whether it is back."""
        if self._trouble.down:
            return int(not busy and time.monotonic() >= self._trouble.until)
        return max(0, self._slots.count - busy)

    def answered(self) -> None:
        self._told = False
        self._trouble.over()
        self._slots.answered()

    def understood(self) -> None:
        """The server has looked at a request, and will not answer it."""
        self._trouble.over()

    def over(self, order: Order) -> None:
        """It came to its end."""
        self._tries.pop(order.key, None)

    def met(self, again: Again) -> float:
        """The server has failed an attempt. Gives the seconds for which it wants to be left alone by everybody, 0 for none."""
        if not self._teacher.batch:  # a row of a batch says nothing of the server
            self._trouble.failed(again.reason, again.unreachable, again.after or 0.0)
        if again.crowded:
            self._slots.crowded()
        return self._asked_for(again) if again.timed else 0.0

    def put_off(self, order: Order, again: Again) -> str:
        """Its next attempt is for later; gives the reason, instead, why there will be none. Errors: StageFailed after too long a wait."""
        tries = self._tries.setdefault(order.key, Tries())
        if again.timed:
            tries.waits += 1
        else:
            tries.failed += 1
            tries.since = time.monotonic()
        most = self._trouble.patience(self._teacher.patience, again.unreachable)
        if again.timed and self._trouble.lasts > most:
            raise StageFailed(f"{self._who} gave no answer for {most:g} s, at last: {again.reason}. {HINT}")
        waited = time.monotonic() - tries.since
        if tries.failed > self._teacher.retries or (again.timed and waited > self._teacher.patience):
            return again.reason + (f" ({tries.failed + tries.waits} attempts)" if tries.failed + tries.waits > 1 else "")
        pause = self._pause(tries, again)
        heapq.heappush(self._later, (time.monotonic() + pause, next(self._numbers), order))
        if pause > LONG or self._trouble.lasts > LONG or (self._trouble.down and not self._trouble.answered):
            self.tell(f"{self._who}: {again.reason}; waiting for it, {most:g} s at most")
        return ""

    def _pause(self, tries: Tries, again: Again) -> float:
        """Where others are answered it is no use to wait long, unless the server said that there are too many of us."""
        if again.after:
            return self._asked_for(again)
        return backoff(tries.waits if again.crowded else min(tries.waits + tries.failed, self._trouble.in_a_row))

    def _asked_for(self, again: Again) -> float:
        return min(again.after or 0.0, LONGEST_HOLD, max(1.0, self._teacher.patience))

    def wait_of_pace(self, seconds: float) -> None:
        """A request waits for so long until the limits allow it."""
        if seconds > LONG:
            self.tell(f"{self._who}: {seconds:.0f} s until the next request may be sent, by its limits or as the server asked")

    def tell(self, text: str) -> None:
        """One line for each trouble."""
        if not self._told:
            self._told = True
            self._line(text)
