"""Stored answers of somebody else: taken into the requests of an outputs folder, and what stands for a server where nothing is sent."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from o1exp.chat.cache import Cache, Kept
from o1exp.chat.failure import Unfit
from o1exp.chat.layout import NAME, base_key
from o1exp.chat.replay import VARIABLE
from o1exp.chat.request import Request, cache_key

NOT_ON_RECORD = f"the answer is not on record, and {VARIABLE} lets nothing be sent"
_COLUMNS = (
    "key", "asked", "text", "reasoning", "finish_reason", "model", "prompt_tokens", "completion_tokens", "usd", "estimated", "time", "base",
    "came",
)  # fmt: skip
_INSERT = f"INSERT OR IGNORE INTO answers ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


class Record:
    """What sends where nothing may be sent: each request is at once one that failed for good."""

    batches = None

    async def send(self, requests: Sequence[Request]) -> list[Kept]:
        raise Unfit(NOT_ON_RECORD)

    async def close(self) -> None:
        """There is nothing open."""


def take_in(answers: Path, root: Path) -> int:
    """Put stored answers (a JSON line each, as `export` writes them) into the requests of an outputs folder; how many there are.

    Errors: ValueError for a line that is none, or whose key is not that of what it says was asked.
    """
    root.mkdir(parents=True, exist_ok=True)
    rows = list(_rows(answers))
    cache = Cache(root / NAME)
    try:
        with cache.transaction():
            cache.connection.executemany(_INSERT, rows)
    finally:
        cache.close()
    return len(rows)


def _rows(answers: Path) -> Iterator[tuple[Any, ...]]:
    with answers.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                stored = json.loads(line)
                question = json.loads(stored["asked"])
                if cache_key(question) != stored["key"]:
                    raise ValueError("its key is not that of what was asked")
                found = {"base": base_key(question), "came": "{}", **stored}
                yield tuple(found[name] for name in _COLUMNS)
            except (ValueError, KeyError, TypeError, AttributeError) as wrong:
                raise ValueError(f"{answers}, line {number}, is no stored answer ({wrong}); export the run again") from wrong
