"""A book goes from requests.sqlite into a real PostgreSQL: all of it or nothing, once, and while nobody writes."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from o1exp.chat.__main__ import main
from o1exp.chat.accounts import open_book
from o1exp.chat.book import strike
from o1exp.chat.cache import Cache
from o1exp.chat.layout import NAME
from o1exp.chat.ledger import Claim, Ledger
from o1exp.chat.pace import Limit, Pace, packed, state_file
from o1exp.chat.postgres import LimitsRow
from o1exp.chat.postgres import Postgres as Base
from o1exp.chat.prices import Price
from o1exp.chat.servers.loopback import Loopback
from o1exp.chat.teacher import Teacher
from o1exp.chat.unwritten import Unwritten
from o1exp.records import Usage
from tests.chat.parts import Answers, Ask, quiet_store, rows
from tests.servers import Postgres

USED = Usage(prompt_tokens=1, completion_tokens=2, usd=0.5)


@pytest.fixture
def url(database_server: Postgres, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PGUSER", "o1exp")
    return database_server.database(f"m{abs(hash(request.node.nodeid))}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty answers that a stage stands on; beside them a row that was struck, a failed attempt, and a claim of an asker that died."""
    with Loopback(Answers()) as server:
        quiet_store(tmp_path)[0].get(Ask(teacher=Teacher(model="m", base_url=server.base_url), count=20))
    with closing(Cache(tmp_path / NAME)) as cache:
        ledger = Ledger(cache, tmp_path / "locks", "study", "Ask/b")
        for key in ("paid", "failed", "half"):
            assert ledger.claim(key, "other", Price(0.5, USED), 10.0) is Claim.MINE
        with cache.transaction():
            ledger.pay("paid", "other", USED)
        ledger.lose("failed", "other", "cut off")
        strike(cache, 2, "not on the invoice", "somebody")
        ledger._owner.close()  # as where it is killed: its claim stays
    return tmp_path


def moved(folder: Path, url: str) -> int:
    return main(["move", "--outputs", str(folder), "--to", url])


@pytest.mark.slow
def test_all_of_it_is_there_and_the_next_run_goes_on(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with open_book(folder) as book:
        before = [book.studies(), book.stages(), book.reserved(), list(book.entries()), list(book.failures())]
    assert moved(folder, url) == 0
    said = capsys.readouterr().out
    assert "20 answers, 22 ledger" in said, said
    assert json.loads((folder / "ledger.json").read_text()) == {"url": url}
    with open_book(folder) as book:
        after = [book.studies(), book.stages(), book.reserved(), list(book.entries()), list(book.failures())]
    assert after == before
    with closing(Cache(folder / NAME)) as cache:
        two = Ledger(cache, folder / "locks", "study", "Ask/c")
        assert (two.spent(), two.lost(), two.reserved()) == (1.5, 1.0, 0.0)  # the dead one's claim is lost at its likely price
        assert two.claim("new", "other", Price(0.5, USED), 10.0) is Claim.MINE
        with cache.transaction():
            two.pay("new", "other", USED)
        two.close()
    assert rows(folder / NAME, "SELECT count(*), count(DISTINCT id), max(id) FROM ledger") == [(24, 24, 24)]


@pytest.mark.slow
def test_what_is_used_of_limits_goes_along(folder: Path, url: str) -> None:
    file = state_file(folder / "locks", "http://teacher/v1", "KEY")
    now = time.monotonic()
    file.write_bytes(packed(requests=0.0, tokens=0.0, counted=now, held_until=now + 300.0))
    old = state_file(folder / "locks", "http://other/v1", "KEY")
    old.write_bytes(packed(requests=600.0, tokens=0.0, counted=now + 900.0, held_until=now - 300.0))  # counted before the machine restarted
    assert moved(folder, url) == 0
    with closing(Base(url)) as base:
        held, free = (Pace(LimitsRow(base, name.name), Limit(60), Limit(0), asyncio.Event()) for name in (file, old))
        assert 200 < held.take(1) <= 300
        assert 400 < free.take(1) <= 600 - 4


@pytest.mark.slow
def test_it_is_moved_once(folder: Path, url: str, database_server: Postgres, capsys: pytest.CaptureFixture[str]) -> None:
    assert moved(folder, url) == 0
    assert moved(folder, url) == 0
    assert rows(folder / NAME, "SELECT count(*) FROM ledger") == [(22,)]
    (folder / "ledger.json").unlink()  # as where it was killed before the folder said so
    assert moved(folder, url) == 0
    assert rows(folder / NAME, "SELECT count(*) FROM ledger") == [(22,)]
    assert moved(folder, database_server.url()) == 2
    assert f"has its answers in {url}" in capsys.readouterr().err


@pytest.mark.slow
def test_who_has_the_old_file_open_keeps_nothing_in_it(folder: Path, url: str) -> None:
    with closing(Cache(folder / NAME)) as old:
        assert moved(folder, url) == 0
        with pytest.raises(Unwritten, match=f"the answers are in {url} now"):
            Ledger(old, folder / "locks", "study", "Ask/d")
    with closing(Cache(folder / NAME)) as new:
        assert isinstance(new.base, Base)


@pytest.mark.slow
def test_while_somebody_writes_nothing_is_moved(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Cache(folder / NAME)) as cache:
        ledger = Ledger(cache, folder / "locks", "study", "Ask/e")
        assert moved(folder, url) == 2
        assert "a stage asks models and keeps the answers in" in capsys.readouterr().err
        ledger.close()
        with cache.transaction():
            assert moved(folder, url) == 2
        assert "another process writes into" in capsys.readouterr().err
    assert not (folder / "ledger.json").exists()
    with closing(Base(url)) as base:
        assert base.execute("SELECT count(*) FROM answers").fetchone() == (0,)


@pytest.mark.slow
def test_a_database_with_another_book_is_refused(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Base(url)) as base:
        base.execute("INSERT INTO totals VALUES ('theirs', 1, 0)")
    assert moved(folder, url) == 2
    assert "the database holds 1 totals of another book; give an empty one" in capsys.readouterr().err
    assert not (folder / "ledger.json").exists()


@pytest.mark.parametrize(
    ("url", "why"), [("postgresql://me:word@h/d", "PGPASSWORD"), ("sqlite:///x", "no address of a PostgreSQL"), ("", "is required")]
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    sqlite3.connect(tmp_path / NAME).close()
    assert moved(tmp_path, url) == 2
    assert why in capsys.readouterr().err
