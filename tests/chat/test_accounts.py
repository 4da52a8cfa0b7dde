"""The book as a reader sees it: every row once, whoever shares its answer."""

import hashlib
import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.__main__ import main
from o1exp.chat.accounts import Account, open_book
from o1exp.chat.cache import Cache
from o1exp.chat.layout import NAME, SCHEMA, TABLES
from o1exp.chat.ledger import Claim, Ledger
from o1exp.chat.prices import Price
from o1exp.chat.servers.loopback import Loopback, Refusal
from o1exp.chat.teacher import Budget
from o1exp.flow import BudgetSpent, StageFailed
from o1exp.records import Usage
from tests.chat.parts import Answers, Ask, Failing, quiet_store, rows
from tests.chat.test_budget import EACH, LOST, teacher


def name(stage: Ask) -> str:
    return f"{stage.kind}/{stage.key}"


def lying(root: Path) -> dict[str, tuple[int, str]]:
    """What lies in a folder: modification time and content."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files}


def test_a_shared_answer_is_paid_by_one_stage_and_used_by_both(tmp_path: Path) -> None:
    with Loopback(Answers()) as server:
        first, wider = Ask(teacher=teacher(server), count=4), Ask(teacher=teacher(server), count=6)
        store, _ = quiet_store(tmp_path)
        store.get(first)
        store.get(wider)
    with open_book(tmp_path) as book:
        both = [name(first), name(wider)]
        assert book.paid([name(first)]).usd == pytest.approx(4 * EACH)
        assert book.paid([name(wider)]).usd == pytest.approx(2 * EACH)
        assert book.answers([name(wider)]).usd == pytest.approx(6 * EACH)
        assert book.replayed([name(wider)]) == book.paid([name(first)])
        assert book.answers(both) == book.paid(both) == book.studies()["default"] == book.models()["m"]
        assert book.replayed(both) == Account()
        assert (book.answers(both).answered, book.answers(both).tokens) == (6, 180)
        assert set(book.stages()) == set(both)


def test_what_was_lost_is_paid_by_its_stage_but_no_answer_costs_it(tmp_path: Path) -> None:
    with Loopback(Failing(Refusal(200, raw=b'{"id": '))) as server:
        stage = Ask(teacher=teacher(server), count=1)
        quiet_store(tmp_path)[0].get(stage)
    with open_book(tmp_path) as book:
        paid, answers = book.paid([name(stage)]), book.answers([name(stage)])
    assert (paid.answered, paid.lost, paid.lost_usd) == pytest.approx((1, 1, LOST))
    assert paid.usd == pytest.approx(EACH + LOST)
    assert (answers.answered, answers.lost, answers.usd) == pytest.approx((1, 0, EACH))


def test_a_killed_run_s_claims_are_reserved_until_the_next_one_writes_them_off(tmp_path: Path) -> None:
    price = Price(0.6, Usage(usd=0.1, prompt_tokens=1, completion_tokens=1))
    pid = os.fork()
    if pid == 0:
        Ledger(Cache(tmp_path / NAME), tmp_path / "locks", "s", "Ask/dead").claim("a", "m", price, None)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    with open_book(tmp_path) as book:
        assert book.reserved() == {"s": 0.6}
    with closing(Cache(tmp_path / NAME)) as cache:
        Ledger(cache, tmp_path / "locks", "other", "Ask/next").close()
    with open_book(tmp_path) as book:
        assert book.reserved() == {}
        assert book.paid(["Ask/dead"]).lost_usd == pytest.approx(0.1)


def test_reading_creates_and_changes_nothing(tmp_path: Path) -> None:
    with open_book(tmp_path / "nowhere") as book:
        assert book.studies() == {}
        assert book.paid(["Ask/x"]) == Account()
    assert not (tmp_path / "nowhere").exists()
    with Loopback(Answers()) as server:
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server), count=2))
    before = lying(tmp_path)
    with open_book(tmp_path) as book:
        assert book.studies()["default"].answered == 2
    assert lying(tmp_path) == before


def test_a_book_that_is_being_written_can_be_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path / NAME)
    ledger = Ledger(cache, tmp_path / "locks", "s", "Ask/a")
    assert ledger.claim("k", "m", Price(0.1, Usage(usd=0.1)), None) is Claim.MINE
    with cache.transaction():
        ledger.pay("k", "m", Usage(usd=0.1, prompt_tokens=1, completion_tokens=2))
        with open_book(tmp_path) as book:
            assert book.paid(["Ask/a"]) == Account()
    with open_book(tmp_path) as book:
        assert book.paid(["Ask/a"]).tokens == 3
    ledger.close()
    cache.close()


def layout_1(path: Path, answered: int) -> None:
    """A file as the first layout left it, with a claim of a run that was killed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        sql.execute("PRAGMA journal_mode=WAL")
        sql.executescript(f"{TABLES} PRAGMA user_version=1;")
        sql.execute("INSERT INTO totals VALUES ('default', ?, 0)", (answered * EACH,))
        for n in range(answered):
            sql.execute(
                "INSERT INTO ledger (study, key, kind, model, prompt_tokens, completion_tokens, usd, time) VALUES (?,?,?,?,?,?,?,?)",
                ("default", f"k{n}", "answered", "m", 10, 20, EACH, 1.0),
            )
        sql.execute("INSERT INTO claims VALUES ('k9', 'dead', 'default', 'm', 0.086, 10, 5, 0.02)")


def test_an_old_file_is_read_as_it_is_and_goes_on_working(tmp_path: Path) -> None:
    layout_1(tmp_path / NAME, answered=3)
    before = lying(tmp_path)
    with open_book(tmp_path) as book:
        assert book.studies()["default"].usd == pytest.approx(3 * EACH)
        assert set(book.stages()) == {""}
        assert not book.knows("Ask/old")
    assert lying(tmp_path) == before
    with Loopback(Answers()) as server:
        stage = Ask(teacher=teacher(server), count=2)
        quiet_store(tmp_path)[0].get(stage)
    assert rows(tmp_path / NAME, "PRAGMA user_version") == [(SCHEMA,)]
    with open_book(tmp_path) as book:
        spent = book.studies()["default"]
        assert (spent.answered, spent.lost, spent.usd) == pytest.approx((5, 1, 5 * EACH + 0.02))
        assert book.paid([name(stage)]).usd == pytest.approx(2 * EACH)


def test_a_struck_row_stays_with_its_reason_and_the_budget_sees_it(tmp_path: Path) -> None:
    with Loopback(Failing(Refusal(200, raw=b'{"id": '))) as server:
        asking = teacher(server)
        quiet_store(tmp_path)[0].get(Ask(teacher=asking, count=1))
        more = Ask(teacher=asking, count=2, budget=Budget(usd=0.15))
        with pytest.raises(BudgetSpent, match=r"\$0.0680 of it for requests that were cut off"):
            quiet_store(tmp_path)[0].get(more)
    assert main(["ledger", "--outputs", str(tmp_path), "--strike", "1", "--reason", "not on the invoice"]) == 0
    with Loopback(Answers()) as server:
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server), count=2, budget=Budget(usd=0.15)))
    with open_book(tmp_path) as book:
        spent = book.studies()["default"]
        assert next((entry.kind, entry.struck) for entry in book.entries()) == ("lost", "not on the invoice")
    assert (spent.answered, spent.lost) == (2, 0)
    assert rows(tmp_path / NAME, "SELECT usd, lost_usd FROM totals") == [(pytest.approx(spent.usd), pytest.approx(spent.lost_usd))]


def test_only_a_row_that_is_there_is_struck_once_and_for_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Loopback(Answers()) as server:
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server), count=1))
    words = ["ledger", "--outputs", str(tmp_path), "--strike"]
    assert [main([*words, "1"]), main([*words, "7", "--reason", "x"])] == [2, 2]
    assert main([*words, "1", "--reason", "x"]) == 0
    assert main([*words, "1", "--reason", "y"]) == 2
    said = capsys.readouterr().err
    for sentence in ("only with a reason", "no row 7", "struck already: x"):
        assert sentence in said


def test_the_command_prints_the_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "--outputs", str(tmp_path)]) == 2
    assert f"{tmp_path / NAME} does not exist" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    with Loopback(Failing(Refusal(200, raw=b'{"id": '))) as server:
        asking = teacher(server)
        for study in ("one", "two"):
            quiet_store(tmp_path)[0].get(Ask(teacher=asking, count=2, first=len(study) * 10 + ord(study[0]), budget=Budget(study=study)))
    assert main(["ledger", "--outputs", str(tmp_path), "--json", "--study", "one"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(told["studies"]) == {"one"}
    assert told["studies"]["one"]["usd"] == pytest.approx(2 * EACH + 2 * LOST)
    assert len(told["entries"]) == 4
    assert main(["ledger", "--outputs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for words in ("one", "two", "stage that paid", "Ask/", "0.2360", "lost 2"):
        assert words in said


def test_what_the_disk_refuses_is_said_in_a_sentence(tmp_path: Path) -> None:
    with closing(Cache(tmp_path / NAME)) as cache:
        cache.connection.execute("PRAGMA query_only=ON")
        with (
            pytest.raises(StageFailed, match=rf"{NAME} takes no answers .*readonly.*make the file and its folder writable"),
            cache.transaction(),
        ):
            strike_nothing(cache)
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / NAME).mkdir()
    with pytest.raises(StageFailed, match=r"unable to open.*outputs="):
        Cache(tmp_path / "file" / NAME)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / NAME).write_text("no database at all " * 100)
    with pytest.raises(StageFailed, match=r"not a database.*move it away"):
        Cache(tmp_path / "text" / NAME)
    with pytest.raises(ValueError, match="cannot be read as a ledger"), open_book(tmp_path / "text"):
        pass


def strike_nothing(cache: Cache) -> None:
    cache.connection.execute("UPDATE ledger SET struck='x' WHERE id=0")


def test_many_processes_write_at_once(tmp_path: Path) -> None:
    Cache(tmp_path / NAME).close()
    children = [child for n in range(6) if (child := _fork(tmp_path, n))]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    with open_book(tmp_path) as book:
        assert book.studies()["s"].answered == 6 * 40
        assert book.studies()["s"].usd == pytest.approx(6 * 40 * 0.1)


def _fork(root: Path, n: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for _ in range(2):
            cache = Cache(root / NAME)
            ledger = Ledger(cache, root / "locks", "s", f"Ask/{n}")
            for place in range(20):
                key = f"{os.urandom(8).hex()} {place}"
                assert ledger.claim(key, "m", Price(0.1, Usage(usd=0.1)), 1e9) is Claim.MINE
                with cache.transaction(durable=True):
                    ledger.pay(key, "m", Usage(usd=0.1))
            ledger.close()
            cache.close()
        code = 0
    finally:
        os._exit(code)
    return 0
