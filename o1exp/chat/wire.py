"""The wire: one request as bytes, its reply as text, and what it means that a connection broke."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from o1exp.chat.address import Address
from o1exp.chat.failure import STARTING, UNKNOWN, Again
from o1exp.chat.official import Official
from o1exp.chat.reply import decoded

if TYPE_CHECKING:
    import httpx2
    import openai

CONNECTING = 30.0
"""Seconds that a connection may take."""
HOPS = 5
"""Redirects of one request that are followed."""
UNSENT = ("Connect", "Pool", "Proxy", "LocalProtocol", "UnsupportedProtocol")
"""How errors begin after which nothing, or no whole request, can have reached the server."""


@dataclass(frozen=True)
class Reply:
    """What came back: whole, as text. Names of headers in any case."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire:
    """The connections to one address, each with a client of its own: a shared one looks through all of them for every request."""

    def __init__(self, address: Address) -> None:
        import httpx2

        seconds = min(0.9 * address.teacher.timeout, CONNECTING)
        self._address = address
        self._official = Official(address, httpx2.Timeout(None, connect=seconds))  # the whole request is bounded by who sends it
        self._clients = [self._official.client()]
        self._free = list(self._clients)
        self._url = self._clients[0].base_url.join("chat/completions")

    def _client(self) -> "openai.AsyncOpenAI":
        if self._free:
            return self._free.pop()
        self._clients.append(self._official.client())
        return self._clients[-1]

    async def close(self) -> None:
        for client in self._clients:
            await client.close()

    async def post(self, content: bytes, idle: float | None) -> Reply:
        """The reply, of whatever status; `idle` bounds the seconds between two pieces of it. Errors: Again."""
        import httpx2
        import openai

        client = self._client()
        try:
            url = self._url
            for _ in range(HOPS):
                reply = await _once(client, url, content, idle)
                if (onward := self._onward(url, reply)) is None:
                    break
                url = onward
            return reply
        except openai.APIConnectionError as problem:
            raise self._broken(problem.__cause__ or problem) from None
        except (httpx2.RequestError, OSError) as problem:
            raise self._broken(problem) from None
        finally:
            self._free.append(client)

    def _onward(self, url: "httpx2.URL", reply: Reply) -> "httpx2.URL | None":
        """Where a redirect leads that keeps the request as it is and stays at the server; the prompts and the key go to no other."""
        import httpx2

        if reply.status not in (307, 308) or not reply.headers.get("location"):
            return None
        try:
            target = url.join(reply.headers["location"])
        except httpx2.InvalidURL:
            return None
        same = (target.scheme, target.port) == (url.scheme, url.port)
        safer = (url.scheme, url.port, target.scheme, target.port) == ("http", None, "https", None)
        return target if target.host == url.host and (same or safer) and not target.userinfo else None

    def _broken(self, problem: BaseException) -> Again:
        """Nobody was there, or the connection broke off."""
        kind, named = type(problem).__name__, self._address.proxy
        through = f" through the proxy in the environment variable {named}" if named else ""
        said = self._address.clean(_said(problem)) or kind
        if kind.startswith(UNSENT):
            away = kind in ("ConnectError", "ConnectTimeout", "ProxyError")
            starting = UNKNOWN if "not known" in said or "No address" in said else STARTING
            return Again(f"no connection{through} ({said})", timed=away, unreachable=starting if away else 0.0)
        spoke = "illegal status line" not in said  # no HTTP, e.g. http:// to a port of https://: nobody has read the request
        return Again(f"connection{through} lost ({said})", lost=spoke)


async def _once(client: "openai.AsyncOpenAI", url: "httpx2.URL", content: bytes, idle: float | None) -> Reply:
    import httpx2
    import openai

    try:
        # Not chat.completions.create: that looks through every field of the body, for a third of what a request costs here.
        reply = await client.post(str(url), content=content, cast_to=httpx2.Response, stream=True)
    except openai.APIStatusError as refused:
        reply = refused.response
    try:
        whole, pieces = bytearray(), reply.aiter_bytes()
        while (piece := await _next(pieces, idle)) is not None:
            whole += piece
        return Reply(reply.status_code, decoded(bytes(whole), reply.charset_encoding), reply.headers)
    finally:
        await reply.aclose()


async def _next(pieces: AsyncIterator[bytes], idle: float | None) -> bytes | None:
    """The next piece, None behind the last."""
    if idle is None:
        return await anext(pieces, None)
    try:
        async with asyncio.timeout(idle):
            return await anext(pieces, None)
    except TimeoutError:
        raise Again(f"no further piece of the answer within {idle:g} s", lost=True) from None


def _said(problem: BaseException) -> str:
    """What the system said, at the bottom of it, e.g. "Connection refused"; else what the library did."""
    causes, cause = list[BaseException](), problem
    while cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__ or cause
    if secure := [one for one in causes if isinstance(one, ssl.SSLError)]:  # its number is none of the system's
        return str(secure[-1])
    system = [one for one in causes if isinstance(one, OSError) and one.errno]
    if not system:
        return str(problem)
    number = system[-1].errno or 0
    return os.strerror(number) if number > 0 else str(system[-1].strerror)  # below zero: of the look-up of names
