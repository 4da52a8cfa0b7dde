"""Leases with heartbeats: one holder at a time, a dead one is replaced, and of two that race one publishes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from o1exp.flow import Store, holds
from o1exp.flow.holds import Beats, Lost
from o1exp.flow.places import create, local, names_in
from o1exp.flow.storage import Storage
from tests.flow.stages import Numbers
from tests.waiting import LONG, until

HEARTBEATS = """
import json, os, signal, sys, time
from dataclasses import dataclass
from pathlib import Path
from o1exp.flow import Stage, Store
from o1exp.flow.storage import Storage
from o1exp.records import Problem, Table

@dataclass(frozen=True, kw_only=True)
class Row(Stage[Table[Problem]]):
    number: int
    def make(self, work):
        word = sys.argv[3]
        if word == "freezes" and self.number == 0:
            Path(sys.argv[1], "frozen").write_text("")
            os.kill(os.getpid(), signal.SIGSTOP)
        if word == "dies" and self.number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        work.write(Problem, [Problem(id=str(os.getpid()), question="?", answer="1")])

store = Store(Path(sys.argv[1]), storage=Storage(locks="heartbeat", patience=float(sys.argv[4])))
for number in range(int(sys.argv[2])):
    store.get(Row(number=number))
for done in store.done:
    if done.made:
        with Path(sys.argv[1], "published").open("a") as log:
            log.write(f"{done.stage.key} {os.getpid()}\\n")
"""


def started(root: Path, count: int, word: str = "", patience: float = 1.0) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-c", HEARTBEATS, str(root), str(count), word, str(patience)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def published(root: Path) -> Counter[str]:
    return Counter(line.split()[0] for line in (root / "published").read_text().splitlines())


@pytest.fixture
def beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Beats:
    """Patient enough that a busy machine makes nobody dead, and quick to look."""
    monkeypatch.setattr(holds, "LOOK_SECONDS", 0.02)
    return Beats(*local(tmp_path / "locks"), 6.0)


def test_one_holds_a_name_at_a_time(beats: Beats) -> None:
    inside, most = 0, 0
    alone = threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most
        with beats.hold("name", lambda: None):
            with alone:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with alone:
                inside -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert most == 1


def test_a_file_is_made_once(tmp_path: Path) -> None:
    fs, folder = local(tmp_path / "locks")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: create(fs, f"{folder}/a", str(number).encode()), range(64)))
    assert sum(made) == 1
    assert names_in(fs, folder) == ["a"]
    assert (tmp_path / "locks" / "a").read_text() == str(made.index(True))


def test_who_looks_with_old_eyes_gets_nothing(tmp_path: Path, beats: Beats, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its look and its try the name went through other hands, and its number was tidied away."""
    for _ in range(3):
        with beats.hold("name", lambda: None):
            pass
    fresh = names_in

    def old(fs: object, folder: str) -> list[str]:
        monkeypatch.setattr("o1exp.flow.holds.names_in", fresh)
        return ["1", "1.beat", "1.free"]

    monkeypatch.setattr("o1exp.flow.holds.names_in", old)
    waits = 0

    def waiting() -> None:
        nonlocal waits
        waits += 1

    with beats.hold("name", waiting) as hold:
        assert waits == 1
        hold.check()
        assert sorted(name for name in names_in(*local(tmp_path / "locks" / "name")) if name.isdigit()) == ["4"]


def test_held_says_who_lives(tmp_path: Path, beats: Beats) -> None:
    assert not beats.held("name")
    with beats.hold("name", lambda: None):
        assert beats.held("name")
    assert not beats.held("name")
    create(*local(tmp_path / "locks" / "dead" / "1"), b"somebody")
    assert not Beats(*local(tmp_path / "locks"), 0.3).held("dead")


def test_a_holder_that_cannot_show_that_it_lives_stops(tmp_path: Path) -> None:
    beats = Beats(*local(tmp_path / "locks"), 60.0)
    with beats.hold("name", lambda: None) as hold:
        hold.check()
        create(*local(tmp_path / "locks" / "name" / "2"), b"another")
        with pytest.raises(Lost):
            hold.check()


@pytest.mark.slow
def test_a_dead_holder_is_replaced(tmp_path: Path) -> None:
    assert started(tmp_path, 1, "dies").wait(LONG) == -signal.SIGKILL
    assert started(tmp_path, 1).wait(LONG) == 0
    assert list(published(tmp_path).values()) == [1]


@pytest.mark.slow
def test_who_was_taken_for_dead_does_not_publish(tmp_path: Path) -> None:
    frozen = started(tmp_path, 1, "freezes")
    until((tmp_path / "frozen").exists)
    other = started(tmp_path, 1)
    assert other.wait(LONG) == 0
    os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.wait(LONG) == 0
    assert [line.split()[1] for line in (tmp_path / "published").read_text().splitlines()] == [str(other.pid)]


@pytest.mark.slow
def test_of_many_that_race_one_publishes_each(tmp_path: Path) -> None:
    """They show signs of life every 8 ms and are taken for dead after 50, which happens all the time where two cores have ten of them."""
    count = 8
    racing = [started(tmp_path, count, patience=0.05) for _ in range(8)]
    assert [process.wait(600) for process in racing] == [0] * len(racing)
    made = published(tmp_path)
    assert len(made) == count
    assert set(made.values()) == {1}
    assert len(list(tmp_path.glob("artefacts/Row/*/manifest.json"))) == count
    assert not list(tmp_path.glob("artefacts/Row/.*"))


def test_a_store_by_heartbeats_makes_as_usual(tmp_path: Path) -> None:
    store = Store(tmp_path, storage=Storage(locks="heartbeat", patience=5))
    assert len(store.get(Numbers())) == 3
    assert store.has(Numbers())
