"""Limits per minute, and the common pause after a server asked for one."""

import asyncio
import time
from contextlib import suppress


class Pace:
    """When the next request of one teacher may leave. Every wait is cut short once `ending` is set."""

    def __init__(self, requests_per_minute: float, tokens_per_minute: float, ending: asyncio.Event) -> None:
        self._requests = Bucket(requests_per_minute)
        self._tokens = Bucket(tokens_per_minute)
        self._ending = ending
        self._held_until = 0.0

    async def turn(self, tokens: float) -> None:
        """Wait until one more request of about so many tokens is within the limits."""
        for bucket, amount in ((self._requests, 1), (self._tokens, tokens)):
            while (short := bucket.take(amount)) > 0 and not self._ending.is_set():
                await self.sleep(short)
        while (rest := self._held_until - time.monotonic()) > 0 and not self._ending.is_set():
            await self.sleep(rest)

    def hold(self, seconds: float) -> None:
        """Nobody sends for so long: the server said that we are too fast."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)

    def correct(self, guessed: float, used: float) -> None:
        """The tokens of a request turned out to be more or fewer than guessed."""
        self._tokens.add(guessed - used)

    async def sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)


class Bucket:
    """Lets `per_minute` units through each minute (0: any number), with a burst of at most five seconds' worth."""

    def __init__(self, per_minute: float) -> None:
        self._rate = per_minute / 60
        self._size = max(self._rate * 5, 1.0)
        self._level = self._size
        self._filled = time.monotonic()

    def take(self, amount: float) -> float:
        """0 if the amount was taken, else the seconds until it may be there. More than a full bucket leaves a debt."""
        if self._rate == 0:
            return 0.0
        now = time.monotonic()
        self._level = min(self._size, self._level + (now - self._filled) * self._rate)
        self._filled = now
        short = min(amount, self._size) - self._level
        if short > 1e-6:
            return short / self._rate
        self._level -= amount
        return 0.0

    def add(self, amount: float) -> None:
        self._level += amount
