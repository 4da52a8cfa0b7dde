"""500 problems, 30 % faults of all kinds, two restarts of the server, an outage of 60 s, and kill -9 at 20 random moments."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.layout import NAME
from tests.chat.parts import quiet_store, rows
from tests.chat.storm import COUNT, study
from tests.chat.wire import Out, completion, wire
from tests.servers import free_port
from tests.waiting import LONG

ROOT = Path(__file__).resolve().parents[2]
FAULTS = ("429", "429 0", "503", "500", "html", "half", "empty", "cut", "late", "trickle")
SHARE, TIMES = 0.3, 3
"""Of all attempts at most so many of one request fail."""
TOO_LONG = frozenset(range(0, COUNT, 40))
"""Problems whose requests no server takes."""
CAP = 80.0
OUTAGE = 60.0
"""Seconds without a server."""


class Weather:
    """Answers problem n rightly from draw n % 3 on. What goes wrong hangs on the request and how often it came."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = threading.Lock()
        self.came, self.whole = Counter[str](), Counter[str]()

    def __call__(self, body: dict[str, Any], out: Out) -> None:
        question = body["messages"][-1]["content"]
        name = f"{question} {body['seed']}"
        with self._lock:
            self.came[name] += 1
            times = self.came[name]
        dice = int(hashlib.sha256(f"{name} {times}".encode()).hexdigest()[:8], 16) / 2**32
        fault = FAULTS[int(dice / self._share * len(FAULTS))] if dice < self._share and times <= TIMES else ""
        number = int(re.findall(r"\d+", question)[0])
        if number in TOO_LONG:
            return out.whole({"error": {"message": "maximum context length is 10 tokens"}}, 400)
        time.sleep(0.02)
        reply = completion(f"\\boxed{{{2 * number if body['seed'] % 3 else 99}}} by seed {body['seed']}")
        return self._spoil(fault, reply, name, out) if fault else self._answer(reply, name, out)

    def _answer(self, reply: dict[str, Any], name: str, out: Out) -> None:
        with self._lock:
            self.whole[name] += 1
        out.whole(reply)

    def _spoil(self, fault: str, reply: dict[str, Any], name: str, out: Out) -> None:
        whole = json.dumps(reply).encode()
        if fault[:3].isdigit():
            out.whole({"error": {"message": "[/red] not now"}}, int(fault[:3]), {"Retry-After": "0"} if fault.endswith(" 0") else None)
        elif fault == "late":
            time.sleep(1.5)
            self._answer(reply, name, out)
        elif fault == "trickle":
            out.head(200, {"Content-Length": "9999"})
            for _ in range(30):
                out.write(b" ")
                time.sleep(0.1)
        elif fault == "cut":
            out.head(200, {"Content-Length": "9999", "Connection": "close"})
            out.write(whole[:30])
        else:
            out.whole({"html": b"<html>", "half": whole[:60], "empty": b'{"choices": []}'}[fault])


class Served:
    """The server, as long as nobody restarts it or pulls its plug."""

    def __init__(self, weather: Weather) -> None:
        self._weather, self._port, self._open = weather, free_port(), ExitStack()
        self.address = self._open.enter_context(wire(weather, self._port))

    def away(self, seconds: float) -> None:
        self._open.close()
        time.sleep(seconds)
        self._open.enter_context(wire(self._weather, self._port))

    def close(self) -> None:
        self._open.close()


def run(root: Path, address: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.chat.storm", str(root), address, str(CAP)]
    with root.with_suffix(".txt").open("ab") as said:
        return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)


def kept(root: Path) -> set[str]:
    """The kept answers under the names that the server gives their requests."""
    if not (root / NAME).exists() or not rows(root / NAME, "SELECT 1 FROM sqlite_master WHERE name='attempts'"):
        return set()
    found = rows(root / NAME, "SELECT json_extract(asked, '$.messages[0].content'), text FROM answers")
    return {f"{question} {text.split()[-1]}" for question, text in found}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_the_weather_every_problem_is_accepted_or_recorded_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    weather, root, dice = Weather(SHARE), tmp_path / "outputs", random.Random(0)
    served, marks = Served(weather), list[tuple[set[str], Counter[str]]]()
    for kill in range(20):
        process = run(root, served.address)
        wanted, deadline = sum(weather.came.values()) + dice.randint(5, 60), time.monotonic() + LONG
        while sum(weather.came.values()) < wanted and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        if kill in (5, 12):
            served.away(0.5)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        known = kept(root)
        time.sleep(1.8)  # what is on its way when its sender dies comes to its end at the server
        marks.append((known, Counter(weather.came)))
        assert not known or rows(root / NAME, f"SELECT max(usd) <= {CAP} FROM totals") == [(1,)]
    process = run(root, served.address)
    wanted = sum(weather.came.values()) + 20
    while sum(weather.came.values()) < wanted and process.poll() is None:
        time.sleep(0.01)
    served.away(OUTAGE)
    assert process.poll() is None, "it waits for the server"
    assert process.wait(900) == 0, root.with_suffix(".txt").read_text()[-3000:]
    again = sum(weather.came[name] - before[name] for known, before in marks for name in known)
    assert (again, sum(bool(known) for known, _ in marks) > 10) == (0, True), "nothing is asked again after its commit"
    stage = study(served.address, None)
    store, _ = quiet_store(root)
    manifest = store.manifest(stage)
    assert manifest is not None
    left_out = rows(root / NAME, "SELECT count(DISTINCT key) FROM attempts WHERE final")[0][0]
    assert left_out == len(TOO_LONG) == manifest.facts["failed"]
    accepted = {row.problem for row in stage.open(store.folder(stage))}
    assert accepted == {f"p{n}" for n in range(COUNT)} - {f"p{n}" for n in TOO_LONG}
    spent = rows(root / NAME, "SELECT usd FROM totals")[0][0]
    assert sum(weather.whole.values()) * 0.03 <= spent + 1e-6 <= CAP + 1e-6, "what the provider can charge is in the book"
    served.close()
    with wire(Weather(0.0)) as address:
        calm, _ = quiet_store(tmp_path / "calm")
        calm.get(study(address, None))
    undisturbed = calm.manifest(stage)
    assert undisturbed is not None
    assert manifest.digest == undisturbed.digest
