"""The batch API of OpenAI's protocol: requests are sent as a file of many and answered within a day, for less money.

What was submitted stands in a file of its own until its answers are kept: after a kill the next run fetches them, and pays nothing twice.
To everybody else a batch is a server that answers late.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from o1exp.chat.address import Address
from o1exp.chat.failure import Again
from o1exp.chat.ledger import Ledger
from o1exp.chat.official import Official
from o1exp.chat.reply import decoded, lines
from o1exp.flow import StageFailed

FOLDER = "batches"
GATHER = 1.0
"""Seconds without a further request after which those that wait are submitted."""
WINDOW: Final = "24h"
OURS = "o1exp"
"""Where a batch says in its metadata which of our files it is."""
OVER = ("completed", "expired", "cancelled", "failed")


@dataclass
class Batch:
    """Some requests by their cache keys. `id` is the server's name for it, "" until it has answered; `since` seconds since 1970."""

    name: str
    address: str
    keys: list[str]
    id: str = ""
    since: float = field(default_factory=time.time)

    def save(self, folder: Path) -> None:
        part = folder / f"{self.name}.part"
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.replace(self.path(folder))

    def path(self, folder: Path) -> Path:
        return folder / f"{self.name}.json"


def stored(folder: Path, address: str) -> Iterator[Batch]:
    """What was submitted to that address and is not known to be over."""
    for path in sorted(folder.glob("*.json")):
        with suppress(ValueError, TypeError, OSError):
            batch = Batch(**json.loads(path.read_text(encoding="utf-8")))
            if batch.address == address:
                yield batch


def settled(batches: Iterable[Batch], wanted: Collection[str], ledger: Ledger) -> None:
    """What a killed run had submitted was counted as lost; now its answers are fetched, and paid for as such."""
    for batch in batches:
        for key in batch.keys:
            if key in wanted:
                ledger.not_lost(key, batch.since, "its batch is asked for its answer")


class Batches:
    """Gathers requests, submits them, and gives each its row of the answer; use within one event loop."""

    def __init__(self, address: Address, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._address, self._folder, self._endpoint = address, folder, address.teacher
        self._client = Official(address, address.teacher.timeout).client()
        self._pending: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._submitted = {key: batch for batch in stored(folder, address.base_url) for key in batch.keys}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._over: list[Batch] = []
        self._gathering: asyncio.TimerHandle | None = None

    async def row(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """The row of the output that belongs to this request. Errors: Again, StageFailed."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._waiting[key] = waiting
        if (batch := self._submitted.get(key)) is not None:
            self._follow(batch, lambda: self._found(batch))
        else:
            self._pending[key] = body
            if self._gathering is not None:
                self._gathering.cancel()
            full = len(self._pending) >= self._endpoint.batch_size
            self._gathering = loop.call_later(0 if full else GATHER, self._flush)
        return await waiting

    def _flush(self) -> None:
        bodies, self._pending, self._gathering = self._pending, {}, None
        batch = Batch(uuid.uuid4().hex, self._address.base_url, list(bodies))
        self._submitted |= dict.fromkeys(bodies, batch)
        self._follow(batch, lambda: self._submit(batch, bodies))

    def _follow(self, batch: Batch, begin: Callable[[], Any]) -> None:
        if batch.name not in self._tasks:
            self._tasks[batch.name] = asyncio.create_task(self._whole(batch, begin))

    async def _whole(self, batch: Batch, begin: Callable[[], Any]) -> None:
        """From its submission, or from finding it again, to its rows."""
        try:
            await begin()
            rows = await self._rows(batch) if batch.id else {}
        except BaseException as problem:
            for key in batch.keys:
                self._fail(key, problem)
            raise
        self._over.append(batch)
        for key in sorted(batch.keys, key=lambda key: key not in rows or bool(rows[key].get("error"))):  # what was answered comes first
            self._submitted.pop(key, None)
            future = self._waiting.pop(key, None)
            if future is not None and not future.done():
                if key in rows:
                    future.set_result(rows[key])
                else:
                    future.set_exception(Again(f"batch {batch.id or batch.name} has no row for it"))

    def _fail(self, key: str, problem: BaseException) -> None:
        self._submitted.pop(key, None)
        future = self._waiting.pop(key, None)
        if future is not None and not future.done():
            future.set_exception(problem if isinstance(problem, Again | StageFailed) else StageFailed(f"the batch failed: {problem}"))

    async def _submit(self, batch: Batch, bodies: dict[str, dict[str, Any]]) -> None:
        batch.save(self._folder)  # before it is sent: whoever finds it without an id looks at the server whether it came
        sent = "".join(json.dumps(_line(key, body)) + "\n" for key, body in bodies.items()).encode()
        try:
            file = await self._client.files.create(file=(f"{batch.name}.jsonl", sent), purpose="batch")
            made = await self._client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window=WINDOW, metadata={OURS: batch.name}
            )  # fmt: skip
        except Exception as problem:
            if type(problem).__name__ not in ("APITimeoutError", "APIConnectionError"):  # it was refused, so there is none
                batch.path(self._folder).unlink(missing_ok=True)
            raise StageFailed(f"{self._address.who} takes no batch ({problem}); batch=false asks one by one") from problem
        batch.id = made.id
        batch.save(self._folder)

    async def _found(self, batch: Batch) -> None:
        """The server's name of a batch that was on its way when the run was killed; none where it never came."""
        if not batch.id:
            async for made in self._client.batches.list(limit=100):
                if (made.metadata or {}).get(OURS) == batch.name:
                    batch.id = made.id
                    batch.save(self._folder)
                    return

    async def _rows(self, batch: Batch) -> dict[str, dict[str, Any]]:
        """All rows of a batch by key, once it is over; an expired one has those that were answered in time."""
        since = time.monotonic()
        while True:
            try:
                found = await self._client.batches.retrieve(batch.id)
                since = time.monotonic()
                if found.status in OVER:
                    files = [name for name in (found.output_file_id, found.error_file_id) if name]
                    rows = [row for name in files for row in _read(await self._content(name))]
                    if found.status == "failed" and not rows:
                        raise Again(f"batch {batch.id} failed: {_why(found)}")
                    return {str(row["custom_id"]): row for row in rows}
            except Again:
                raise
            except Exception as problem:
                if time.monotonic() - since > self._endpoint.patience:
                    raise StageFailed(
                        f"{self._address.who} does not tell of batch {batch.id} any more ({problem}); the same command fetches its answers"
                    ) from problem
            await asyncio.sleep(self._endpoint.batch_poll)

    async def _content(self, file: str) -> bytes:
        """A file of the server, wherever it keeps it: a redirect is followed here, and to another host without the key."""
        import httpx2

        found = await self._client.get(f"/files/{file}/content", cast_to=httpx2.Response, options={"follow_redirects": True})
        return found.content

    async def close(self) -> None:
        """Leave what is under way to the server, to be found again."""
        if self._gathering is not None:
            self._gathering.cancel()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._client.close()

    def forget(self) -> None:
        """What is over and whose answers are kept is looked for no more."""
        for batch in self._over:
            batch.path(self._folder).unlink(missing_ok=True)


def _line(key: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}


def _read(content: bytes) -> Iterator[dict[str, Any]]:
    for line in lines(decoded(content)):
        with suppress(ValueError, RecursionError):
            row = json.loads(line) if line.strip() else None
            if isinstance(row, dict) and "custom_id" in row:
                yield row


def _why(found: Any) -> str:
    data = found.errors.data if found.errors is not None and found.errors.data else []
    return "; ".join(str(error.message) for error in data[:3]) or "no reason is given"
