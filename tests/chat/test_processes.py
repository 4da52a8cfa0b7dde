"""Several processes, and processes that are killed, over one outputs folder."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.cache import Cache
from o1exp.chat.purse import url_of
from o1exp.chat.request import Request, messages_sent, seed_sent
from o1exp.chat.servers.loopback import Loopback, Reply, digest
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed
from tests.chat.parts import Answers, Ask, logged, quiet_store, rows
from tests.waiting import LONG, until

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Store
from tests.chat.parts import Ask
root, url, first, count, cap = sys.argv[1:]
teacher = Teacher(model="m", base_url=url, concurrency=4, max_tokens=20, usd_per_million_prompt=1000, usd_per_million_completion=1000)
Store(Path(root)).get(Ask(teacher=teacher, count=int(count), first=int(first), budget=Budget(usd=float(cap))))
"""


def start(root: Path, url: str, first: int, count: int, cap: float = 1e6) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, str(root), url, str(first), str(count), str(cap)]
    with said_by(root).open("ab") as said:
        return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)


def said_by(root: Path) -> Path:
    return root.with_suffix(".txt")


def test_two_processes_with_common_questions_send_each_once(tmp_path: Path) -> None:
    with Loopback(Answers(), tmp_path / "server.jsonl", delay=0.05) as server:
        root = tmp_path / "outputs"
        # Different stages that share most of their questions, on an empty folder.
        started = [start(root, server.base_url, 0, 60), start(root, server.base_url, 5, 60)]
        for process in started:
            assert process.wait(LONG) == 0, said_by(root).read_text()
    times = logged(tmp_path / "server.jsonl")
    assert len(times) == 65
    assert set(times.values()) == {1}
    assert rows(root / "requests.sqlite", "SELECT count(*), count(DISTINCT key) FROM ledger") == [(65, 65)]
    assert rows(root / "requests.sqlite", "SELECT count(*) FROM claims") == [(0,)]


def test_two_processes_share_one_budget(tmp_path: Path) -> None:
    with Loopback(Answers(), tmp_path / "server.jsonl", delay=0.02) as server:
        root = tmp_path / "outputs"
        started = [start(root, server.base_url, first, 60, cap=1.0) for first in (0, 100)]
        for process in started:
            assert process.wait(LONG) == 1
    assert said_by(root).read_text().count("BudgetSpent: the budget ends here") == 2
    # 0.03 dollars an answer, at most 0.047 (27 prompt bytes and marks, 20 completion tokens).
    total = rows(root / "requests.sqlite", "SELECT sum(usd) FROM ledger")[0][0]
    assert 1.0 - 0.048 < total <= 1.0
    assert sum(logged(tmp_path / "server.jsonl").values()) == rows(root / "requests.sqlite", "SELECT count(*) FROM answers")[0][0]


def test_killed_at_random_moments_no_kept_answer_is_asked_for_again(tmp_path: Path) -> None:
    log, root, dice = tmp_path / "server.jsonl", tmp_path / "outputs", random.Random(0)
    log.touch()
    count, kills, kept_at_kill = 80, 2, []
    with Loopback(Answers(), log, delay=0.03) as server:
        for _ in range(kills):
            process = start(root, server.base_url, 0, count)
            wanted = sum(logged(log).values()) + dice.randint(5, 30)
            until(lambda: sum(logged(log).values()) >= wanted)  # noqa: B023  (it is asked here)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kept = kept_digests(root, server)
            time.sleep(0.2)  # requests that were on their way when their sender died come to their end at the server
            kept_at_kill.append((kept, logged(log)))
            assert kept
            assert kept <= kept_at_kill[-1][1].keys()
        assert start(root, server.base_url, 0, count).wait(LONG) == 0
        # The same answers in another folder, undisturbed.
        calm, _ = quiet_store(tmp_path / "calm")
        stage = Ask(teacher=Teacher(model="m", base_url=server.base_url, max_tokens=20), count=count)
        log_of_killed = logged(log)
        calm.get(stage)
    assert not [name for kept, before in kept_at_kill for name in kept if log_of_killed[name] > before[name]]
    assert sum(log_of_killed.values()) - count <= 4 * kills  # four at a time were under way
    killed, _ = quiet_store(root)
    manifests = [store.manifest(stage) for store in (killed, calm)]
    assert len({manifest.digest for manifest in manifests if manifest is not None}) == 1


def kept_digests(root: Path, server: Loopback) -> set[str]:
    """The kept questions under the names that the server's log gives them."""
    teacher = Teacher(model="m", base_url=server.base_url, max_tokens=20)
    found = rows(root / "requests.sqlite", "SELECT asked FROM answers")
    requests = [Request.user(json.loads(row[0])["messages"][0]["content"]) for row in found]
    return {digest({"messages": messages_sent(teacher, request), "seed": seed_sent(teacher, request)}) for request in requests}


def test_the_price_of_requests_cut_off_by_a_kill_is_counted(tmp_path: Path) -> None:
    root = tmp_path / "outputs"
    with Loopback(Answers(), delay=5) as server:
        process = start(root, server.base_url, 0, 10)
        wait_for_a_claim(root)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with Loopback(Answers()) as server:
        assert start(root, server.base_url, 0, 10).wait(LONG) == 0
    kinds = dict(rows(root / "requests.sqlite", "SELECT kind, count(*) FROM ledger GROUP BY kind"))
    assert kinds["answered"] == 10
    assert 1 <= kinds["lost"] <= 4


def wait_for_a_claim(root: Path) -> None:
    until(lambda: claims(root))


def claims(root: Path) -> int:
    if url_of(root):
        return int(rows(root / "requests.sqlite", "SELECT count(*) FROM claims")[0][0])
    if not (root / "requests.sqlite").exists():
        return 0
    tables = rows(root / "requests.sqlite", "SELECT count(*) FROM sqlite_master WHERE name='claims'")
    return int(rows(root / "requests.sqlite", "SELECT count(*) FROM claims")[0][0]) if tables[0][0] else 0


def test_a_run_waits_for_an_answer_that_another_has_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "outputs"
    with Loopback(Answers(), tmp_path / "server.jsonl", delay=3.0) as server:
        first = start(root, server.base_url, 0, 1)
        wait_for_a_claim(root)
        second = start(root, server.base_url, 0, 2)
        assert first.wait(LONG) == 0
        assert second.wait(LONG) == 0
    assert list(logged(tmp_path / "server.jsonl").values()) == [1, 1]


@pytest.mark.slow
def test_a_run_asks_itself_where_the_one_it_waits_for_has_died(tmp_path: Path) -> None:
    root, died = tmp_path / "outputs", threading.Event()

    class Late(Answers):
        """Says nothing before one of those who ask is dead."""

        def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
            assert died.wait(LONG)
            return super().reply(question, body, times)

    with Loopback(Late()) as server:
        first = start(root, server.base_url, 0, 1)
        wait_for_a_claim(root)
        second = start(root, server.base_url, 0, 2)
        until(lambda: claims(root) == 2)
        first.kill()
        first.wait()
        died.set()
        assert second.wait(LONG) == 0, said_by(root).read_text()
    assert rows(root / "requests.sqlite", "SELECT kind, count(*) FROM ledger GROUP BY kind") == [("answered", 2), ("lost", 1)]
    assert rows(root / "requests.sqlite", "SELECT count(*) FROM claims") == [(0,)]


def test_a_cache_of_another_layout_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "requests.sqlite")) as connection:
        connection.execute("PRAGMA user_version=9")
    with pytest.raises(StageFailed, match="has layout 9, this o1exp reads up to 5"):
        Cache(tmp_path / "requests.sqlite")
