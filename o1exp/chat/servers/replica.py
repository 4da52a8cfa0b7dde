"""One server in a process of its own: a free port, a start that may take minutes, and whether it still answers."""

import http.client
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from o1exp.chat.servers.listener import HOST
from o1exp.flow import StageFailed, Stopped
from o1exp.flow.process import LOOK_SECONDS, Process
from o1exp.secrets import masked

PORTS = 5
"""Free ports that are tried: another program may take one between our look and the server's."""
PROBE_SECONDS, SILENT_SECONDS = 10.0, 120.0
"""A running server is asked for its health this often, and is given up when it has not been well for so long."""
TELL_SECONDS = 60.0
"""A start that takes long says a line this often."""
KEEPER = str(Path(__file__).with_name("keeper.py"))
PORT_TAKEN = re.compile(r"address already in use|errno 98\b|port \S+ (is )?(already )?(in use|taken|occupied|not available)", re.IGNORECASE)
NO_MEMORY = re.compile(
    r"out of ?memory|memoryerror|no available memory|failed to allocate|cannot allocate memory|less than desired \w+ memory utilization",
    re.IGNORECASE,
)
ERROR = re.compile(r"(?:^|\] )([A-Za-z_][\w.]*(?:Error|Exception): .+)$", re.MULTILINE)
"""A line of a log that says an error: the first one is the cause, those behind it say that something failed."""
KILLED = 137
"""The exit code of what the system ended by SIGKILL, most often because the machine had no memory left."""


@dataclass(frozen=True)
class Launch:
    """How a server is started and known again: all in which one kind of server differs from another.

    `command` is that for a port, `model` the name under which it serves; `health` answers 200 once it is ready. `files` stay open in the
    process (the locks of its GPUs). `remedy` and `memory_remedy` say what to do about a crash, and about one for want of memory.
    """

    title: str
    command: Callable[[int], Sequence[str]]
    model: str
    log: Path
    env: Mapping[str, str]
    files: tuple[int, ...] = ()
    health: str = "/health"
    start_seconds: float = 1800.0
    remedy: str = "look at its last words"
    memory_remedy: str = "it ran out of memory: free some, or take a smaller model"


class Replica:
    """A server that is started, looked after and ended. `say` prints a line about it."""

    def __init__(self, launch: Launch, say: Callable[[str], None]) -> None:
        self.launch = launch
        self.say = say
        self.ready = False
        self.under_way = 0
        """Requests that it has now."""
        self.restarts = 0
        self.port = 0
        self._process: Process | None = None
        self._begun_at = 0
        self._well = self._asked = 0.0
        self._sick = False
        self._looking = threading.Lock()

    def start(self, ending: Callable[[], bool], note: Callable[[str], None]) -> None:
        """Start it and wait until it answers; `note` is told how far it is. Errors: StageFailed with its last words; Stopped."""
        for _ in range(PORTS):
            self.port, self._sick = free_port(), False
            self._begun_at = self.launch.log.stat().st_size if self.launch.log.exists() else 0
            command = [sys.executable, "-I", KEEPER, *self.launch.command(self.port)]
            self._process = Process(command, self.launch.log, self.launch.env, self.launch.files)
            if self._is_up(ending, note):
                self._well = self._asked = time.monotonic()
                return
            self.say(f"port {self.port} was taken by another program; trying another one")
            self.end()
        raise StageFailed(f"{self.launch.title} found every one of {PORTS} free ports taken when it started\n{self._last_words()}")

    def _is_up(self, ending: Callable[[], bool], note: Callable[[str], None]) -> bool:
        """Wait for the health page. False: the port belongs to somebody else."""
        began = told = time.monotonic()
        while True:
            if ending():
                raise Stopped
            code, waited = self.exit_code(), time.monotonic() - began
            if code is not None:
                if PORT_TAKEN.search(self._said(self._begun_at)):
                    return False
                raise self._failed(f"ended with code {code} while it started", self._remedy(code))
            if self._answers():
                return self._is_ours()
            if waited > self.launch.start_seconds:
                remedy = "a large model takes minutes: set a higher start_seconds, or look at its last words"
                raise self._failed(f"was not ready after start_seconds={self.launch.start_seconds:g}", remedy)
            note(f"{waited:.0f} s: {self._newest_line()}")
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                self.say(f"starting for {waited:.0f} s, its newest words: {escape(self._newest_line())}")
            time.sleep(4 * LOOK_SECONDS)

    def trouble(self) -> str:
        """What is wrong with a running server; "" while it is well."""
        code = self.exit_code()
        if code is not None:
            return f"ended with code {code}"
        if self._sick:
            return "failed a request and says itself that it is not well"
        now = time.monotonic()
        if now - self._asked >= PROBE_SECONDS:
            self._asked = now
            self._well = now if self._answers() else self._well
        return f"has not been well for {now - self._well:.0f} s" if now - self._well > SILENT_SECONDS else ""

    def gone(self, patience: float) -> bool:
        """After a request that failed: is the server gone, or does it say itself that it is not well?"""
        until = time.monotonic() + patience
        while True:
            if self.exit_code() is not None:
                return True
            if time.monotonic() > until:
                self._sick = not self._answers()
                return self._sick
            time.sleep(LOOK_SECONDS)

    def given_up(self, trouble: str) -> StageFailed:
        """What to say where it is not started again."""
        remedy = self._remedy(self.exit_code() or 0)
        return self._failed(f"{trouble} while it answered, and had been started again before", remedy)

    def exit_code(self) -> int | None:
        """None while it runs."""
        with self._looking:
            return None if self._process is None else self._process.poll()

    def end(self) -> None:
        """End it, and all that it started; its memory is free then."""
        self.ready = False
        with self._looking:
            if self._process is not None:
                self._process.end()

    @property
    def cpu_seconds(self) -> float:
        return 0.0 if self._process is None else self._process.cpu_seconds

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a page; status 0 where there is no answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def _answers(self) -> bool:
        return self.get(self.launch.health)[0] == 200

    def _is_ours(self) -> bool:
        """Does whoever answers on the port serve our model?"""
        _, body = self.get("/v1/models")
        try:
            return self.launch.model in [model["id"] for model in json.loads(body)["data"]]
        except (ValueError, KeyError, TypeError):
            return False

    def _failed(self, what: str, remedy: str) -> StageFailed:
        command, cause = " ".join(self.launch.command(self.port)), ERROR.search(self._said(self._begun_at))
        first = f"its first error: {masked(cause[1])[:500]}\n" if cause else ""
        return StageFailed(
            f"{self.launch.title} {what}: {remedy}\n{first}({command})\n{self._last_words()}\n(all of it: {self.launch.log})"
        )

    def _remedy(self, code: int) -> str:
        return self.launch.memory_remedy if code == KILLED or NO_MEMORY.search(self._said(self._begun_at)) else self.launch.remedy

    def _last_words(self) -> str:
        return "" if self._process is None else self._process.tail()

    def _said(self, since: int) -> str:
        with self.launch.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def _newest_line(self) -> str:
        lines = [line for line in self._said(self._begun_at).splitlines() if line.strip()]
        return lines[-1].strip()[:160] if lines else "nothing yet"


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])
