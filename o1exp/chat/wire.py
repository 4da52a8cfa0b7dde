"""The wire: one request as bytes, its reply as text, and what it means that a connection broke."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from o1exp.chat.address import Address
from o1exp.chat.endpoint import is_loopback
from o1exp.chat.failure import STARTING, UNKNOWN, Again
from o1exp.chat.reply import decoded
from o1exp.flow import StageFailed

if TYPE_CHECKING:
    import httpx2

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

        self._address = address
        self._clients = list["httpx2.AsyncClient"]()
        seconds = min(0.9 * address.teacher.timeout, CONNECTING)
        self._limits = {"timeout": httpx2.Timeout(None, connect=seconds).as_dict()}  # the whole request is bounded by who sends it
        try:
            self._url = httpx2.URL(f"{address.base_url.rstrip('/')}/chat/completions")
            self._trusted = httpx2.create_ssl_context(trust_env=not is_loopback(address.base_url))
            self._headers = httpx2.Headers(_headers(address))
            self._free = [self._client()]
        except (ValueError, ImportError, TypeError, OSError, httpx2.InvalidURL) as wrong:
            raise StageFailed(f"{address.who} cannot be asked ({address.clean(str(wrong))}){self._suspects()}") from None

    def _client(self) -> "httpx2.AsyncClient":
        import httpx2

        # A proxy from the environment must not see what stays on this machine.
        client = httpx2.AsyncClient(trust_env=not is_loopback(self._address.base_url), verify=self._trusted)
        self._clients.append(client)
        return client

    def _suspects(self) -> str:
        """What in the environment may be wrong."""
        named = [f"the proxy in the environment variable {self._address.proxy}"] if self._address.proxy else []
        named += [f"the file or folder that {name} names" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
        return f"; look at {' and at '.join(named)}" if named else ""

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def post(self, content: bytes, idle: float | None) -> Reply:
        """The reply, of whatever status; `idle` bounds the seconds between two pieces of it. Errors: Again."""
        import httpx2

        client = self._free.pop() if self._free else self._client()
        try:
            url = self._url
            for _ in range(HOPS):
                reply = await self._once(client, url, content, idle)
                if (onward := self._onward(url, reply)) is None:
                    break
                url = onward
            return reply
        except (httpx2.RequestError, OSError) as problem:
            raise self._broken(problem) from None
        finally:
            self._free.append(client)

    async def _once(self, client: "httpx2.AsyncClient", url: "httpx2.URL", content: bytes, idle: float | None) -> Reply:
        import httpx2

        request = httpx2.Request("POST", url, headers=self._headers, content=content, extensions=self._limits)
        reply = await client.send(request, stream=True)
        try:
            whole, pieces = bytearray(), reply.aiter_bytes()
            while (piece := await _next(pieces, idle)) is not None:
                whole += piece
            return Reply(reply.status_code, decoded(bytes(whole), reply.charset_encoding), reply.headers)
        finally:
            await reply.aclose()

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


async def _next(pieces: AsyncIterator[bytes], idle: float | None) -> bytes | None:
    """The next piece, None behind the last."""
    if idle is None:
        return await anext(pieces, None)
    try:
        async with asyncio.timeout(idle):
            return await anext(pieces, None)
    except TimeoutError:
        raise Again(f"no further piece of the answer within {idle:g} s", lost=True) from None


def _headers(address: Address) -> dict[str, str]:
    """What every request says. Organisation and project of the environment are no business of other providers."""
    names = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"} if address.is_openai else {}
    own = {header: os.environ[name].strip() for header, name in names.items() if os.environ.get(name)}
    key = {"Authorization": f"Bearer {address.key or 'none'}"}
    return {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "o1exp", **key, **own}


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
