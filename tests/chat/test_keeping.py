"""What was paid for is not lost where the cache takes nothing: locked, full, damaged. And equal or longer questions are not paid twice."""

import asyncio
import errno
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console as Terminal

from o1exp.chat import beside, keep
from o1exp.chat.cache import Cache, Kept
from o1exp.chat.client import Calls, Client
from o1exp.chat.layout import NAME, TABLES
from o1exp.chat.ledger import Ledger
from o1exp.chat.prices import Price
from o1exp.chat.request import Request, asked, cache_key
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.chat.teacher import Teacher
from o1exp.flow import Console, RunError, StageFailed, Store, Work
from o1exp.records import Completion, Example, Usage
from tests.chat.parts import Answers, Ask, Failing, quiet_store, rows
from tests.chat.test_budget import EACH, teacher
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_cache_that_others_lock_holds_nothing_up_but_the_commit(tmp_path: Path) -> None:
    Cache(tmp_path / NAME).close()
    answers = Answers()
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None, check_same_thread=False)) as other:
        first = threading.Semaphore(1)  # requests come side by side, and one connection begins once

        def lock(body: dict[str, Any]) -> Reply:
            if first.acquire(blocking=False):
                other.execute("BEGIN IMMEDIATE")
                threading.Timer(5.0, lambda: other.execute("COMMIT")).start()
            return answers(body)

        with Loopback(lock) as locking:
            store, said = quiet_store(tmp_path)
            stage = Ask(teacher=teacher(locking, timeout=3.0), count=8)
            store.get(stage)
    assert sum(answers.asked.values()) == 8, "nothing was asked twice, although the lock outlived the timeout"
    assert rows(tmp_path / NAME, "SELECT count(*) FROM ledger WHERE kind='lost'") == [(0,)]
    assert said.getvalue().count("held in memory") == 1


def test_what_a_full_disk_does_not_take_is_saved_beside_and_brought_in_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep, "HOLDING", 0.3)
    answers = Answers()

    class Full(Ask):
        def make(self, work: Work) -> None:
            with Client(self.teacher, self.budget, work) as client:
                pages = client._cache.connection.execute("PRAGMA page_count").fetchone()[0]
                client._cache.connection.execute(f"PRAGMA max_page_count={pages}")
                list(client.ask([Request.user(f"question {n} {'x' * 3000}") for n in range(self.count)]))

    with Loopback(answers) as server:
        asking = teacher(server, concurrency=3)
        store, said = quiet_store(tmp_path)
        with pytest.raises(RunError, match=r"the disk is full .*free some space and run the same command again"):
            store.get(Full(teacher=asking, count=40))
        saved = list(beside.unsaved(tmp_path))
        assert len(saved) == 1
        assert "that was paid for is saved in" in said.getvalue() or "that were paid for are saved in" in said.getvalue()
        sent = sum(answers.asked.values())
        again, told = quiet_store(tmp_path)

        class Roomy(Ask):
            def make(self, work: Work) -> None:
                with Client(self.teacher, self.budget, work) as client:
                    list(client.ask([Request.user(f"question {n} {'x' * 3000}") for n in range(self.count)]))

        again.get(Roomy(teacher=asking, count=40))
    assert sent < 40
    assert sum(answers.asked.values()) == 40, "nothing is paid twice"
    assert "saved beside" in told.getvalue()
    assert not list(beside.unsaved(tmp_path))
    assert rows(tmp_path / NAME, "SELECT count(*) FROM answers") == [(40,)]
    spent = rows(tmp_path / NAME, "SELECT total(usd) FROM ledger WHERE struck=''")[0][0]
    assert spent == pytest.approx(40 * EACH)
    assert rows(tmp_path / NAME, "SELECT usd FROM totals") == [(pytest.approx(spent),)]


def test_answers_that_come_in_together_are_one_commit(tmp_path: Path) -> None:
    cache = Cache(tmp_path / NAME)
    ledger = Ledger(cache, tmp_path / "locks", "study", "stage")
    said, landed = list[str](), list[int]()
    done = Completion(text="t", finish_reason="stop", usage=Usage(prompt_tokens=1, completion_tokens=1, usd=0.1), model="m")

    async def keep_three() -> None:
        keeper = keep.Keeper(cache, ledger, True, said.append, lambda wrong: pytest.fail(str(wrong)))
        cache.connection.set_trace_callback(said.append)
        for n in range(3):
            saved = beside.Saved(f"key {n}", {}, Kept(done, "", False), "study", "stage", "m", 1.0)
            keeper.keep(saved, partial(landed.append, n))
        assert not landed, "told of only when it stands"
        await asyncio.sleep(0)

    asyncio.run(keep_three())
    cache.connection.set_trace_callback(None)
    assert said.count("COMMIT") == 1
    assert landed == [0, 1, 2]
    assert all(cache.has(f"key {n}") for n in range(3))
    ledger.close()
    cache.close()


def test_others_write_while_the_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the answers of all processes together were as slow as one disk that is waited for one commit at a time."""
    waited = list[str]()

    def meanwhile(file: int) -> None:
        with closing(sqlite3.connect(tmp_path / NAME, timeout=0.0, isolation_level=None)) as other:
            assert other.execute("SELECT usd FROM ledger WHERE key='key'").fetchall() == [(0.5,)]
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        waited.append(os.readlink(f"/proc/self/fd/{file}"))

    monkeypatch.setattr(os, "fdatasync", meanwhile)
    with closing(Cache(tmp_path / NAME)) as cache, closing(Ledger(cache, tmp_path / "locks", "study", "stage")) as ledger:
        ledger.claim("key", "m", Price(0.5, Usage(usd=0.5)), 1.0)
        assert not waited, "a claim costs nothing by itself"
        for _ in range(2):
            with cache.transaction(durable=True):
                ledger.pay("key", "m", Usage(usd=0.5)) if not waited else None
    assert waited == [f"{tmp_path / NAME}-wal"] * 2


def test_what_the_disk_may_not_have_is_told_and_not_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    answers = Answers()
    with Loopback(answers) as server:
        store, said = quiet_store(tmp_path)
        with pytest.raises(RunError, match=r"it is not known whether the disk has what was written last \(.*Input/output error\)"):
            store.get(Ask(teacher=teacher(server, concurrency=2), count=8))
    sent = sum(answers.asked.values())
    assert 0 < sent < 8
    assert rows(tmp_path / NAME, "SELECT count(*), count(DISTINCT key), kind FROM ledger GROUP BY kind") == [(sent, sent, "answered")]
    assert "saved in" not in said.getvalue()


LIMITED = """
import resource, sys
from pathlib import Path
from o1exp.chat.teacher import Teacher
from o1exp.flow import Store
from tests.chat.parts import Ask
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
Store(Path(sys.argv[1])).get(Ask(teacher=Teacher(model="m", base_url=sys.argv[2], concurrency=4, system="x" * 3000), count=150))
"""


def test_a_file_that_may_not_grow_loses_no_answer(tmp_path: Path) -> None:
    answers, root = Answers(), tmp_path / "outputs"
    with Loopback(answers) as server:
        first, second = (
            subprocess.run(
                [sys.executable, "-c", LIMITED, str(root), server.base_url, str(limit)], cwd=ROOT, capture_output=True, text=True
            )
            for limit in (400_000, 10**9)
        )
    assert (first.returncode, second.returncode) == (1, 0), first.stdout + second.stderr
    assert "takes no answers (" in first.stderr
    assert sum(answers.asked.values()) == 150, "nothing is asked twice"
    assert rows(root / NAME, "SELECT count(*), sum(kind='lost') FROM ledger") == [(150, 0)]


def test_answers_in_the_folder_for_temporary_files_are_found_by_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, others = tmp_path / "outputs", tmp_path / "others"
    with Loopback(Answers()) as server:
        quiet_store(folder)[0].get(Ask(teacher=teacher(server), count=2))
        kept = Cache(folder / NAME)
        question = asked(teacher(server), Request.user("question 0"))
        found = kept.find(cache_key(question))
        kept.close()
    assert found is not None
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    saved = beside.Saved("another key", question, found, "study", "stage", "m", 1.0)
    assert beside.save([saved], tmp_path / "absent") is not None, "a folder that takes no files"
    (tmp_path / "absent").mkdir()
    others.mkdir()
    assert not list(beside.unsaved(others)), "those of another outputs folder"
    cache = Cache(tmp_path / "absent" / NAME)
    assert beside.bring_in(cache, tmp_path / "absent") == 1
    assert cache.has("another key")
    assert beside.bring_in(cache, tmp_path / "absent") == 0
    cache.close()


def test_a_damaged_cache_is_named_in_one_sentence(tmp_path: Path) -> None:
    with Loopback(Answers()) as server:
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server), count=40))
        with (tmp_path / NAME).open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(os.path.getsize(tmp_path / NAME) - 4096))
        with pytest.raises(StageFailed, match=rf"{tmp_path / NAME} takes no answers .*restore it from a copy") as failed:
            quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server), count=41))
    assert str(failed.value).count("\n") <= 1


def test_markup_in_a_servers_message_breaks_no_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    with Loopback(Failing(Refusal(500, "oh [/red] no [bold"), bad=2)) as server:
        Store(tmp_path, Console(Terminal(file=out, width=200, force_terminal=True))).get(Ask(teacher=teacher(server, retries=3), count=3))
    assert "oh [/red] no [bold" in out.getvalue()


class Cut(Answers):
    """Needs more tokens for an odd question than for an even one."""

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        needed = 50 if int(question.split()[-1]) % 2 else 20
        return Reply(f"{question} done"[: body["max_tokens"]], "stop" if needed <= body["max_tokens"] else "length", 10, 20)


def test_more_tokens_are_asked_for_only_where_the_answer_was_cut_off(tmp_path: Path) -> None:
    answers = Cut()
    with Loopback(answers) as server:
        short, long = teacher(server, max_tokens=30), teacher(server, max_tokens=60)
        quiet_store(tmp_path)[0].get(Ask(teacher=short, count=8))
        store, _ = quiet_store(tmp_path)
        stage = Ask(teacher=long, count=8)
        assert len(store.get(stage)) == 8
        assert sum(answers.asked.values()) == 8 + 4
        quiet_store(tmp_path)[0].get(Ask(teacher=replace(short, max_tokens=25), count=8))
    assert sum(answers.asked.values()) == 20, "fewer tokens are another question"
    manifest = store.manifest(stage)
    assert manifest is not None
    assert (manifest.facts["requests"], manifest.facts["cached"], manifest.facts["truncated"]) == (8, 4, 0)


def test_answers_that_are_whole_by_another_name_stand_for_more_tokens_too(tmp_path: Path) -> None:
    reasons, asks = ["end_turn", "COMPLETE", "MAX_TOKENS", "odd"], list[str]()

    def answer(body: dict[str, Any]) -> Reply:
        asks.append(body["messages"][-1]["content"])
        return Reply("text", reasons[int(asks[-1].split()[1])], 10, 20)

    with Loopback(answer) as server:
        for most in (30, 60):
            quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server, max_tokens=most), count=4))
    assert sorted(asks[4:]) == ["question 2", "question 3"]


def test_answers_of_an_older_layout_are_found_for_more_tokens_too(tmp_path: Path) -> None:
    question = asked(Teacher(model="m", max_tokens=30), Request.user("question 0"))
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as sql:
        sql.executescript(f"{TABLES} PRAGMA user_version=1;")
        sql.execute(
            "INSERT INTO answers VALUES (?,?,'old','','stop','m',1,1,0.0,0,1.0)", (cache_key(question), json.dumps(question))
        )  # fmt: skip
    store, _ = quiet_store(tmp_path)
    far = Teacher(model="m", base_url="http://127.0.0.1:9/v1", max_tokens=60, patience=0)
    assert [row.response for row in store.get(Ask(teacher=far, count=1))] == ["old"]


def test_twins_are_asked_once_and_counted_once(tmp_path: Path) -> None:
    answers = Answers()

    class Twice(Ask):
        def make(self, work: Work) -> None:
            calls, requests = Calls(), [Request.user(f"question {n % 4}") for n in range(12)]
            with Client(self.teacher, self.budget, work) as client:
                table = []
                for answer in client.ask(requests):
                    calls.add(answer)
                    table.append(Example(problem="p", prompt="", response=answer.text))
            work.write(Example, table)
            work.note(**calls.facts())

    with Loopback(answers) as server:
        store, _ = quiet_store(tmp_path)
        stage = Twice(teacher=teacher(server))
        assert len(store.get(stage)) == 12
    assert set(answers.asked.values()) == {1}
    manifest = store.manifest(stage)
    assert manifest is not None
    facts = manifest.facts
    assert (facts["requests"], facts["twins"], facts["tokens"]) == (4, 8, 120)
    assert facts["usd"] == pytest.approx(4 * EACH)


PROGRAM = """
import sys
from pathlib import Path
from o1exp.chat.teacher import Teacher
from o1exp.flow import Store
from tests.chat.parts import Ask
Store(Path(sys.argv[1])).get(Ask(teacher=Teacher(model="m", base_url=sys.argv[2], concurrency=1, retries=0), count=20))
"""


def test_after_a_kill_what_was_given_up_is_not_asked_again(tmp_path: Path) -> None:
    class One(Answers):
        def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
            if question == "question 0":
                raise Refusal(400, "too long")
            time.sleep(0.1)
            return super().reply(question, body, times)

    answers, root = One(), tmp_path / "outputs"
    with Loopback(answers) as server:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(root), server.base_url], cwd=ROOT)
        until(lambda: sum(answers.asked.values()) >= 6)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert subprocess.run([sys.executable, "-c", PROGRAM, str(root), server.base_url], cwd=ROOT, check=False).returncode == 0
    assert sum(count for name, count in answers.asked.items() if name.startswith("question 0 ")) == 1
    assert rows(root / NAME, "SELECT sum(final) FROM attempts") == [(1,)]
