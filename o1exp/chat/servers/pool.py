"""Servers that answer side by side: each is looked after, started again once after a crash, and ended with the run."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from o1exp.chat.servers.replica import Launch, Replica
from o1exp.flow import StageFailed, Stopped, Work

RESTARTS = 1
"""How often a server that crashed while it answered is started again."""
LOOK_SECONDS = 0.2
LAST_MOMENTS = 2.0
"""Seconds that a server which lost a request is watched: most often it is about to end."""


class Pool:
    """The servers of one model; `with Pool(launches, work) as pool` gives them once all are ready.

    Errors: StageFailed where one does not start; Stopped.
    """

    def __init__(self, launches: Sequence[Launch], work: Work) -> None:
        self._work = work
        self._replicas = [Replica(launch, self._teller(launch, number, len(launches))) for number, launch in enumerate(launches)]
        self._watchers: list[threading.Thread] = []
        self._ending = threading.Event()
        self._changed = threading.Condition()
        self.failure: StageFailed | None = None
        """Why no request will be answered any more."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        self._watchers = [threading.Thread(target=self._watch, args=(one,), daemon=True, name="server") for one in self._replicas]
        for watcher in self._watchers:
            watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()
        self._work.child_cpu_seconds += sum(one.cpu_seconds for one in self._replicas)

    def take(self) -> Replica:
        """The server with the fewest requests, which has one more now; waits while none is ready. Errors: StageFailed, Stopped."""
        with self._changed:
            while True:
                if self.failure is not None:
                    raise self.failure
                if self._ending.is_set():
                    raise Stopped
                if ready := [one for one in self._replicas if one.ready]:
                    found = min(ready, key=lambda one: one.under_way)
                    found.under_way += 1
                    return found
                self._changed.wait(LOOK_SECONDS)

    def back(self, replica: Replica) -> None:
        """A request to it has ended, however."""
        with self._changed:
            replica.under_way -= 1

    def lost(self, replica: Replica) -> bool:
        """A request to it failed: has the server crashed? Then it gets no more until it is up again."""
        crashed = replica.gone(LAST_MOMENTS)
        if crashed:
            with self._changed:
                replica.ready = False
        return crashed

    def _start(self) -> None:
        first = self._replicas[0].launch
        self._replicas[0].say(f"starts and serves {first.model} (log: {first.log})")
        with self._work.progress("server", None) as bar, ThreadPoolExecutor(len(self._replicas)) as starting:
            begun = [starting.submit(self._bring_up, one, lambda note: bar.at(0, note)) for one in self._replicas]
            for one in begun:
                try:
                    one.result()
                except BaseException:
                    self._ending.set()  # the others need not go on
                    raise

    def _bring_up(self, replica: Replica, note: Callable[[str], None]) -> None:
        replica.start(lambda: self._ending.is_set() or self._work.stopping, note)
        with self._changed:
            replica.ready = True
            self._changed.notify_all()

    def _watch(self, replica: Replica) -> None:
        """Look after one server until the pool ends, or it has crashed once too often."""
        while not self._ending.wait(LOOK_SECONDS):
            if not (trouble := replica.trouble()):
                continue
            try:
                if replica.restarts >= RESTARTS:
                    raise replica.given_up(trouble)
                replica.end()
                replica.restarts += 1
                replica.say(f"{trouble}; it is started again, and what it was asked is asked again (log: {replica.launch.log})")
                self._bring_up(replica, lambda note: None)
            except StageFailed as failure:
                self._fail(failure)
                return
            except Stopped:
                return

    def _fail(self, failure: StageFailed) -> None:
        with self._changed:
            self.failure = self.failure or failure
            self._changed.notify_all()

    def _end(self) -> None:
        self._ending.set()
        with self._changed:
            self._changed.notify_all()
        for watcher in self._watchers:
            watcher.join()  # one may be starting a server again
        with ThreadPoolExecutor(len(self._replicas)) as ending:
            list(ending.map(Replica.end, self._replicas))

    def _teller(self, launch: Launch, number: int, count: int) -> Callable[[str], None]:
        name = launch.title + (f" {number + 1} of {count}" if count > 1 else "")
        return lambda text: self._work.console.line(f"[dim]server[/]  {name} {text}")
