"""A book from requests.sqlite into a PostgreSQL database: every answer, row of money, claim and total, in one step, while nobody writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock

from o1exp.chat.layout import NAME, SCHEMA
from o1exp.chat.lite import Lite
from o1exp.chat.owners import owners_that_live
from o1exp.chat.pace import LimitsFile, carry, state_files
from o1exp.chat.postgres import LimitsRow, Postgres
from o1exp.chat.purse import Database, url_of
from o1exp.flow import StageFailed

TABLES = {
    "answers": "key, asked, text, reasoning, finish_reason, model, prompt_tokens, completion_tokens, usd, estimated, time, base, came",
    "ledger": "id, study, key, kind, model, prompt_tokens, completion_tokens, usd, time, stage, struck, struck_by",
    "totals": "study, usd, lost_usd",
    "claims": "key, owner, study, model, bound_usd, likely_prompt, likely_completion, likely_usd, stage",
    "uses": "stage, key",
    "attempts": "id, time, study, stage, making, key, model, reason, usd, final",
    "dearest": "model, usd_per_prompt, usd_per_completion, seen, usd",
}
"""The tables of both with their columns."""
NUMBERED = ("ledger", "attempts")
"""Those whose rows are numbered on."""


def move(outputs: Path, url: str) -> dict[str, int]:
    """Move the book of an outputs folder into an empty database; gives the number of rows of each table.

    The folder says where its book is only when all of it is there. Until then nothing is changed here, and the same command begins anew;
    afterwards requests.sqlite is a copy that takes no more rows. Errors: ValueError where a run is under way, where there is nothing to
    move, or where the database holds something else.
    """
    purse = Database(url=url)
    known, path = url_of(outputs), outputs / NAME
    if known and known != url:
        raise ValueError(f"{outputs} has its answers in {known}; they can be moved out of {NAME} alone")
    if not path.is_file():
        raise ValueError(f"there is no {path}; give the outputs folder with --outputs")
    if not known:
        Lite(path).close()  # brought to the present layout
    with closing(Postgres(url)) as base, _alone(path) as sql:
        counts = _counts(sql)
        if not known:
            _copy(sql, base, counts)
            _carry_limits(outputs / "locks", base)
            purse.note(outputs)
        _close(sql, url)
    return counts


@contextmanager
def _alone(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, which nobody else writes into or opens while this is open. Errors: ValueError where somebody does."""
    locks = path.parent / "locks"
    locks.mkdir(exist_ok=True)
    with FileLock(locks / "requests.lock"):  # where all wait who want to open it, or to ask
        if count := owners_that_live(locks):
            runs = "a stage asks" if count == 1 else f"{count} stages ask"
            raise ValueError(f"{runs} models and keeps the answers in {path}; wait until that has ended, or interrupt it, then move")
        with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as sql:
            try:
                sql.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as busy:
                raise ValueError(f"another process writes into {path} ({busy}); try again when it has ended") from busy
            yield sql
            sql.execute("COMMIT")


def _copy(sql: sqlite3.Connection, base: Postgres, counts: dict[str, int]) -> None:
    """All rows in one transaction of the database. Errors: ValueError where it holds others; nothing where it holds these."""
    with base.transaction():
        there = {table: int(base.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in TABLES}
        if there == counts and _last(sql) == _last(base):
            return  # a move that was killed before the folder said so
        if any(there.values()):
            held = ", ".join(f"{count:,} {table}" for table, count in there.items() if count)
            raise ValueError(f"the database holds {held} of another book; give an empty one")
        for table, columns in TABLES.items():
            base.copy(table, columns, sql.execute(f"SELECT {columns} FROM {table}"))
        for table in NUMBERED:
            base.execute(f"SELECT setval(pg_get_serial_sequence('o1exp.{table}', 'id'), coalesce(max(id), 1), max(id) > 0) FROM {table}")
        now = {table: int(base.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in TABLES}
        if now != counts:
            raise StageFailed(f"{now} rows came of {counts}; nothing was moved")


def _carry_limits(locks: Path, base: Postgres) -> None:
    """What was used of the limits in the last minute: the first run on the database is no faster than they allow."""
    for file in state_files(locks):
        with closing(LimitsFile(file)) as before:
            carry(before, LimitsRow(base, file.name))


def _counts(sql: sqlite3.Connection) -> dict[str, int]:
    return {table: int(sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in TABLES}


def _last(sql: "sqlite3.Connection | Postgres") -> list[object]:
    """What two books that hold the same have in common."""
    totals = sql.execute("SELECT study, usd, lost_usd FROM totals ORDER BY study").fetchall()
    newest = sql.execute("SELECT id, study, key, usd, time FROM ledger ORDER BY id DESC LIMIT 1").fetchall()
    ends = sql.execute("SELECT min(key), max(key) FROM answers").fetchall()
    return [tuple(row) for row in (*totals, *newest, *ends)]


def _close(sql: sqlite3.Connection, url: str) -> None:
    """From here on the old file says to whoever has it open still that it takes no rows; what they hold is saved beside it then."""
    said = f"the answers are in {url} now".replace("'", "''")
    for table in TABLES:
        for event in ("INSERT", "UPDATE"):
            name = f"moved_{table}_{event}"
            sql.execute(f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{said}'); END")


assert SCHEMA == 5, "another layout: look whether TABLES are all of it"
