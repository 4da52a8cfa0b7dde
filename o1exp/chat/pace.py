"""Limits per minute, and the pause after a server said that we are too fast: shared by all who ask one endpoint in one outputs folder.

What the others have used lies in a small file beside the locks, read and written under flock, so that it outlives a kill. Its times are
those of the monotonic clock, which all processes of a machine share and nobody can set. After a restart of the machine that clock begins
anew: a time in the future is then taken for none.
"""

import asyncio
import fcntl
import hashlib
import math
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

BURST = 5.0
"""Seconds' worth of a limit that may be used at once."""
LONGEST_HOLD = 600.0
"""Seconds; a server that asks for more is taken at this."""
LOOK_AGAIN = 5.0
"""Seconds after which a waiting request looks again: others may have used less than they thought."""
_LAYOUT = struct.Struct("<4d")
_LIMITS = "limits-"


@dataclass(frozen=True)
class Limit:
    """At most `per_minute` units a minute (0: any number). One request may use more than is there; the next ones wait that off."""

    per_minute: float

    @property
    def rate(self) -> float:
        return self.per_minute / 60

    @property
    def burst(self) -> float:
        return max(self.rate * BURST, 1.0)

    def wait(self, used: float, amount: float) -> float:
        """Seconds until the amount may be used, where `used` units are not yet forgotten."""
        return max(0.0, used + min(amount, 1.0) - self.burst) / self.rate if self.rate else 0.0


@dataclass
class LimitsState:
    """What all who ask the endpoint have used and not yet waited off, when that was counted, and until when nobody may send."""

    requests: float = 0.0
    tokens: float = 0.0
    counted: float = 0.0
    held_until: float = 0.0


class Pace:
    """When the next request to one endpoint may leave. `state` is the file that others share. Waits are cut short once `ending` is set."""

    def __init__(self, state: "Path | Limits", requests: Limit, tokens: Limit, ending: asyncio.Event) -> None:
        self._state: Limits = LimitsFile(state) if isinstance(state, Path) else state
        self._requests = requests
        self._tokens = tokens
        self._ending = ending
        self._line = asyncio.Lock()
        self._changed = asyncio.Event()

    async def turn(self, tokens: Callable[[], float], waits: Callable[[float], None]) -> bool:
        """Wait until one more request of about so many tokens is within the limits, and count it. False: the batch ends, none may leave.

        Who came first goes first, and looks anew whenever others turn out to have used less. `waits` is told the seconds of each wait.
        """
        async with self._line:
            while not self._ending.is_set():
                self._changed.clear()
                wait = self.take(tokens())
                if wait <= 0:
                    return True
                waits(wait)
                await self._look_again(min(wait, LOOK_AGAIN))
            return False

    async def _look_again(self, seconds: float) -> None:
        """Sleep, unless something changes before."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def take(self, tokens: float, requests: int = 1) -> float:
        """Count a request, or 0 of them for more tokens of one, and return 0, or the seconds until that may be possible."""
        if not (self._limited or self._state.known()):
            return 0.0  # no limit, and nobody was ever told to wait
        with self._shared() as (state, now):
            held = state.held_until - now
            wait = max(held, self._requests.wait(state.requests, requests), self._tokens.wait(state.tokens, tokens))
            if wait <= 0:
                state.requests += requests if self._requests.rate else 0
                state.tokens += tokens if self._tokens.rate else 0
            return wait

    def back(self, tokens: float, requests: int = 1) -> None:
        """A request that had its turn does not leave."""
        self._add(-requests, -tokens)

    def correct(self, guessed: float, used: float) -> None:
        """The tokens of a request turned out to be more or fewer than guessed."""
        self._add(0.0, used - guessed)

    def hold(self, seconds: float) -> None:
        """Nobody sends for so long: the server said that we are too fast."""
        with self._shared() as (state, now):
            state.held_until = max(state.held_until, now + min(seconds, LONGEST_HOLD))

    def wake(self) -> None:
        """Whoever waits looks again: the batch ends, or there is more room."""
        self._changed.set()

    def close(self) -> None:
        self._state.close()

    @property
    def _limited(self) -> bool:
        return self._requests.rate > 0 or self._tokens.rate > 0

    def _add(self, requests: float, tokens: float) -> None:
        if self._limited:
            with self._shared() as (state, _):
                state.requests = max(0.0, state.requests + (requests if self._requests.rate else 0))
                state.tokens = max(0.0, state.tokens + (tokens if self._tokens.rate else 0))
            self.wake()

    @contextmanager
    def _shared(self) -> Iterator[tuple[LimitsState, float]]:
        """The state as it is now, and what time that is; nobody else sees it until what was changed is written."""
        with self._state.shared() as (state, now):
            self._forget(state, now)
            yield state, now

    def _forget(self, state: LimitsState, now: float) -> None:
        """What was used is forgotten at the rate of the limits."""
        passed = max(0.0, now - state.counted)
        state.requests = max(0.0, state.requests - passed * self._requests.rate)
        state.tokens = max(0.0, state.tokens - passed * self._tokens.rate)
        state.counted = now
        if state.held_until > now + LONGEST_HOLD + 1:
            state.held_until = 0.0


class Limits(Protocol):
    """Where the state lies that all who ask an endpoint share."""

    def known(self) -> bool:
        """Has anybody counted anything yet?"""

    def shared(self) -> AbstractContextManager[tuple[LimitsState, float]]:
        """The state, and the time by its clock; written when the context ends, and seen by nobody else meanwhile."""

    def close(self) -> None: ...


class LimitsFile:
    """A file for the processes of one machine."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._file: int | None = None

    def known(self) -> bool:
        return self._file is not None or os.path.exists(self._path)

    @contextmanager
    def shared(self) -> Iterator[tuple[LimitsState, float]]:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            state = _read(self._file)
            yield state, time.monotonic()
            os.pwrite(self._file, packed(state.requests, state.tokens, state.counted, state.held_until), 0)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def carry(before: Limits, after: Limits) -> None:
    """What is used of an endpoint's limits, and until when nobody may send, goes to another place, whose clock is another one."""
    with before.shared() as (old, then), after.shared() as (new, now):
        new.requests, new.tokens = old.requests, old.tokens
        new.counted = now - max(0.0, then - old.counted)
        new.held_until = now + min(max(0.0, old.held_until - then), LONGEST_HOLD)


def state_files(locks: Path) -> list[Path]:
    """The files of all endpoints; the name of each names its endpoint."""
    return sorted(locks.glob(f"{_LIMITS}*"))


def state_file(locks: Path, address: str, key_name: str) -> Path:
    """The file of an endpoint."""
    return locks / name_of(address, key_name)


def name_of(address: str, key_name: str) -> str:
    """What names an endpoint: its address and the name of the variable that holds its key, for a limit belongs to an account."""
    parts = urlsplit(address)
    host = f"{parts.scheme}://{(parts.hostname or '').lower()}:{parts.port or ''}{parts.path.rstrip('/')}"
    return f"{_LIMITS}{hashlib.sha256(f'{host} {key_name}'.encode()).hexdigest()[:16]}"


def packed(requests: float, tokens: float, counted: float, held_until: float) -> bytes:
    """The content of the file."""
    return _LAYOUT.pack(requests, tokens, counted, held_until)


def _read(file: int) -> LimitsState:
    """What the file says; nothing was used where it is new or says no numbers."""
    content = os.pread(file, _LAYOUT.size, 0)
    numbers = _LAYOUT.unpack(content) if len(content) == _LAYOUT.size else ()
    return LimitsState(*numbers) if numbers and all(math.isfinite(number) and number >= 0 for number in numbers) else LimitsState()
