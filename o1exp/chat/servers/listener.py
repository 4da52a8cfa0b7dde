"""A threaded HTTP server on loopback that says nothing by itself, and a handler that knows its connections: what ours have in common."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"


class Listener(ThreadingHTTPServer):
    """Listens on loopback; port 0 takes a free one."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, handler: type["Handler"]) -> None:
        super().__init__((HOST, port), handler)
        self.connections: set[socket.socket] = set()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"

    def hang_up(self) -> None:
        """End connections that clients keep open, and with them the threads that serve them."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is no error of ours."""


class Handler(BaseHTTPRequestHandler):
    """One connection; what is written leaves with the next flush."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    server: Listener

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        """A whole reply, JSON unless the headers say otherwise."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: who serves keeps a log of his own."""
