"""A book on a server: the folder names it, no password goes anywhere, and a server that goes away loses nothing."""

import json
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from o1exp.chat.cache import Cache
from o1exp.chat.layout import NAME, SCHEMA
from o1exp.chat.ledger import Claim, Ledger
from o1exp.chat.postgres import Postgres as Base
from o1exp.chat.prices import Price
from o1exp.chat.purse import Purse, url_of
from o1exp.chat.servers.loopback import Loopback
from o1exp.chat.teacher import Teacher
from o1exp.chat.unwritten import Away
from o1exp.flow import SettingsError, StageFailed
from o1exp.records import Usage
from tests.chat.parts import Answers, Ask, quiet_store, rows
from tests.servers import Postgres, postgres


def test_the_folder_says_where_its_book_is(tmp_path: Path) -> None:
    Purse(url="postgresql://h/d").settle(tmp_path)
    assert url_of(tmp_path) == "postgresql://h/d"
    Purse().settle(tmp_path)
    Purse(url="postgresql://h/d").settle(tmp_path)
    assert json.loads((tmp_path / "ledger.json").read_text()) == {"url": "postgresql://h/d"}


def test_one_folder_has_one_book(tmp_path: Path) -> None:
    (tmp_path / "requests.sqlite").write_text("")
    with pytest.raises(ValueError, match=r"what they cost in .*requests\.sqlite; go on with that one \(ledger=sqlite\), or give another"):
        Purse(url="postgresql://h/d").settle(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    Purse(url="postgresql://h/d").settle(other)
    with pytest.raises(ValueError, match="in postgresql://h/d; go on"):
        Purse(url="postgresql://h/e").settle(other)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://me:secret-word@h/d", "names a user or a password; .* PGPASSWORD"),
        ("postgresql://h/d?password=secret-word", "holds a key in its query"),
        ("mysql://h/d", "is no address of a PostgreSQL database"),
        ("postgresql://h", "is no address of a PostgreSQL database"),
    ],
)
def test_an_address_with_a_password_is_refused(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as refused:
        Purse(url=url)
    assert "secret-word" not in str(refused.value)


def test_a_server_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("PGPASSWORD", "secret-word")
    with pytest.raises(Away, match=r"postgresql://127\.0\.0\.1:9/d takes no answers") as away:
        Base("postgresql://127.0.0.1:9/d")
    assert away.value.passing
    assert "secret-word" not in str(away.value)


@pytest.mark.slow
def test_a_server_that_is_restarted_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes down under a run that asks, and comes back while answers are held in memory."""
    monkeypatch.setenv("PGUSER", "o1exp")
    with postgres() as server, Loopback(Answers(), delay=0.05) as teacher:
        (tmp_path / "ledger.json").write_text(json.dumps({"url": server.url()}))
        store, _ = quiet_store(tmp_path)
        ask = Ask(teacher=Teacher(model="m", base_url=teacher.base_url, concurrency=4), count=150)
        restarts = threading.Thread(target=_restart, args=(server, tmp_path))
        restarts.start()
        store.get(ask)
        restarts.join()
        assert rows(tmp_path / NAME, "SELECT count(*), count(DISTINCT key) FROM ledger WHERE kind='answered'") == [(150, 150)]
        assert rows(tmp_path / NAME, "SELECT count(*) FROM claims") == [(0,)]
        _an_asker_that_lost_its_server(tmp_path, server)


def _restart(server: Postgres, root: Path) -> None:
    while rows(root / NAME, "SELECT count(*) FROM answers")[0][0] < 20:
        time.sleep(0.05)
    server.stop()
    server.start()


def _an_asker_that_lost_its_server(root: Path, server: Postgres) -> None:
    """It lives as soon as it comes back, and what it claimed is still its own."""
    used = Usage(prompt_tokens=1, completion_tokens=1, usd=0.5)
    with closing(Cache(root / NAME)) as one, closing(Cache(root / NAME)) as two:
        mine = Ledger(one, root / "locks", "study", "Ask/a")
        assert mine.claim("key", "m", Price(0.5, used), 10.0) is Claim.MINE
        server.stop()
        server.start()
        assert mine.spent() == 0.0
        other = Ledger(two, root / "locks", "study", "Ask/b")
        assert other.claim("key", "m", Price(0.5, used), 10.0) is Claim.TAKEN
        with one.transaction():
            mine.pay("key", "m", used)
        assert (other.spent(), other.lost()) == (0.5, 0.0)


@pytest.mark.slow
def test_a_database_of_an_older_layout_is_brought_to_the_present_one(database_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "o1exp")
    url = database_server.database("older")
    with closing(Base(url)) as base:
        base.execute("DROP TABLE dearest; DROP INDEX ledger_stage; UPDATE layout SET version=4")
    for _ in range(2):
        with closing(Base(url)) as base:
            assert base.execute("SELECT version, (SELECT count(*) FROM dearest) FROM layout").fetchone() == (SCHEMA, 0)
    with closing(Base(url)) as base:
        base.execute("UPDATE layout SET version=9")
    with pytest.raises(StageFailed, match=f"has layout 9, this o1exp reads up to {SCHEMA}"):
        Base(url)
