"""Heavy work in a process of its own, which says how far it is and ends with the run that started it.

The child's stdin is its lifeline: nothing is ever written to it, and its end means that the run is gone, even by SIGKILL. It follows no
thread of the run, and reaches the ranks behind torchrun and srun. What the child reports goes to a file, which can block nobody and is
seen from other nodes too; what it and its libraries print goes to a log.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from o1exp.flow import forks
from o1exp.secrets import environment, masked

PROGRESS = "O1EXP_PROGRESS"
"""Names the file of a child's rows, in the child's environment."""
LIFELINE = "O1EXP_LIFELINE"
"""Set in the environment of a child whose stdin is its lifeline."""
LOOK_SECONDS = 0.05
END_SECONDS = 5.0


def child_environment(threads: int) -> dict[str, str]:
    """Ours without secrets, for a child that imports what this process imports, wherever it starts, and computes with so many threads."""
    places = os.pathsep.join(os.path.abspath(place) for place in sys.path)
    return {**environment(), "PYTHONPATH": places, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": str(threads)}


class Process:
    """A child in a process group of its own. `log` takes what it prints; beside it lie the rows that it reports.

    `files` stay open in the child: the locks of what it uses, which are others' once it is gone.
    """

    def __init__(self, command: list[str], log: Path, env: Mapping[str, str], files: Sequence[int] = ()) -> None:
        self.log = log
        self.cpu_seconds = 0.0
        self._rows = log.with_suffix(".rows")
        self._seconds = log.with_suffix(".seconds")
        for left in (self._rows, self._seconds):
            left.unlink(missing_ok=True)
        self._read = 0
        own = {**env, PROGRESS: str(self._rows), LIFELINE: "stdin", forks.CPU_SECONDS: str(self._seconds)}
        own |= {"PYTHONUNBUFFERED": "1"}  # a traceback stands last in the log
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=out, env=own, start_new_session=True, pass_fds=files
            )

    def poll(self) -> int | None:
        """The exit code, None while it runs; once it has ended, `cpu_seconds` counts it and its children."""
        if self._child.returncode is None:
            pid, status, usage = os.wait4(self._child.pid, os.WNOHANG)
            if pid:
                self.cpu_seconds = usage.ru_utime + usage.ru_stime + self._elsewhere()
                self._child.returncode = os.waitstatus_to_exitcode(status)
        return self._child.returncode

    def _elsewhere(self) -> float:
        """CPU seconds of forked workers, for which the child only stood."""
        return sum(map(float, self._seconds.read_text(encoding="utf-8").split())) if self._seconds.exists() else 0.0

    def rows(self) -> Iterator[dict[str, Any]]:
        """What the child has reported since the last look."""
        if not self._rows.exists():
            return
        with self._rows.open("rb") as content:
            content.seek(self._read)
            whole = content.read().rpartition(b"\n")[0]
        self._read += len(whole) + 1 if whole else 0
        for line in whole.split(b"\n"):
            with suppress(ValueError, RecursionError):
                row = json.loads(line.decode(errors="replace"))
                if isinstance(row, dict):
                    yield row

    def tail(self) -> str:
        """The end of the log, of which nothing secret is left."""
        text = self.log.read_text(errors="replace", encoding="utf-8")
        if (clean := masked(text)) != text:
            self.log.write_text(clean, encoding="utf-8")
        return "".join(clean.splitlines(keepends=True)[-40:]).rstrip()

    def end(self) -> None:
        """End it if it still runs, and in any case whatever it started that holds its lifeline."""
        assert self._child.stdin is not None
        if self.poll() is None:
            self._signal(signal.SIGTERM)
        self._child.stdin.close()
        for _ in range(2):
            until = time.monotonic() + END_SECONDS
            while self.poll() is None and time.monotonic() < until:
                time.sleep(LOOK_SECONDS)
            if self.poll() is not None:
                return
            self._signal(signal.SIGKILL)

    def _signal(self, sign: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, sign)


def report(row: dict[str, Any]) -> None:
    """Tell the run how far this process is. Where nobody asked, or the disk is full, the row is dropped."""
    if path := os.environ.get(PROGRESS):
        with suppress(OSError), open(path, "ab") as out:
            out.write(json.dumps(row).encode() + b"\n")


def die_with_parent() -> None:
    """End this process, and what runs in its process group, once the run that started it is gone. Call it first in a child's module.

    A module started by hand has no lifeline and is left alone.
    """
    if os.environ.pop(LIFELINE, None) is None:
        return
    lifeline, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # a library that asks a question gets no answer, rather than waiting for one
    os.close(nothing)
    _die_after(lambda: _end_of(lifeline))


def die_with_parent_and_children() -> None:
    """The same for a launcher, whose children get the lifeline too."""
    if LIFELINE in os.environ:
        lifeline = os.dup(0)
        _die_after(lambda: _end_of(lifeline))


def _end_of(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass


@cache
def die_with(parent: int) -> None:
    """The same for a process of a pool, whose stdin is no lifeline: `parent` is the process id of the pool's owner, who started it."""

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)

    _die_after(wait)


def _die_after(wait: Callable[[], None]) -> None:
    def watch() -> None:
        wait()
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def leave() -> NoReturn:
    """End this process well and at once: what was printed goes out, but no destructor and no atexit handler runs.

    For processes with a process group: gloo's threads may still hold a tensor when the interpreter is taken down, and to let it go then
    aborts the process (10 of 25 runs of a script of ten lines under torch 2.13, none of 25 with this).
    """
    for stream in (sys.stdout, sys.stderr, sys.__stdout__):
        if stream is not None:
            stream.flush()
    os._exit(0)
