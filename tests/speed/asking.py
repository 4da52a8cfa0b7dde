"""How near the teacher client comes to all its slots always being busy, by the count of the server."""

import io
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal

from tests.speed.measure import Measure

SECONDS, FAULTS = 1.0, 0.3
"""What an answer takes, and the share of attempts that fail."""
ROUNDS = 16


def measures() -> Iterator[Measure]:
    """Answers a second beside what c slots give, without faults; and the same attempts with 30 % faults."""
    for slots in (16, 64):
        found = asked(slots, ROUNDS * slots, 0.0)
        yield Measure(f"answers of {slots} at a time", "slots / seconds of an answer", "a second", found["rate"], slots / SECONDS)
    rates = {}
    for slots in (16, 64):
        found = asked(slots, ROUNDS * 64, FAULTS)
        rates[slots] = found["rate"]
        most = found["answered"] / found["busy"] * slots
        yield Measure(f"answers of {slots} at a time, 30 % faults", "the same attempts, every slot busy", "a second", found["rate"], most)
    yield Measure("answers of 64 at a time, 30 % faults", "16 at a time", "a second", rates[64], rates[16])


def asked(slots: int, count: int, faults: float) -> dict[str, Any]:
    """What the server says after `count` requests: `rate` are answers a second from the first arrival to the last reply."""
    import openai  # noqa: F401  loading it is no part of what is measured

    from o1exp.chat.teacher import Teacher
    from o1exp.flow import Console, Store
    from tests.chat.parts import Ask

    command = [sys.executable, "-m", "tests.speed.slow_server", str(SECONDS), str(faults)]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        try:
            teacher = Teacher(model="m", base_url=f"{address}/v1", concurrency=slots, retries=50)
            Store(Path(folder), Console(Terminal(file=io.StringIO()))).get(Ask(teacher=teacher, count=count))
            with urllib.request.urlopen(f"{address}/stats") as reply:
                found: dict[str, Any] = json.load(reply)
        finally:
            server.terminate()
    return {**found, "rate": found["answered"] / found["seconds"]}
