"""Limits belong to the endpoint: whoever asks it in one outputs folder shares them."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from o1exp.chat import pace as pacing
from o1exp.chat.pace import LONGEST_HOLD, Limit, Pace, packed, state_file
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from tests.chat.parts import Answers
from tests.chat.test_processes import ROOT
from tests.waiting import LONG

NONE = Limit(0)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the limits stands still: nothing is forgotten while a busy machine is elsewhere."""
    now = time.monotonic()
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: now))


def pace(folder: Path, requests: Limit = NONE, tokens: Limit = NONE) -> Pace:
    return Pace(folder / "limits", requests, tokens, asyncio.Event())


@pytest.mark.usefixtures("stopped")
def test_the_second_asker_finds_what_the_first_has_used(tmp_path: Path) -> None:
    slow = Limit(60)  # one a second, five at once
    one = pace(tmp_path, slow)
    assert [one.take(1) for _ in range(5)] == [0.0] * 5
    two = pace(tmp_path, slow)
    assert 0 < two.take(1) <= 1
    one.back(1)
    assert two.take(1) == 0.0
    one.close()
    two.close()
    assert pace(tmp_path, slow).take(1) > 0, "it outlives those who asked"


@pytest.mark.usefixtures("stopped")
def test_tokens_count_as_they_turn_out(tmp_path: Path) -> None:
    limit = Limit(6000)  # a hundred a second, five hundred at once
    one, two = pace(tmp_path, tokens=limit), pace(tmp_path, tokens=limit)
    assert one.take(400) == 0.0
    assert two.take(3000) == 0.0, "a large request waits for room, not for an empty bucket: small ones must not starve it"
    assert 25 < one.take(10) < 30
    two.correct(3000, 50)
    assert one.take(10) == 0.0


@pytest.mark.usefixtures("stopped")
def test_a_pause_that_one_was_asked_for_holds_for_all_also_without_limits(tmp_path: Path) -> None:
    one, two, limited = pace(tmp_path), pace(tmp_path), pace(tmp_path, Limit(600))
    assert (one.take(1), two.take(1)) == (0.0, 0.0)
    assert not list(tmp_path.iterdir()), "without a limit nothing is shared"
    one.hold(100)
    two.hold(50)
    for asker in (one, two, limited, pace(tmp_path)):
        assert 99 < asker.take(1) <= 100
    one.hold(1e9)
    assert two.take(1) <= LONGEST_HOLD


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff" * 32, packed(0, 0, 1e12, 1e12), packed(0, 0, 0, 1e12)], ids=["new", "short", "nan", "later", "held"]
)
def test_a_restarted_machine_or_a_damaged_file_stops_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "limits").write_bytes(content)
    asker = pace(tmp_path, Limit(60))
    assert [asker.take(1) for _ in range(5)] == [0.0] * 5
    assert 0 < asker.take(1) <= 1


@pytest.mark.usefixtures("stopped")
def test_what_was_used_before_a_restart_is_waited_off_after_it(tmp_path: Path) -> None:
    (tmp_path / "limits").write_bytes(packed(5, 0, time.monotonic() + 1e6, 0))
    assert 0 < pace(tmp_path, Limit(60)).take(1) <= 1


def test_an_endpoint_is_an_address_and_the_name_of_a_key(tmp_path: Path) -> None:
    def file(address: str, key: str = "K") -> Path:
        return state_file(tmp_path, address, key)

    assert file("http://Host:80/v1") == file("http://host:80/v1/")
    others = [file("http://host:80/v1"), file("http://host:81/v1"), file("http://host:80/v2"), file("http://host:80/v1", "L")]
    assert len(set(others)) == 4
    assert "host" not in others[0].name


def test_a_killed_asker_keeps_nobody_waiting(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        asker = pace(tmp_path, Limit(60))
        asker.take(1)
        with asker._shared():
            os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    assert pace(tmp_path, Limit(60)).take(1) == 0.0


PROGRAM = """
import sys, time
from pathlib import Path
from o1exp.chat.client import Client
from o1exp.chat.request import Request
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Store
from tests.chat.parts import Ask

class Several(Ask):
    def make(self, work):
        (work.shared("ready") / str(self.first)).touch()
        while not work.shared("go").exists():
            time.sleep(0.01)
        with Client(self.teacher, self.budget, work) as client:
            for start in range(self.first, self.first + 4 * self.count, self.count):
                list(client.ask([Request.user(f"question {n}") for n in range(start, start + self.count)]))
        super().make(work)

root, url, first, count, limit = sys.argv[1:]
teacher = Teacher(model="m", base_url=url, concurrency=4, requests_per_minute=float(limit))
Store(Path(root)).get(Several(teacher=teacher, count=int(count), first=int(first)))
"""


class Arrivals(Answers):
    """Remembers when each request came."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self._noting = threading.Lock()

    def __call__(self, body: dict[str, Any]) -> Reply:
        with self._noting:
            self.times.append(time.monotonic())
        return super().__call__(body)


def asked_by_three(tmp_path: Path, answers: Answers, count: int, limit: float) -> None:
    """Three processes, four asks of `count` questions each, started together."""
    root, said = tmp_path / "outputs", tmp_path / "said.txt"
    (root / "ready").mkdir(parents=True)
    with Loopback(answers) as server, said.open("ab") as out:
        words = [sys.executable, "-c", PROGRAM, str(root), server.base_url]
        started = [
            subprocess.Popen([*words, str(1000 * n), str(count), str(limit)], cwd=ROOT, stdout=out, stderr=out) for n in range(3)
        ]  # fmt: skip
        while len(list((root / "ready").iterdir())) < 3:
            assert all(process.poll() is None for process in started), said.read_text()
            time.sleep(0.02)
        (root / "go").touch()
        assert [process.wait(LONG) for process in started] == [0, 0, 0], said.read_text()


@pytest.mark.slow
def test_three_processes_together_keep_to_one_limit(tmp_path: Path) -> None:
    limit, count, workers = Limit(1200), 20, 3 * 4
    answers = Arrivals()
    asked_by_three(tmp_path, answers, count, limit.per_minute)
    times = sorted(answers.times)
    assert len(times) == 3 * 4 * count
    # What has its turn may still be on its way: at most one request of each worker.
    for start in range(len(times)):
        for end in range(start + 1, len(times)):
            assert end - start + 1 <= limit.burst + limit.rate * (times[end] - times[start]) + workers


@pytest.mark.slow
def test_three_processes_pause_when_one_is_told_to(tmp_path: Path) -> None:
    class Crowded(Arrivals):
        def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
            if question == "question 5" and times == 1:
                time.sleep(0.3)
                raise Refusal(429, "slow down", "rate_limit_exceeded", {"Retry-After": "3"})
            time.sleep(0.3)
            return super().reply(question, body, times)

    answers = Crowded()
    asked_by_three(tmp_path, answers, 15, 0)
    gaps = [later - earlier for earlier, later in pairwise(sorted(answers.times))]
    assert max(gaps) > 2, "nobody sent while one was told to wait three seconds; without that somebody always does"
