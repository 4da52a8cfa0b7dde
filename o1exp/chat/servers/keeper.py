"""Runs a foreign program for as long as the run lives: `python keeper.py COMMAND ARGUMENT ...`, with the lifeline as stdin.

The program knows nothing of us. Whatever it starts, also in sessions of its own, ends with it, with the run, and with this process; the
exit code is the program's. Nothing is imported but the standard library, so that it starts at once and belongs to no environment.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

GRACE = 3.0
"""Seconds that the program gets to end by itself; the run waits a little longer for this process."""
LOOK_SECONDS = 0.05
OURS = ("O1EXP_LIFELINE", "O1EXP_PROGRESS", "O1EXP_CPU_SECONDS")
"""Variables that concern this process alone."""
_SET_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None)


def main(command: list[str]) -> int:
    """Run the command to its end, or to that of the lifeline; its exit code, 128 + number for a signal."""
    lifeline = os.dup(0)
    _LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what its parent leaves alone becomes a child of this process
    signal.signal(signal.SIGTERM, lambda number, frame: None)  # the whole group gets it; this process ends when the program has ended
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=env, close_fds=False, preexec_fn=_die_with_keeper)
    except OSError as problem:
        print(f"{command[0]} cannot be started: {problem.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_watch, args=(lifeline,), daemon=True).start()
    code = child.wait()
    _end(signal.SIGKILL, 0)
    return code if code >= 0 else 128 - code


def _die_with_keeper() -> None:
    _LIBC.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def _watch(lifeline: int) -> None:
    """Once the run is gone, or asks for it, the program has to go."""
    while os.read(lifeline, 1):
        pass
    _end(signal.SIGTERM, GRACE)
    _end(signal.SIGKILL, 0)
    time.sleep(GRACE)
    os._exit(1)  # it should have ended with the program


def _end(sign: signal.Signals, grace: float) -> None:
    """Signal all that this process has started, and wait until it is gone: `grace` seconds, or for SIGKILL until it is."""
    for pid in descendants():
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
    until = time.monotonic() + grace
    while left := list(descendants()):
        if sign == signal.SIGKILL:
            for pid in left:  # also what was started meanwhile
                with suppress(ProcessLookupError):
                    os.kill(pid, sign)
        elif time.monotonic() > until:
            return
        time.sleep(LOOK_SECONDS)


def descendants() -> Iterator[int]:
    """Every living process below this one."""
    parents = dict(_processes())
    for pid in parents:
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() != pid:
            yield pid


def _processes() -> Iterator[tuple[int, int]]:
    """Each process of the machine with its parent; the dead that nobody has asked for are left out."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:
                state, parent = stat.read().rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    yield int(name), int(parent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
