"""Draws of one prompt that share a request: which ones do, and when a server is asked for them one by one."""

import re
from collections import deque
from collections.abc import Callable

from o1exp.chat.desk import Order


class Together:
    """What one request asks for; `most` draws where the server takes so many."""

    def __init__(self, most: int, who: str, tell: Callable[[str], None]) -> None:
        self._most, self._who, self._tell = most, who, tell

    def take(self, ready: deque[Order]) -> list[Order]:
        """The next order, and those behind it that are draws of the same prompt, as far as one request may ask for them."""
        orders = [ready.popleft()]
        while ready and len(orders) < self._most and _may_join(orders[0], ready[0]):
            orders.append(ready.popleft())
        return orders

    def refused(self, asked: int, reason: str) -> None:
        """The server will not take the draws of a prompt together; whether it is for n shows when each is asked for by itself."""
        if re.search(r"\bn\b", reason):
            self._alone(f"{self._who} does not take n={asked} ({reason})")

    def came(self, asked: int, answers: int) -> None:
        """One answer where several were asked for: the server does not know n."""
        if asked > 1 == answers:
            self._alone(f"{self._who} gave one answer for n={asked}")

    def _alone(self, why: str) -> None:
        self._most = 1
        self._tell(f"{why}; draws are asked for one by one")


def _may_join(first: Order, other: Order) -> bool:
    """May one request ask for both?"""
    return not (first.alone or other.alone) and first.request.messages == other.request.messages
