"""A book in a PostgreSQL database, for the processes of many machines.

Writers take turns by one lock of the database, so that the money left and the claim on it are looked at and changed in one step. An asker
lives as long as its connection holds the lock of its own number: the server lets it go when process, machine or network are gone.
"""

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from o1exp.chat.layout import FIRST_POSTGRES, POSTGRES, POSTGRES_STEPS, SCHEMA
from o1exp.chat.owners import Owner
from o1exp.chat.pace import Limits, LimitsState, name_of
from o1exp.chat.unwritten import Away, Unwritten
from o1exp.flow import StageFailed

WRITERS, LAYOUT = 0x6F31657870, 0x6F31657871
"""Numbers of the locks that writers take turns by, and those who make the tables."""
BACK = 15.0
"""Seconds for which a server that went away is looked for by who only reads."""
OPTIONS = "-c search_path=o1exp,pg_temp -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"


class Postgres:
    """An open connection to the database at `url`, which comes back by itself after it broke."""

    max_tokens = "CAST(CAST(asked AS json)->'sampling'->>'max_tokens' AS integer)"
    """The most tokens that a question asked for, in SQL."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as absent:
            raise StageFailed(f"{url} needs psycopg ({absent}): pip install 'o1exp[postgres]'") from absent
        self._errors: Any = psycopg
        self._url, self._inside, self._wait_ms = url, False, 120_000
        self._open: Any = None
        self._mine: list[int] = []
        self.connection = self
        self._prepare()

    def execute(self, query: str, values: Any = ()) -> Any:
        """A statement in sqlite's spelling of parameters. Outside of a transaction it waits for a server that is away for a moment."""
        until = time.monotonic() + BACK
        while True:
            try:
                with self.in_words():
                    return self._live().execute(_spelled(query), _fit(values))
            except Away:
                if self._inside or time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def executemany(self, query: str, rows: Any) -> None:
        with self.in_words():
            self._live().cursor().executemany(_spelled(query), [_fit(row) for row in rows])

    def copy(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        """Many rows into a table, their numbers too; belongs into a transaction."""
        with self.in_words(), self._live().cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as into:
            for row in rows:
                into.write_row(_fit(row))

    @contextmanager
    def transaction(self, durable: bool = False) -> Iterator[None]:
        """As Cache.transaction; always durable: the server may fall while its clients go on."""
        if self._inside:
            yield
            return
        with self.in_words():
            sql = self._live()
            try:
                sql.execute(f"BEGIN; SET LOCAL lock_timeout={self._wait_ms}; SELECT pg_advisory_xact_lock({WRITERS})")
                self._inside = True
                yield
                self._commit(sql)
            except BaseException:
                with suppress(self._errors.Error):
                    sql.execute("ROLLBACK")
                raise
            finally:
                self._inside = False

    def patience(self, seconds: float) -> None:
        self._wait_ms = round(1000 * seconds)

    def owner(self, locks: Path) -> Owner:
        return Session(self)

    def limits(self, locks: Path, address: str, key_name: str) -> Limits:
        return LimitsRow(self, name_of(address, key_name))

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """What the server refuses, as StageFailed: what, where, and what to do."""
        try:
            yield
        except self._errors.OperationalError as problem:
            said = " ".join(str(problem).split())
            raise Away(
                f"{self._url} takes no answers ({said}): look at the server, PGUSER and ~/.pgpass; the same command goes on"
            ) from problem
        except self._errors.Error as problem:
            raise Unwritten(f"{self._url} takes no answers ({problem}): look at the database") from problem

    def takes(self) -> bool:
        """May this user add rows, and is the server one that takes any?"""
        query = "SELECT current_setting('transaction_read_only')='off' AND has_table_privilege('ledger', 'INSERT')"
        return bool(self.execute(query).fetchone()[0])

    def lock(self, number: int) -> None:
        """Hold a number as long as this connection lives, and again after it came back."""
        self.execute("SELECT pg_advisory_lock(?)", (number,))
        self._mine.append(number)

    def unlock(self, number: int) -> None:
        self._mine.remove(number)
        with suppress(StageFailed):  # with the connection its locks are gone
            self.execute("SELECT pg_advisory_unlock(?)", (number,))

    def free(self, number: int) -> bool:
        """Does nobody hold the number?"""
        return bool(self.execute("SELECT pg_try_advisory_lock(?) AND pg_advisory_unlock(?)", (number, number)).fetchone()[0])

    def _live(self) -> Any:
        if self._open is None or self._open.closed:
            self._open = self._errors.connect(self._url, autocommit=True, connect_timeout=10, options=OPTIONS)
            for number in self._mine:
                self._open.execute("SELECT pg_try_advisory_lock(%s)", (number,))
        return self._open

    def _commit(self, sql: Any) -> None:
        """Errors: Away where nothing was committed. A server that goes away over a commit is asked afterwards whether it did."""
        row = sql.execute("SELECT CAST(pg_current_xact_id_if_assigned() AS text)").fetchone()
        try:
            sql.execute("COMMIT")
        except self._errors.OperationalError:
            self._inside = False
            sql.close()
            done = self.execute("SELECT pg_xact_status(CAST(? AS xid8))", (row[0],)).fetchone()[0] if row[0] else "aborted"
            if done != "committed":
                raise

    def _prepare(self) -> None:
        """Make the tables where there are none, or bring them to the present layout. Errors: StageFailed for those of a later o1exp."""
        with self.in_words():
            sql = self._live()
            sql.execute(f"SELECT pg_advisory_lock({LAYOUT})")
            try:
                if sql.execute("SELECT to_regclass('o1exp.layout') IS NULL").fetchone()[0]:
                    made = f"CREATE SCHEMA IF NOT EXISTS o1exp; {POSTGRES} INSERT INTO layout VALUES ({FIRST_POSTGRES})"
                    sql.execute(f"BEGIN; {made}; COMMIT")
                found = int(sql.execute("SELECT version FROM layout").fetchone()[0])
                for step in range(found, SCHEMA):
                    sql.execute(f"BEGIN; SET LOCAL search_path=o1exp; {POSTGRES_STEPS[step]} UPDATE layout SET version={step + 1}; COMMIT")
            finally:
                sql.execute(f"SELECT pg_advisory_unlock({LAYOUT})")
        if found > SCHEMA:
            raise StageFailed(
                f"{self._url} has layout {found}, this o1exp reads up to {SCHEMA}: use the one that made it, or another database"
            )


class Session:
    """One asker: it lives as long as its connection."""

    def __init__(self, base: Postgres) -> None:
        self.name = uuid.uuid4().hex
        self._base = base
        base.lock(_number(self.name))

    def close(self) -> None:
        self._base.unlock(_number(self.name))

    def forget(self, name: str) -> None:
        pass

    def lives(self, name: str) -> bool:
        return name == self.name or not self._base.free(_number(name))


class LimitsRow:
    """What is used of an endpoint's limits, in a row that all machines see; its times are the server's."""

    def __init__(self, base: Postgres, name: str) -> None:
        self._base, self._name, self._until = base, name, 0.0

    def known(self) -> bool:
        """Has anybody counted here? Looked at once a second."""
        if time.monotonic() < self._until:
            return False
        found = self._base.execute("SELECT 1 FROM limits WHERE name=?", (self._name,)).fetchone() is not None
        self._until = 0.0 if found else time.monotonic() + 1.0
        return found

    @contextmanager
    def shared(self) -> Iterator[tuple[LimitsState, float]]:
        fields = "requests, tokens, counted, held_until"
        with self._base.transaction():
            now = float(self._base.execute("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)").fetchone()[0])
            self._base.execute("INSERT INTO limits VALUES (?, 0, 0, 0, 0) ON CONFLICT DO NOTHING", (self._name,))
            state = LimitsState(*self._base.execute(f"SELECT {fields} FROM limits WHERE name=?", (self._name,)).fetchone())
            yield state, now
            values = (state.requests, state.tokens, state.counted, state.held_until, self._name)
            self._base.execute("UPDATE limits SET requests=?, tokens=?, counted=?, held_until=? WHERE name=?", values)

    def close(self) -> None:
        pass


def _number(name: str) -> int:
    return int(name[:15], 16)


@lru_cache(maxsize=256)
def _spelled(query: str) -> str:
    """Parameters as psycopg spells them."""
    return re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", query.replace("%", "%%").replace("?", "%s"))


def _fit(values: Any) -> Any:
    """PostgreSQL's texts hold no zero byte."""
    if isinstance(values, dict):
        return {name: _plain(value) for name, value in values.items()}
    return tuple(map(_plain, values))


def _plain(value: Any) -> Any:
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else int(value) if isinstance(value, bool) else value
