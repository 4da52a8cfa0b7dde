"""The book of what model calls cost, to read: who paid, for which study, to which model, and what was lost.

Every row counts once, whoever shares its answer. Reading creates and changes nothing: a missing file is an empty book, and one of an older
layout is read as it is.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from o1exp.chat.layout import NAME, TABLES, layout
from o1exp.chat.postgres import Postgres
from o1exp.chat.purse import url_of
from o1exp.flow import StageFailed

_SUMS = """coalesce(sum(CASE WHEN kind='answered' THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN kind='lost' THEN 1 ELSE 0 END), 0),
    CAST(coalesce(sum(prompt_tokens), 0) AS BIGINT), CAST(coalesce(sum(completion_tokens), 0) AS BIGINT),
    coalesce(sum(usd), 0.0), coalesce(sum(CASE WHEN kind='lost' THEN usd ELSE 0.0 END), 0.0)"""
_STUDY = "(CAST(:study AS TEXT) IS NULL OR study=:study)"
_COUNTED = f"struck='' AND {_STUDY}"
_FIELDS = "id, time, study, stage, kind, model, prompt_tokens, completion_tokens, usd, struck, struck_by"


@dataclass(frozen=True)
class Account:
    """What some rows come to: requests with and without an answer, tokens, and USD; those without count at their likely price."""

    answered: int = 0
    lost: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    lost_usd: float = 0.0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Account") -> "Account":
        return Account(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


NOTHING = Account()


@dataclass(frozen=True)
class Entry:
    """One row. `kind` is answered or lost, `time` seconds since 1970, `struck` the reason why the row no longer counts, and
    `struck_by` who said so, else empty.
    """

    id: int
    time: float
    study: str
    stage: str
    kind: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    usd: float
    struck: str
    struck_by: str


@dataclass(frozen=True)
class Failure:
    """Failed attempts of one stage with one reason: how many, how many requests were left out for it, and what they may have cost."""

    stage: str
    model: str
    reason: str
    attempts: int
    left_out: int
    usd: float


class Book:
    """The rows of one outputs folder, as they are now; `open_book` gives one."""

    def __init__(self, connection: Any, listed: str) -> None:
        """`listed` is what makes rows of a list of texts in JSON, the parameter `stages`, in the SQL of the connection."""
        self._sql, self._list = connection, listed

    def studies(self, study: str | None = None) -> dict[str, Account]:
        """What each study has spent: the sum that its budget is held against."""
        return self._by("study", study)

    def stages(self, study: str | None = None) -> dict[str, Account]:
        """What each stage ("Distil/<key>") has paid; "" stands for rows from before the book knew stages."""
        return self._by("stage", study)

    def models(self, study: str | None = None) -> dict[str, Account]:
        """What was paid to each model."""
        return self._by("model", study)

    def reserved(self) -> dict[str, float]:
        """USD by study that requests under way can cost at most; those of a killed run count until the next run writes them off."""
        return dict(self._sql.execute("SELECT study, sum(bound_usd) FROM claims GROUP BY study ORDER BY study"))

    def entries(self, study: str | None = None) -> Iterator[Entry]:
        """Every row, the oldest first, struck ones too."""
        rows = self._sql.execute(f"SELECT {_FIELDS} FROM entries WHERE {_STUDY} ORDER BY id", {"study": study})
        return (Entry(*row) for row in rows)

    def failures(self, study: str | None = None) -> Iterator[Failure]:
        """Failed attempts, the most frequent first; those of requests that were answered in the end too."""
        rows = self._sql.execute(
            f"SELECT stage, model, reason, count(*), sum(final), coalesce(sum(usd), 0.0) FROM failed WHERE {_STUDY} "
            "GROUP BY stage, model, reason ORDER BY count(*) DESC, stage, reason",
            {"study": study},
        )
        return (Failure(*row) for row in rows)

    def knows(self, stage: str) -> bool:
        """Has the book noted which answers the stage stands on? Not for stages made before it did."""
        return self._sql.execute("SELECT 1 FROM used WHERE stage=? LIMIT 1", (stage,)).fetchone() is not None

    def paid(self, stages: Iterable[str]) -> Account:
        """What these stages paid."""
        return Account(
            *self._sql.execute(f"SELECT {_SUMS} FROM entries WHERE struck='' AND stage IN {self._list}", _listed(stages)).fetchone()
        )

    def answers(self, stages: Iterable[str]) -> Account:
        """What the answers cost that these stages stand on, each distinct answer once, whoever paid for it."""
        return self._answers(f"key IN (SELECT key FROM used WHERE stage IN {self._list})", stages)

    def replayed(self, stages: Iterable[str]) -> Account:
        """The part of `answers` that other stages had paid before: for these it came from the request cache."""
        return self._answers(f"key IN (SELECT key FROM used WHERE stage IN {self._list}) AND stage NOT IN {self._list}", stages)

    def stored(self, stages: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The answers themselves that these stages stand on, as the file's columns name their parts, in the order of their keys."""
        query = f"SELECT * FROM answers WHERE key IN (SELECT key FROM used WHERE stage IN {self._list}) ORDER BY key"
        found = self._sql.execute(query, _listed(stages))
        names = [str(column[0]) for column in found.description]
        return (dict(zip(names, row, strict=True)) for row in found)

    def _answers(self, which: str, stages: Iterable[str]) -> Account:
        query = f"SELECT {_SUMS} FROM entries WHERE struck='' AND kind='answered' AND {which}"
        return Account(*self._sql.execute(query, _listed(stages)).fetchone())

    def _by(self, column: str, study: str | None) -> dict[str, Account]:
        rows = self._sql.execute(
            f"SELECT {column}, {_SUMS} FROM entries WHERE {_COUNTED} GROUP BY {column} ORDER BY {column}", {"study": study}
        )
        return {name: Account(*sums) for name, *sums in rows}


LITE = "(SELECT value FROM json_each(:stages))"
POSTGRES = "(SELECT value FROM json_array_elements_text(CAST(:stages AS json)) AS listed(value))"


def _listed(stages: Iterable[str]) -> dict[str, str]:
    return {"stages": json.dumps(list(stages))}


@contextmanager
def open_book(outputs: Path) -> Iterator[Book]:
    """The book of an outputs folder, read-only. Errors: ValueError where it is none of ours, of a later o1exp, or cannot be reached."""
    if url := url_of(outputs):
        with _of_server(url) as book:
            yield book
        return
    path = outputs / NAME
    with closing(_connection(path)) as connection:
        try:
            _views(connection, layout(connection, path))
            yield Book(connection, LITE)
        except sqlite3.DatabaseError as problem:
            raise ValueError(f"{path} cannot be read as a ledger ({problem}); restore it from a copy, or move it away") from problem


@contextmanager
def _of_server(url: str) -> Iterator[Book]:
    try:
        with closing(Postgres(url)) as base:
            for view, table in (("entries", "ledger"), ("used", "uses"), ("failed", "attempts")):
                base.execute(f"CREATE TEMP VIEW {view} AS SELECT * FROM {table}")
            base.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield Book(base, POSTGRES)
    except StageFailed as problem:
        raise ValueError(str(problem)) from problem


def exists(outputs: Path) -> bool:
    """Has the outputs folder a book?"""
    return bool(url_of(outputs)) or (outputs / NAME).is_file()


def _connection(path: Path) -> sqlite3.Connection:
    if not path.exists() or not path.stat().st_size:
        empty = sqlite3.connect(":memory:")
        empty.executescript(TABLES)
        return empty
    # Without a log beside the file nobody has it open. To open it as usual would leave an empty log there.
    logged = path.with_name(path.name + "-wal").exists()
    return sqlite3.connect(f"{path.resolve().as_uri()}?{'mode=ro' if logged else 'immutable=1'}", uri=True, timeout=60)


def _views(connection: sqlite3.Connection, found: int) -> None:
    """The same three tables whatever the layout of the file; they live in memory."""
    own = "" if found >= 2 else ", '' AS stage, '' AS struck"
    by = "" if found >= 3 else ", '' AS struck_by"
    uses = "SELECT * FROM uses" if found >= 2 else "SELECT '' AS stage, '' AS key WHERE 0"
    nothing = "SELECT '' AS study, '' AS stage, '' AS model, '' AS reason, 0 AS final, 0.0 AS usd WHERE 0"
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(f"CREATE TEMP VIEW entries AS SELECT *{own}{by} FROM ledger")
    connection.execute(f"CREATE TEMP VIEW used AS {uses}")
    connection.execute(f"CREATE TEMP VIEW failed AS {'SELECT * FROM attempts' if found >= 3 else nothing}")
