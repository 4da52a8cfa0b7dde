"""One request to one address and what it comes to: answers, or what their lack means for the run."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from o1exp.chat.address import found
from o1exp.chat.batch import Batches
from o1exp.chat.body import body
from o1exp.chat.cache import Kept
from o1exp.chat.failure import Again, Unfit, out_of_money, wait_told
from o1exp.chat.pieces import joined
from o1exp.chat.reading import kept_of, refused
from o1exp.chat.refused import refusal, told
from o1exp.chat.reply import lines
from o1exp.chat.request import Request, asked, cache_key
from o1exp.chat.statuses import no_money, refused_words, words_of
from o1exp.chat.teacher import Teacher
from o1exp.chat.wire import Reply, Wire

ERRORS = ("message", "msg", "detail", "error_msg", "error_message")
"""Where some servers say under status 200 what went wrong."""


class Sender:
    """The endpoint of one teacher at one address."""

    def __init__(self, teacher: Teacher, base_url: str, folder: Path | None = None) -> None:
        self._teacher = teacher
        self._address = found(teacher, base_url)
        self._wire = Wire(self._address)
        self._streams = teacher.stream
        self._counts = True
        """Is a streamed answer asked for its usage? Some servers do not know the question."""
        self.batches = Batches(self._address, folder) if teacher.batch and folder is not None else None

    async def close(self) -> None:
        if self.batches is not None:
            await self.batches.close()
        await self._wire.close()

    async def send(self, requests: Sequence[Request]) -> list[Kept]:
        """The answers to draws of one prompt, priced: of the first ones where fewer came.

        Errors: Again; Unfit; StageFailed where sending anything more is of no use.
        """
        sent = body(self._teacher, requests[0], self._address.base_url) | ({"n": len(requests)} if len(requests) > 1 else {})
        if self.batches is not None:
            reply = await self._batched(requests[0], sent, self.batches)
        else:
            try:
                async with asyncio.timeout(self._teacher.timeout):
                    reply = await self._reply(sent)
            except TimeoutError:
                raise Again(f"no answer within {self._teacher.timeout:g} s", lost=True) from None
        if reply.status // 100 != 2:
            words = refused_words(self._address, reply, sent)
            return [refused(self._teacher, words, self._address.told) for _ in requests]
        return self._read(requests, _whole(reply.text))

    async def _batched(self, request: Request, sent: dict[str, Any], batches: Batches) -> Reply:
        """The same out of a batch: its rows are replies with a status, or say why there is none."""
        row = await batches.row(cache_key(asked(self._teacher, request)), sent)
        response = row.get("response") or {}
        status, content = response.get("status_code"), response.get("body")
        if status == 200:
            return Reply(200, json.dumps(content))
        error = row.get("error") or content or {}
        if not isinstance(status, int):
            raise Again(self._address.clean(str(error.get("message") or error) if isinstance(error, dict) else str(error)))
        return Reply(status, json.dumps(error))

    async def _reply(self, sent: dict[str, Any]) -> Reply:
        """What the server says. It is asked anew, at no cost, where it wants the other way of streaming."""
        for _ in range(3):
            content, idle = self._content(sent), self._teacher.idle_timeout if self._streams else None
            reply = await self._wire.post(content, idle)
            said = words_of(reply).lower() if reply.status == 400 else ""
            if self._streams and self._counts and "stream_options" in said:
                self._counts = False
            elif "stream" in said and self._streams == self._teacher.stream:
                self._streams = not self._streams
            else:
                return reply
        raise Unfit("the server takes requests neither with stream=true nor without")

    def _content(self, sent: dict[str, Any]) -> bytes:
        usage = {"stream_options": {"include_usage": True}} if self._streams and self._counts else {}
        stream = {"stream": True, **usage} if self._streams else {}
        return json.dumps({**sent, **stream}, ensure_ascii=False, separators=(",", ":")).encode()

    def _read(self, requests: Sequence[Request], text: str) -> list[Kept]:
        """The reply's content. Errors: Again for whatever is no completion, although the status was 200."""
        try:
            reply = self._address.without_key(json.loads(text))
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            page = text.strip()[:1] not in ("", "{", "[")  # of a gateway, or of a login: no model has worked for it
            raise Again(f"the reply is no JSON object but {self._address.clean(text)[:80]!r}", lost=not page)
        if (error := _within(reply)) is not None:
            if empty := out_of_money(error):
                raise no_money(self._address, empty)
            if words := refusal(200, error):
                return [refused(self._teacher, self._address.clean(words), self._address.told) for _ in requests]
            raise Again(f"an error under status 200: {self._address.clean(told(error))}", after=wait_told(error))
        return kept_of(self._teacher, requests, reply, self._address.told)


def _within(reply: dict[str, Any]) -> Any:
    """The error that stands in the place of an answer, under whatever name; None for an answer."""
    if error := reply.get("error"):
        return error
    if reply.get("choices") or reply.get("usage") or not any(isinstance(reply.get(name), str | list) for name in ERRORS):
        return None
    return reply


def _whole(text: str) -> str:
    """A body as JSON: that of a stream joined to one reply. Errors: Again where a piece of it cannot be read."""
    if not any(line.startswith("data:") for line in lines(text)):
        return "\n".join(line for line in lines(text) if not line.startswith(":"))
    try:
        return json.dumps(joined(lines(text)))
    except (ValueError, RecursionError):
        raise Again("a piece of the streamed answer cannot be read", lost=True) from None
