"""Money: what a study has spent in this outputs folder, and what its requests under way may still cost.

A request is claimed before it is sent. The claim reserves the most that it can cost and tells other processes to wait for the answer
instead of paying for it too. A claim whose owner died becomes a `lost` row at its likely price: the provider may well have charged it.
Where it did not, a person strikes the row.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple, replace
from enum import Enum
from pathlib import Path

from o1exp.chat.book import ROW, settle, taken
from o1exp.chat.cache import Cache, Unwritten
from o1exp.chat.prices import Price, Prices
from o1exp.records import Usage

CLOCKS = 60.0
"""Seconds by which the clocks of machines may differ."""


class Claim(Enum):
    """What came of an attempt to claim a request."""

    MINE = "send it"
    KEPT = "it has been answered"
    TAKEN = "another run has sent it and waits for the answer"
    FULL = "the money is there, but reserved for requests under way"
    OVER = "it could pass the budget"


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
        self._rates: dict[str, Price] = {}
        """The last price that was claimed, by model."""
        self._began = time.time()
        self._owner = cache.base.owner(locks)
        self.owner = self._owner.name
        self.prices = Prices(self._sql)
        with cache.transaction():
            self._sql.execute("INSERT INTO totals VALUES (?, 0, 0) ON CONFLICT DO NOTHING", (study,))
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
            most = self.prices.most(model, price)
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
                (key, self.owner, self.study, self.stage, model, most, *astuple(self.prices.likely(model, price))),
            )
            self._rates[model] = price
            return Claim.MINE

    def pay(self, key: str, model: str, usage: Usage) -> None:
        """The claimed request was answered; belongs into the transaction that keeps its answer."""
        self._enter(self.study, self.stage, key, "answered", model, usage)
        if not self._sql.execute("DELETE FROM claims WHERE key=?", (key,)).rowcount:  # taken for dead, and written off
            settle(self._cache, key, self._began - CLOCKS, "its answer came after all")

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
        query = "SELECT key, reason FROM attempts WHERE stage=? AND making=? AND final=1 ORDER BY id"
        return dict(self._sql.execute(query, (self.stage, self.making)))

    def failed_attempts(self) -> int:
        """How many attempts of this making failed, also of those requests that were answered in the end."""
        query = "SELECT count(*) FROM attempts WHERE stage=? AND making=?"
        return int(self._sql.execute(query, (self.stage, self.making)).fetchone()[0])

    def _note(self, key: str, model: str, reason: str, usd: float, final: bool) -> None:
        row = (time.time(), self.study, self.stage, self.making, key, model, reason[:500], usd, int(final))
        self._sql.execute(
            "INSERT INTO attempts (time, study, stage, making, key, model, reason, usd, final) VALUES (?,?,?,?,?,?,?,?,?)", row
        )

    def use(self, keys: Iterable[str]) -> None:
        """The stage stands on these answers, whoever paid for them."""
        with self._cache.transaction():
            self._sql.executemany("INSERT INTO uses VALUES (?,?) ON CONFLICT DO NOTHING", ((self.stage, key) for key in keys))

    def spent(self) -> float:
        """USD of the study so far, lost requests included."""
        return float(self._sql.execute("SELECT usd FROM totals WHERE study=?", (self.study,)).fetchone()[0])

    def lost(self) -> float:
        """The part of `spent` that is the likely price of requests without an answer."""
        return float(self._sql.execute("SELECT lost_usd FROM totals WHERE study=?", (self.study,)).fetchone()[0])

    def _reserved(self, model: str, most: float) -> float:
        """The same as `reserved`, where claims of the model were made before anybody knew that its answers can cost `most`."""
        bound = "CASE WHEN model=? AND bound_usd < ? THEN ? ELSE bound_usd END"
        found = self._sql.execute(f"SELECT coalesce(sum({bound}), 0) FROM claims WHERE study=?", (model, most, most, self.study))
        return float(found.fetchone()[0])

    def reserved(self) -> float:
        """USD that requests under way may cost at most, over all processes."""
        return float(self._sql.execute("SELECT coalesce(sum(bound_usd), 0) FROM claims WHERE study=?", (self.study,)).fetchone()[0])

    def close(self) -> None:
        """Requests that are still under way are given up as lost; where nothing can be written, by the next run."""
        with suppress(Unwritten), self._cache.transaction():
            self._write_off("owner=?", (self.owner,))
        self._owner.close()

    def _enter(self, study: str, stage: str, key: str, kind: str, model: str, usage: Usage) -> None:
        self._sql.execute(ROW, (study, stage, key, kind, model, *taken(usage), time.time()))
        lost = usage.usd if kind == "lost" else 0.0
        self._sql.execute("UPDATE totals SET usd = usd + ?, lost_usd = lost_usd + ? WHERE study=?", (usage.usd, lost, study))

    def _held(self, key: str) -> bool:
        held = self._sql.execute("SELECT owner FROM claims WHERE key=?", (key,)).fetchone()
        if held is None:
            return False
        if self._owner.lives(held[0]):
            return True
        self._bury(held[0])
        return False

    def _bury_dead(self) -> None:
        for (owner,) in self._sql.execute("SELECT DISTINCT owner FROM claims").fetchall():
            if not self._owner.lives(owner):
                self._bury(owner)

    def _bury(self, owner: str) -> None:
        self._write_off("owner=?", (owner,))
        self._owner.forget(owner)

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
        return claimed if price is None else self.prices.likely(model, replace(price, likely=claimed))
