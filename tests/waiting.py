"""Waiting for what other processes and threads do: for a condition, never for a time. The limits only end a test that would hang."""

import time
from collections.abc import Callable
from pathlib import Path

LONG = 300.0
"""Seconds that nothing takes, however busy the machine is."""


def until(true: Callable[[], object], seconds: float = LONG) -> None:
    """Look again and again; AssertionError where it is not so after all these seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not true in {seconds:g} s"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Does this process still run? One that has ended and that nobody has asked for its exit code does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
