"""One request over the wire by the official openai client, and what each kind of failure means for the run."""

import asyncio
import json
import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from o1exp.chat.batch import Batches
from o1exp.chat.body import body, remedy
from o1exp.chat.cache import Kept
from o1exp.chat.endpoint import OPENAI, is_loopback
from o1exp.chat.failure import (
    AWAY,
    CROWDED,
    LOST,
    PASSING,
    STARTING,
    UNKNOWN,
    Again,
    Unfit,
    out_of_money,
    proxy,
    retry_after,
    wait_told,
    without_version,
)
from o1exp.chat.key import read_key, unfit_key
from o1exp.chat.pieces import joined
from o1exp.chat.reading import kept_of, refused
from o1exp.chat.refused import refusal, told
from o1exp.chat.reply import decoded, lines, mended
from o1exp.chat.request import Request, asked, cache_key
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed
from o1exp.secrets import MASK, SHORTEST, masked

if TYPE_CHECKING:
    import openai

CONNECTING = 30.0
"""Seconds that a connection may take."""
LONGEST_PAGE = 20_000
"""Bytes of an error page that are read."""
ERRORS = ("message", "msg", "detail", "error_msg", "error_message")
"""Where some servers say under status 200 what went wrong."""
UNSENT = ("Connect", "Pool", "Proxy", "LocalProtocol", "UnsupportedProtocol")
"""How errors begin after which nothing, or no whole request, can have reached the server."""


class Sender:
    """The endpoint of one teacher; use as an async context manager."""

    def __init__(self, teacher: Teacher, base_url: str, folder: Path | None = None) -> None:
        import httpx2
        import openai

        self._teacher = teacher
        self.base_url = base_url
        self._key = self._find_key()
        self._address = base_url if teacher.base_url or not is_loopback(base_url) else ""
        self._streams = teacher.stream
        self._counts = True
        """Is a streamed answer asked for its usage? Some servers do not know the question."""
        self._proxy = "" if is_loopback(base_url) else proxy(base_url)
        wait = httpx2.Timeout(teacher.timeout, connect=min(0.9 * teacher.timeout, CONNECTING), pool=None)
        try:
            # A proxy from the environment must not see what stays on this machine.
            # A redirect is not followed: it would hand the prompts to another host, or make a GET of what is asked.
            wire = openai.DefaultAsyncHttpxClient(trust_env=not is_loopback(base_url), follow_redirects=False)
            self._client = openai.AsyncOpenAI(
                api_key=self._key or "none", base_url=base_url, max_retries=0, timeout=wait, http_client=wire
            )  # fmt: skip
            if urlsplit(base_url).hostname != urlsplit(OPENAI).hostname:
                self._client.organization = self._client.project = None  # the environment's, which are no business of others
        except (ValueError, ImportError, TypeError, OSError, httpx2.InvalidURL) as wrong:
            named = [f"the proxy in the environment variable {self._proxy}"] if self._proxy else []
            named += [f"the file or folder that {name} names" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
            through = f"; look at {' and at '.join(named)}" if named else ""
            raise StageFailed(f"{self._who()} cannot be asked ({self._clean(str(wrong))}){through}") from None

        self.batches = Batches(teacher, self._client, base_url, folder) if teacher.batch and folder is not None else None

    async def close(self) -> None:
        if self.batches is not None:
            await self.batches.close()
        await self._client.close()

    async def send(self, request: Request) -> Kept:
        """The answer, priced. Errors: Again; Unfit; StageFailed where sending anything more is of no use."""
        import httpx2
        import openai

        if self.batches is not None:
            return await self._batched(request, self.batches)
        try:
            async with asyncio.timeout(self._teacher.timeout):
                text = await self._reply(request)
        except TimeoutError:
            raise Again(f"no answer within {self._teacher.timeout:g} s", lost=True) from None
        except openai.APIStatusError as error:
            return self._refusal(request, error)
        except (openai.APIConnectionError, httpx2.RequestError) as problem:
            raise self._unconnected(problem) from None
        return self._read(request, text)

    async def _batched(self, request: Request, batches: Batches) -> Kept:
        """The same out of a batch: its rows are replies with a status, or say why there is none."""
        import httpx2
        import openai

        row = await batches.row(cache_key(asked(self._teacher, request)), self._body(request))
        response = row.get("response") or {}
        status, content = response.get("status_code"), response.get("body")
        if status == 200:
            return self._read(request, json.dumps(content))
        error = row.get("error") or content or {}
        if not isinstance(status, int):
            raise Again(self._clean(str(error.get("message") or error)))
        inner = error.get("error", error) if isinstance(error, dict) else error
        message = str(inner.get("message", inner)) if isinstance(inner, dict) else str(inner)
        refused = httpx2.Response(status, json=error, request=httpx2.Request("POST", self.base_url))
        return self._refusal(request, openai.APIStatusError(message, response=refused, body=inner))

    async def _reply(self, request: Request) -> str:
        """What the server wrote, a streamed answer joined to one. It is asked anew, at no cost, where it wants the other way."""
        import openai

        for _ in range(3):
            try:
                return await (self._streamed(request) if self._streams else self._at_once(request))
            except openai.BadRequestError as refused:
                said = (told(_error(refused)) or _plain(refused)).lower()
                if self._streams and self._counts and "stream_options" in said:
                    self._counts = False
                elif "stream" in said and self._streams == self._teacher.stream:
                    self._streams = not self._streams
                else:
                    raise
        raise Unfit("the server takes requests neither with stream=true nor without")

    async def _at_once(self, request: Request) -> str:
        import httpx2

        # Not chat.completions.create: that looks through every field of the body, for a third of what a request costs here.
        reply = await self._client.post("/chat/completions", body=self._body(request), cast_to=httpx2.Response)
        return _whole(decoded(reply.content, reply.charset_encoding))

    async def _streamed(self, request: Request) -> str:
        question, idle = self._body(request), self._teacher.idle_timeout
        extra: dict[str, Any] = {"stream_options": {"include_usage": True}} if self._counts else {}
        create = self._client.chat.completions.with_streaming_response.create
        whole = bytearray()
        async with create(**question, stream=True, **extra) as reply:
            pieces = reply.iter_bytes()
            while True:
                try:
                    async with asyncio.timeout(idle):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    raise Again(f"no further piece of the answer within {idle:g} s", lost=True) from None
                if piece is None:
                    break
                whole += piece
        return _whole(decoded(bytes(whole)))

    def _unconnected(self, problem: BaseException) -> Again:
        """Nobody was there, or the connection broke off."""
        root = _root(problem)
        kind, through = type(root).__name__, f" through the proxy in the environment variable {self._proxy}" if self._proxy else ""
        said = self._clean(_said(root)) or kind
        if kind.startswith(UNSENT):
            away = kind in ("ConnectError", "ConnectTimeout", "ProxyError")
            starting = UNKNOWN if "not known" in said or "No address" in said else STARTING
            return Again(f"no connection{through} ({said})", timed=away, unreachable=starting if away else 0.0)
        if kind.endswith("Timeout"):
            return Again(f"no answer{through} within {self._teacher.timeout:g} s", lost=True)
        spoke = "illegal status line" not in said  # no HTTP, e.g. http:// to a port of https://: nobody has read the request
        return Again(f"connection{through} lost ({said})", lost=spoke)

    def _body(self, request: Request) -> dict[str, Any]:
        return body(self._teacher, request, self.base_url)

    def _find_key(self) -> str:
        teacher = self._teacher
        if not teacher.base_url and is_loopback(self.base_url):
            return ""  # a server that the teacher started itself asks for none
        if why := unfit_key(teacher.api_key_env):
            raise StageFailed(why)
        key = read_key(teacher.api_key_env)
        if not key and urlsplit(self.base_url).hostname == urlsplit(OPENAI).hostname:
            raise StageFailed(
                f"{self._who()} needs a key: set the environment variable {teacher.api_key_env}, or teacher.base_url to another endpoint"
            )
        return key

    def _who(self) -> str:
        return f"{self._teacher.model} at {self.base_url}"

    def _clean(self, text: str) -> str:
        """Some servers repeat the key in their messages."""
        return mended(masked(text.replace(self._key, MASK) if self._key else text))[0][:500]

    def _without_key(self, said: Any) -> Any:
        """What a server writes is kept as it is, but not the key, should it repeat that; looked for behind all escapes of JSON."""
        if len(self._key) < SHORTEST:
            return said
        if isinstance(said, str):
            return said.replace(self._key, MASK)
        if isinstance(said, list):
            return [self._without_key(part) for part in said]
        return {name: self._without_key(part) for name, part in said.items()} if isinstance(said, dict) else said

    def _refusal(self, request: Request, error_reply: "openai.APIStatusError") -> Kept:
        """Errors: Again or StageFailed. A prompt that the provider will not answer is an answer: it must not be asked again."""
        status, error = error_reply.status_code, _error(error_reply)
        message = self._clean(told(error) or _plain(error_reply))
        if (empty := out_of_money(error)) or status == 402:
            raise self._out_of_money(self._clean(empty or f"402 {message}"))
        if words := refusal(status, error):
            return refused(self._teacher, self._clean(words), self._address)
        if status in (401, 403):
            env = self._teacher.api_key_env
            state = "holds a key that was not accepted" if self._key else "is not set"
            why = "" if status == 401 else f": {message}"
            raise StageFailed(f"{self._who()} refused access ({status}){why}; the environment variable {env} {state}")
        if status == 404:
            raise StageFailed(f"{self._who()} refused the request (404): {message}{without_version(self.base_url)}")
        if 300 <= status < 400:
            raise self._elsewhere(status, str(error_reply.response.headers.get("location") or ""))
        after = retry_after(error_reply.response.headers)
        if status in (CROWDED, *AWAY):
            after = wait_told(error) if after is None else after
            raise Again(f"{status} {message}", after=after, crowded=status == CROWDED, timed=True)
        if status in PASSING or status >= 500:
            raise Again(f"{status} {message}", after=after, lost=status in LOST)
        raise Unfit(f"{status} {message}{remedy(self._teacher, self._body(request), error, message) if status in (400, 422) else ''}")

    def _elsewhere(self, status: int, location: str) -> Again:
        """The address points to another one. It may be wrong, or a page that says for a while that the server is away."""
        to = f" to {self._clean(location)}" if location else ""
        remedy = "; if that is the model's address, set base_url to it, without /chat/completions" if location else ""
        return Again(f"{status}: the address redirects{to}, which is not followed{remedy}", timed=True, unreachable=UNKNOWN)

    def _out_of_money(self, code: str) -> StageFailed:
        return StageFailed(
            f"{self._who()} says {code}: the account behind the environment variable {self._teacher.api_key_env} has no money left. "
            "What was paid for is kept; top it up and run the same command again"
        )

    def _read(self, request: Request, text: str) -> Kept:
        """The reply's content. Errors: Again for whatever is no completion, although the status was 200."""
        try:
            reply = self._without_key(json.loads(text))
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise Again(f"the reply is no JSON object but {self._clean(text)[:80]!r}", lost=True)
        if (error := _within(reply)) is not None:
            if empty := out_of_money(error):
                raise self._out_of_money(self._clean(empty))
            if words := refusal(200, error):
                return refused(self._teacher, self._clean(words), self._address)
            raise Again(f"an error under status 200: {self._clean(told(error))}", after=wait_told(error))
        return kept_of(self._teacher, request, reply, self._address)


def _root(problem: BaseException) -> BaseException:
    """What the HTTP library said, below openai's wrapping."""
    return problem.__cause__ or problem


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


def _error(reply: "openai.APIStatusError") -> Any:
    """The body of an error, as far as it is JSON."""
    try:
        return json.loads(decoded(reply.response.content))
    except (ValueError, RecursionError):
        return None


def _plain(reply: "openai.APIStatusError") -> str:
    """What an error says that is not JSON, or says nothing by any known name: the words of a page, or all of it."""
    text = decoded(reply.response.content[:LONGEST_PAGE])
    words = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    return " ".join(words.split())[:200]


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
