"""The request cache: one record per answered request, so that no answer is paid for twice.

Several processes share it: those of one machine `requests.sqlite`, those of many a PostgreSQL database. The spend ledger lives in the same
place, because an answer and its price are committed together.
"""

import json
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from o1exp.chat.layout import base_key
from o1exp.chat.lite import PATIENCE, Lite, Moved
from o1exp.chat.postgres import Postgres
from o1exp.chat.purse import url_of
from o1exp.chat.request import Came
from o1exp.chat.unwritten import Unwritten
from o1exp.records import Completion, Usage
from o1exp.records.finish import ending

__all__ = ["BUSY", "PATIENCE", "Cache", "Kept", "Unwritten"]

BUSY = 0.5
"""Seconds of its patience that a cache may wait by itself for the other writers: meanwhile this process hears no server."""


@dataclass(frozen=True)
class Kept:
    """A record of the cache."""

    completion: Completion
    reasoning: str
    estimated: bool
    came: Came = field(default_factory=Came)


class Cache:
    """An open request cache, for the thread that opened it. `path` is requests.sqlite, or would be: the folder may name a database."""

    def __init__(self, path: Path) -> None:
        url = url_of(path.parent)
        try:
            self.base: Lite | Postgres = Postgres(url) if url else Lite(path)
        except Moved as moved:
            self.base = Postgres(str(moved))
        self.connection: Any = self.base.connection

    def transaction(self, durable: bool = False) -> AbstractContextManager[None]:
        """Everything inside is committed together, or nothing; one writer at a time over all processes.

        A commit outlives the death of the process; a `durable` one also a power failure, for a few milliseconds more. Inside another
        transaction it is a part of that. Errors: Unwritten.
        """
        return self.base.transaction(durable)

    def patience(self, seconds: float) -> None:
        """How long other writers are waited for from now on, without a sign of life."""
        self.base.patience(seconds)

    def has(self, key: str) -> bool:
        return self._row("SELECT 1 FROM answers WHERE key=?", key) is not None

    def standing(self, key: str, question: dict[str, Any]) -> str | None:
        """The key of the record that answers the question, if there is one.

        It is the question's own, or that of the same one asked with a smaller max_tokens: an answer that was not cut off would be no other.
        """
        if self.has(key):
            return key
        query = f"SELECT key, finish_reason FROM answers WHERE base=? AND {self.base.max_tokens} < ? ORDER BY {self.base.max_tokens} DESC"
        with self.base.in_words():
            found = self.connection.execute(query, (base_key(question), question.get("sampling", {}).get("max_tokens", 0))).fetchall()
        return next((str(key) for key, reason in found if ending(reason) == "stop"), None)

    def find(self, key: str) -> Kept | None:
        row = self._row(
            "SELECT text, finish_reason, model, prompt_tokens, completion_tokens, usd, reasoning, estimated, came FROM answers WHERE key=?",
            key,
        )
        if row is None:
            return None
        text, finish_reason, model, prompt, completion, usd, reasoning, estimated, came = row
        usage = Usage(prompt_tokens=prompt, completion_tokens=completion, usd=usd)
        done = Completion(text=text, finish_reason=finish_reason, usage=usage, model=model)
        return Kept(done, reasoning, bool(estimated), Came(**json.loads(came)))

    def _row(self, query: str, *values: Any) -> Any:
        with self.base.in_words():
            return self.connection.execute(query, values).fetchone()

    def keep(self, key: str, question: dict[str, Any], kept: Kept) -> None:
        """Add a record; belongs into a transaction together with its ledger row."""
        done = kept.completion
        self.connection.execute(
            "INSERT INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
            (key, json.dumps(question, ensure_ascii=False), done.text, kept.reasoning, done.finish_reason, done.model,
             done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.usd, int(kept.estimated), time.time(), base_key(question),
             json.dumps(asdict(kept.came))),
        )  # fmt: skip

    def close(self) -> None:
        self.base.close()
