"""Money: what a study has spent in this outputs folder, and what its requests under way may still cost.

A request is claimed before it is sent. The claim reserves the most that it can cost and tells other processes to wait for the answer
instead of paying for it too. A claim whose owner died becomes a `lost` row at its likely price: the provider may well have charged it.
Where it did not, a person strikes the row.
"""

import fcntl
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from enum import Enum
from pathlib import Path

from filelock import FileLock

from o1exp.chat.cache import Cache, Unwritten
from o1exp.records import Usage


class Claim(Enum):
    """What came of an attempt to claim a request."""

    MINE = "send it"
    KEPT = "it has been answered"
    TAKEN = "another run has sent it and waits for the answer"
    FULL = "the money is there, but reserved for requests under way"
    OVER = "it could pass the budget"


@dataclass(frozen=True)
class Price:
    """The most that a request can cost by its own length and cap, and what it will probably use; USD of one token of either kind."""

    most_usd: float
    likely: Usage
    usd_per_prompt: float = 0.0
    usd_per_completion: float = 0.0

    @property
    def likely_tokens(self) -> int:
        return self.likely.prompt_tokens + self.likely.completion_tokens


ENOUGH, RECENT = 10, 200
"""From so many answers of a model on, their mean is what its next request is likely to take; of so many, the last ones, it is taken."""


_ROW = "INSERT INTO ledger (study, stage, key, kind, model, prompt_tokens, completion_tokens, usd, time) VALUES (?,?,?,?,?,?,?,?,?)"


class Ledger:
    """The accounts of one study, for one asker: `stage` ("Distil/<key>") is who pays, `making` which making of it, over all kills. Its lock
    file, held while it is open, tells others that it lives.
    """

    def __init__(self, cache: Cache, locks: Path, study: str, stage: str, making: str = "") -> None:
        self._cache = cache
        self._sql = cache.connection
        self.locks = locks
        self.study = study
        self.stage = stage
        self.making = making
        self.owner = uuid.uuid4().hex
        self._means: dict[str, tuple[float, tuple[int, float, float]]] = {}
        """By model: until when its mean holds (monotonic clock), and the mean."""
        self._rates: dict[str, Price] = {}
        """The last price that was claimed, by model."""
        self._dearest: dict[tuple[str, float, float], tuple[int, float]] = {}
        """By model and prices: up to which row the ledger was read, and the most that an answer had cost until there."""
        with FileLock(locks / "requests.lock"):
            self._lock = os.open(self._lock_path(self.owner), os.O_CREAT | os.O_RDWR)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._sweep()
        with cache.transaction():
            self._sql.execute("INSERT OR IGNORE INTO totals VALUES (?, 0, 0)", (study,))
            self._bury_dead()

    def claim(self, key: str, model: str, price: Price, cap: float | None) -> Claim:
        """Claim a request and reserve its price, unless somebody else has it or the study's `cap` (USD) could be passed.

        Some servers bill more than they were asked for, e.g. reasoning that they do not show: so the price is at least what the dearest
        answer of the model came to.
        """
        with self._cache.transaction():
            if self._cache.has(key):
                return Claim.KEPT
            if self._held(key):
                return Claim.TAKEN
            most = self.most(model, price)
            if cap is not None and most > 0:
                room = cap + 1e-9 - self.spent() - most
                if room < 0:
                    return Claim.OVER
                if room < self._reserved(model, most):
                    self._bury_dead()
                    return Claim.FULL
            self._sql.execute(
                "INSERT INTO claims (key, owner, study, stage, model, bound_usd, likely_prompt, likely_completion, likely_usd) "
                "VALUES (?,?,?,?,?,?,?,?,?)",
                (key, self.owner, self.study, self.stage, model, most, *astuple(self.likely(model, price))),
            )
            self._rates[model] = price
            return Claim.MINE

    def pay(self, key: str, model: str, usage: Usage) -> None:
        """The claimed request was answered; belongs into the transaction that keeps its answer."""
        self._enter(self.study, self.stage, key, "answered", model, usage)
        self._sql.execute("DELETE FROM claims WHERE key=?", (key,))

    def taken(self, key: str) -> bool:
        """Is another run, still alive, waiting for this answer?"""
        with self._cache.transaction():
            return self._held(key)

    def release(self, key: str, model: str, reason: str, final: bool = False) -> None:
        """The claimed request failed and cost nothing; it is noted with the reason, and, if `final`, not sent again by this making."""
        with self._cache.transaction():
            self._sql.execute("DELETE FROM claims WHERE key=? AND owner=?", (key, self.owner))
            self._note(key, model, reason, 0.0, final)

    def lose(self, key: str, model: str, reason: str, final: bool = False) -> None:
        """The same where it was sent and may have been charged: its likely price is counted."""
        with self._cache.transaction():
            usd = self._write_off("key=? AND owner=?", (key, self.owner))
            self._note(key, model, reason, usd, final)

    def not_lost(self, key: str, since: float, why: str) -> None:
        """What was written off since then (seconds since 1970) is not lost, unless another run waits for it."""
        with self._cache.transaction():
            if not self._held(key):
                settle(self._cache, key, since, why)

    def give_back(self, key: str) -> None:
        """The claimed request was not sent."""
        with self._cache.transaction():
            self._sql.execute("DELETE FROM claims WHERE key=? AND owner=?", (key, self.owner))

    def left_out(self) -> dict[str, str]:
        """The requests that this making has given up, with the reason of each."""
        query = "SELECT key, reason FROM attempts WHERE stage=? AND making=? AND final ORDER BY id"
        return dict(self._sql.execute(query, (self.stage, self.making)))

    def failed_attempts(self) -> int:
        """How many attempts of this making failed, also of those requests that were answered in the end."""
        query = "SELECT count(*) FROM attempts WHERE stage=? AND making=?"
        return int(self._sql.execute(query, (self.stage, self.making)).fetchone()[0])

    def _note(self, key: str, model: str, reason: str, usd: float, final: bool) -> None:
        row = (time.time(), self.study, self.stage, self.making, key, model, reason[:500], usd, final)
        self._sql.execute(
            "INSERT INTO attempts (time, study, stage, making, key, model, reason, usd, final) VALUES (?,?,?,?,?,?,?,?,?)", row
        )

    def use(self, keys: Iterable[str]) -> None:
        """The stage stands on these answers, whoever paid for them."""
        with self._cache.transaction():
            self._sql.executemany("INSERT OR IGNORE INTO uses VALUES (?,?)", ((self.stage, key) for key in keys))

    def spent(self) -> float:
        """USD of the study so far, lost requests included."""
        return float(self._sql.execute("SELECT usd FROM totals WHERE study=?", (self.study,)).fetchone()[0])

    def lost(self) -> float:
        """The part of `spent` that is the likely price of requests without an answer."""
        return float(self._sql.execute("SELECT lost_usd FROM totals WHERE study=?", (self.study,)).fetchone()[0])

    def most(self, model: str, price: Price) -> float:
        """USD that a request can cost at most: by its own length and cap, and by what the dearest answer of the model took until now."""
        rates = (price.usd_per_prompt, price.usd_per_completion)
        seen, dearest = self._dearest.get((model, *rates), (0, 0.0))
        last, found = self._sql.execute(
            "SELECT coalesce(max(id), 0), "
            "max(iif(model=? AND kind='answered' AND struck='', prompt_tokens * ? + completion_tokens * ?, 0)) FROM ledger WHERE id > ?",
            (model, *rates, seen),
        ).fetchone()
        self._dearest[model, *rates] = max(last, seen), max(dearest, found or 0.0)
        return max(price.most_usd, self._dearest[model, *rates][1])

    def likely(self, model: str, price: Price) -> Usage:
        """What a request will likely use: the mean of the model's last answers once there are enough, else the most that it can."""
        count, prompt, completion = self._mean(model)
        if count < ENOUGH:
            return price.likely
        usd = prompt * price.usd_per_prompt + completion * price.usd_per_completion
        return Usage(prompt_tokens=round(prompt), completion_tokens=round(completion), usd=usd)

    def _mean(self, model: str) -> tuple[int, float, float]:
        """Of the last answers of a model: how many, and their mean tokens of prompt and answer, looked at once a second."""
        until, known = self._means.get(model, (0.0, (0, 0.0, 0.0)))
        if time.monotonic() < until:
            return known
        tokens = "SELECT prompt_tokens, completion_tokens FROM ledger"
        recent = f"{tokens} WHERE model=? AND kind='answered' AND struck='' ORDER BY id DESC LIMIT ?"
        query = f"SELECT count(*), total(prompt_tokens) / max(count(*), 1), total(completion_tokens) / max(count(*), 1) FROM ({recent})"
        count, prompt, completion = self._sql.execute(query, (model, RECENT)).fetchone()
        if count >= ENOUGH:
            self._means[model] = time.monotonic() + 1.0, (count, prompt, completion)
        return count, prompt, completion

    def average(self, model: str, price: Price) -> float:
        """USD that an answer of the model took on average until now, at these prices; 0 without any."""
        sums = "total(prompt_tokens) * ? + total(completion_tokens) * ?"
        found = self._sql.execute(
            f"SELECT ({sums}) / max(count(*), 1) FROM ledger WHERE model=? AND kind='answered' AND struck=''",
            (price.usd_per_prompt, price.usd_per_completion, model),
        ).fetchone()
        return float(found[0])

    def _reserved(self, model: str, most: float) -> float:
        """The same as `reserved`, where claims of the model were made before anybody knew that its answers can cost `most`."""
        found = "SELECT total(max(bound_usd, iif(model=?, ?, 0))) FROM claims WHERE study=?"
        return float(self._sql.execute(found, (model, most, self.study)).fetchone()[0])

    def reserved(self) -> float:
        """USD that requests under way may cost at most, over all processes."""
        return float(self._sql.execute("SELECT coalesce(sum(bound_usd), 0) FROM claims WHERE study=?", (self.study,)).fetchone()[0])

    def close(self) -> None:
        """Requests that are still under way are given up as lost; where nothing can be written, by the next run."""
        with suppress(Unwritten), self._cache.transaction():
            self._write_off("owner=?", (self.owner,))
        self._lock_path(self.owner).unlink(missing_ok=True)
        os.close(self._lock)

    def _enter(self, study: str, stage: str, key: str, kind: str, model: str, usage: Usage) -> None:
        self._sql.execute(_ROW, (study, stage, key, kind, model, *_taken(usage), time.time()))
        lost = usage.usd if kind == "lost" else 0.0
        self._sql.execute("UPDATE totals SET usd = usd + ?, lost_usd = lost_usd + ? WHERE study=?", (usage.usd, lost, study))

    def _held(self, key: str) -> bool:
        held = self._sql.execute("SELECT owner FROM claims WHERE key=?", (key,)).fetchone()
        if held is None:
            return False
        if self._alive(held[0]):
            return True
        self._bury(held[0])
        return False

    def _bury_dead(self) -> None:
        for (owner,) in self._sql.execute("SELECT DISTINCT owner FROM claims").fetchall():
            if not self._alive(owner):
                self._bury(owner)

    def _bury(self, owner: str) -> None:
        self._write_off("owner=?", (owner,))
        self._lock_path(owner).unlink(missing_ok=True)

    def _write_off(self, which: str, values: tuple[str, ...]) -> float:
        """Requests without an answer become rows at their likely price. Gives the sum of these prices."""
        fields = "study, stage, key, model, likely_prompt, likely_completion, likely_usd"
        found = self._sql.execute(f"SELECT {fields} FROM claims WHERE {which} AND likely_usd > 0", values).fetchall()
        sum_usd = 0.0
        for study, stage, key, model, prompt, completion, usd in found:
            likely = Usage(prompt_tokens=prompt, completion_tokens=completion, usd=usd)
            self._enter(study, stage, key, "lost", model, self._as_others(model, likely))
            sum_usd += self._as_others(model, likely).usd
        self._sql.execute(f"DELETE FROM claims WHERE {which}", values)
        return sum_usd

    def _as_others(self, model: str, claimed: Usage) -> Usage:
        """What the model's answers took on average, where enough came since the claim was made, else what was thought then."""
        price = self._rates.get(model)
        return claimed if price is None else self.likely(model, replace(price, likely=claimed))

    def _sweep(self) -> None:
        """Lock files of the dead; nobody can be between making and locking one, because both happen under the common lock."""
        for path in self.locks.glob("requests-*.lock"):
            if not self._alive(path.stem.removeprefix("requests-")):
                path.unlink(missing_ok=True)

    def _lock_path(self, owner: str) -> Path:
        return self.locks / f"requests-{owner}.lock"

    def _alive(self, owner: str) -> bool:
        if owner == self.owner:
            return True
        try:
            lock = os.open(self._lock_path(owner), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False


def strike(cache: Cache, row: int, reason: str, who: str) -> None:
    """A row counts no longer, in its study's spend and anywhere else; it stays in the book with the reason and who said so.

    Errors: ValueError without a reason, or where there is no such row, or no longer.
    """
    if not reason.strip():
        raise ValueError(f"row {row} is struck only with a reason, e.g. --reason 'not on the invoice'")
    sql = cache.connection
    with cache.transaction(durable=True):
        found = sql.execute("SELECT study, struck FROM ledger WHERE id=?", (row,)).fetchone()
        if found is None:
            raise ValueError(
                f"there is no row {row} in the ledger; `ledger` lists the rows that can be in doubt, `ledger --json` all of them"
            )
        study, struck = found
        if struck:
            raise ValueError(f"row {row} is struck already: {struck}")
        sql.execute("UPDATE ledger SET struck=?, struck_by=? WHERE id=?", (reason.strip(), who, row))
        _sum_up(sql, study)


def enter(cache: Cache, study: str, stage: str, key: str, model: str, usage: Usage) -> None:
    """A row for an answer that an earlier run paid; belongs into the transaction that keeps the answer."""
    cache.connection.execute(_ROW, (study, stage, key, "answered", model, *_taken(usage), time.time()))
    cache.connection.execute("INSERT OR IGNORE INTO totals VALUES (?, 0, 0)", (study,))
    _sum_up(cache.connection, study)


def settle(cache: Cache, key: str, since: float, why: str = "its answer was saved beside the cache") -> None:
    """A request that was written off since then (seconds since 1970) was answered after all; belongs into a transaction."""
    sql = cache.connection
    sql.execute("DELETE FROM claims WHERE key=?", (key,))
    wrong = "kind='lost' AND struck='' AND key=? AND time>=?"
    studies = [study for (study,) in sql.execute(f"SELECT DISTINCT study FROM ledger WHERE {wrong}", (key, since)).fetchall()]
    sql.execute(f"UPDATE ledger SET struck=?, struck_by='o1exp' WHERE {wrong}", (why, key, since))
    for study in studies:
        _sum_up(sql, study)


def _taken(usage: Usage) -> tuple[int, int, float]:
    return usage.prompt_tokens, usage.completion_tokens, usage.usd


def _sum_up(sql: sqlite3.Connection, study: str) -> None:
    """The study's totals anew, from its rows."""
    counted = "SELECT total(usd) FROM ledger WHERE study=totals.study AND struck=''"
    sql.execute(f"UPDATE totals SET usd=({counted}), lost_usd=({counted} AND kind='lost') WHERE study=?", (study,))
