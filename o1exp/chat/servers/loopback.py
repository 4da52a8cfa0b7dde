"""A small OpenAI-compatible HTTP server on loopback, for teachers of our own and for tests."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from o1exp.chat.servers.listener import Handler, Listener

MAX_BODY = 16 * 2**20


@dataclass(frozen=True)
class Reply:
    """What the server says to one request; `reasoning` is sent as `reasoning_content` beside the text where it is not empty."""

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning: str = ""


@dataclass(eq=False)
class Refusal(Exception):
    """Raised by an answer function: an error reply. `raw` replaces the body, e.g. by something that is no JSON."""

    status: int
    message: str = "refused"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        family = "invalid_request_error" if self.status < 500 else "server_error"
        kind = {401: "authentication_error", 429: "rate_limit_error"}.get(self.status, family)
        return json.dumps({"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}).encode()


class Loopback:
    """Serves `answer` at `base_url` while it is open: `with Loopback(answer) as server: server.base_url`.

    `answer` gets the request's JSON with `max_tokens` filled in whichever name it was sent under, and is called from several threads;
    for n > 1 it is called n times with seed, seed + 1, ... It respects max_tokens itself and may raise Refusal. `log` gets one JSON
    line per request that was answered: a digest of messages and seed, nothing of the headers. `delay` is in seconds; port 0 takes a
    free one.
    """

    def __init__(self, answer: Callable[[dict[str, Any]], Reply], log: Path | None = None, delay: float = 0, port: int = 0) -> None:
        self._answer = answer
        self._log = log
        self._delay = delay
        self._logging = threading.Lock()
        self._server = _Server(port, _Handler)
        self._server.loopback = self
        self.base_url = f"{self._server.address}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="loopback").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The reply to one chat completion request. Errors: Refusal."""
        asked = check_body(body)
        count = asked.pop("n", 1)
        seed = asked.get("seed")
        if self._delay:
            time.sleep(self._delay)
        replies = [self._answer(asked if seed is None or i == 0 else {**asked, "seed": seed + i}) for i in range(count)]
        return chat_completion(str(asked.get("model", "")), digest(asked), replies)

    def answered(self, body: dict[str, Any]) -> None:
        if self._log is not None:
            line = json.dumps({"digest": digest(body), "model": body.get("model")}) + "\n"
            with self._logging, self._log.open("a", encoding="utf-8") as log:
                log.write(line)


def digest(body: dict[str, Any]) -> str:
    """What names a request in the log: sha256 of its messages and seed."""
    return hashlib.sha256(json.dumps([body.get("messages"), body.get("seed")]).encode()).hexdigest()


def check_body(body: Any) -> dict[str, Any]:
    """The request with `max_tokens` under one name. Errors: Refusal 400 with what is wrong."""
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Refusal(400, "messages must be a list of at least one message", "invalid_messages")
    for message in body["messages"]:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str) or "role" not in message:
            raise Refusal(400, "each message needs a role and a text content", "invalid_messages")
    asked = {name: value for name, value in body.items() if value is not None and name != "max_completion_tokens"}
    if body.get("max_completion_tokens") is not None:
        asked["max_tokens"] = body["max_completion_tokens"]
    for name, low, high in (("temperature", 0, 2), ("top_p", 0, 1), ("max_tokens", 1, 10**9), ("n", 1, 128)):
        value = asked.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Refusal(400, f"{name}={value!r} must be a number between {low} and {high}", "invalid_value")
    if asked.get("stream"):
        raise Refusal(400, "this server does not stream; leave out stream", "unsupported_value")
    return asked


def chat_completion(model: str, name: str, replies: list[Reply]) -> dict[str, Any]:
    """OpenAI's chat.completion object; completion tokens count over all choices."""
    choices = []
    for index, reply in enumerate(replies):
        message = {"role": "assistant", "content": reply.text}
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        choices.append({"index": index, "message": message, "finish_reason": reply.finish_reason, "logprobs": None})
    prompt, completion = replies[0].prompt_tokens, sum(reply.completion_tokens for reply in replies)
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    head = {"id": f"chatcmpl-{name[:24]}", "object": "chat.completion", "created": int(time.time()), "model": model}
    return {**head, "choices": choices, "usage": usage}


class _Server(Listener):
    loopback: Loopback


class _Handler(Handler):
    server: _Server

    def do_GET(self) -> None:
        if self.path.rstrip("/") == "/v1/models":
            self.send(200, json.dumps({"object": "list", "data": [{"id": "loopback", "object": "model", "owned_by": "o1exp"}]}).encode())
        else:
            self._refuse(Refusal(404, f"no such path: {self.path}"))

    def do_POST(self) -> None:
        try:
            body = self._read()
            if self.path.rstrip("/") != "/v1/chat/completions":
                raise Refusal(404, f"no such path: {self.path}")
            reply = json.dumps(self.server.loopback.complete(body)).encode()
        except Refusal as refusal:
            self._refuse(refusal)
        except Exception as problem:
            self._refuse(Refusal(500, f"the answer function failed: {problem!r}"))
        else:
            self.server.loopback.answered(body)  # before whoever has the reply can look for its line
            self.send(200, reply)

    def _read(self) -> Any:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            raise Refusal(413, f"the body has {length} bytes, at most {MAX_BODY} are read")
        try:
            return json.loads(self.body())
        except ValueError:
            raise Refusal(400, "the body is no JSON") from None

    def _refuse(self, refusal: Refusal) -> None:
        self.send(refusal.status, refusal.body(), refusal.headers)
