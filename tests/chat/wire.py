"""A server that may do on the wire whatever real ones do: trickle, stream, break off, be away, come back."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from o1exp.chat.servers.listener import Handler, Listener


class Out:
    """The reply under way. Whatever is written leaves at once."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self.headers = handler.headers
        self.path = handler.path

    def whole(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """A reply at once: JSON of a value, or bytes as they are."""
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.head(status, {"Content-Type": "application/json", "Content-Length": str(len(raw)), **(headers or {})})
        self.write(raw)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def write(self, raw: bytes) -> None:
        self._handler.wfile.write(raw)
        self._handler.wfile.flush()

    def stream(self, pieces: list[dict[str, Any]], pause: float = 0.0, done: bool = True) -> None:
        """Server-sent events until the connection closes."""
        self.head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        for piece in pieces:
            self.write(f"data: {json.dumps(piece)}\n\n".encode())
            time.sleep(pause)
        if done:
            self.write(b"data: [DONE]\n\n")
        self._handler.close_connection = True


Speak = Callable[[dict[str, Any], Out], None]


class _Server(Listener):
    speak: Speak


class _Handler(Handler):
    server: _Server
    wbufsize = 0

    def do_POST(self) -> None:
        self.server.speak(json.loads(self.body() or b"{}"), Out(self))


@contextmanager
def wire(speak: Speak, port: int = 0) -> Iterator[str]:
    """Serves on loopback; gives the base_url."""
    server = _Server(port, _Handler)
    server.speak = speak
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"{server.address}/v1"
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()


def completion(text: Any, finish: str | None = "stop", usage: Any = None, **message: Any) -> dict[str, Any]:
    """A chat.completion as servers send it."""
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30} if usage is None else usage
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}


def pieces(text: str, finish: str | None = "stop") -> list[dict[str, Any]]:
    """The same as a stream, word by word."""
    words = [{"choices": [{"index": 0, "delta": {"content": f"{word} "}}]} for word in text.split()]
    return [*words, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}, {"choices": [], "usage": completion("")["usage"]}]
