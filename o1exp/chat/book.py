"""The book of money: its rows, those that a person strikes, and those that are put right when an answer turns up after all."""

import time
from typing import Any

from o1exp.chat.cache import Cache
from o1exp.records import Usage

ROW = "INSERT INTO ledger (study, stage, key, kind, model, prompt_tokens, completion_tokens, usd, time) VALUES (?,?,?,?,?,?,?,?,?)"


def strike(cache: Cache, row: int, reason: str, who: str) -> None:
    """A row counts no longer, in its study's spend and anywhere else; it stays in the book with the reason and who said so.

    Errors: ValueError without a reason, or where there is no such row, or no longer.
    """
    if not reason.strip():
        raise ValueError(f"row {row} is struck only with a reason, e.g. --reason 'not on the invoice'")
    sql = cache.connection
    with cache.transaction(durable=True):
        found = sql.execute("SELECT study, struck, usd, kind, model FROM ledger WHERE id=?", (row,)).fetchone()
        if found is None:
            raise ValueError(
                f"there is no row {row} in the ledger; `ledger` lists the rows that can be in doubt, `ledger --json` all of them"
            )
        study, struck, usd, kind, model = found
        if struck:
            raise ValueError(f"row {row} is struck already: {struck}")
        sql.execute("UPDATE ledger SET struck=?, struck_by=? WHERE id=?", (reason.strip(), who, row))
        _add(sql, study, -usd, -usd if kind == "lost" else 0.0)
        sql.execute("DELETE FROM dearest WHERE model=?", (model,))  # it may have been the dearest


def enter(cache: Cache, study: str, stage: str, key: str, model: str, usage: Usage) -> None:
    """A row for an answer that an earlier run paid; belongs into the transaction that keeps the answer."""
    cache.connection.execute(ROW, (study, stage, key, "answered", model, *taken(usage), time.time()))
    cache.connection.execute("INSERT INTO totals VALUES (?, 0, 0) ON CONFLICT DO NOTHING", (study,))
    _add(cache.connection, study, usage.usd)


def settle(cache: Cache, key: str, since: float, why: str = "its answer was saved beside the cache") -> None:
    """A request that was written off since then (seconds since 1970) was answered after all; belongs into a transaction."""
    sql = cache.connection
    sql.execute("DELETE FROM claims WHERE key=?", (key,))
    wrong = "kind='lost' AND struck='' AND key=? AND time>=?"
    sums = sql.execute(f"SELECT study, sum(usd) FROM ledger WHERE {wrong} GROUP BY study", (key, since)).fetchall()
    sql.execute(f"UPDATE ledger SET struck=?, struck_by='o1exp' WHERE {wrong}", (why, key, since))
    for study, usd in sums:
        _add(sql, study, -usd, -usd)


def taken(usage: Usage) -> tuple[int, int, float]:
    return usage.prompt_tokens, usage.completion_tokens, usage.usd


def _add(sql: Any, study: str, usd: float, lost_usd: float = 0.0) -> None:
    """To the study's totals: to sum up its rows anew would take longer with every answer."""
    sql.execute("UPDATE totals SET usd = usd + ?, lost_usd = lost_usd + ? WHERE study=?", (usd, lost_usd, study))
