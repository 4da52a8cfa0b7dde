"""One address for all servers of a model: hands each request to the one with the fewest, and asks again what a crash has lost."""

import http.client
import json
import resource
import select
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from o1exp.chat.servers.pool import Pool
from o1exp.chat.servers.replica import HOST, Replica
from o1exp.chat.servers.tokens import TokenCheck
from o1exp.flow import StageFailed, Stopped

TRIES = 3
"""How often one request is handed over where the server goes on but drops the connection."""
SILENCE = 600.0
"""Seconds between two pieces of a reply that has begun."""
FILES = 16384
GONE = 404
"""What a request gets once no server will answer any more: a client that finds nobody at an address ends."""


class Hangup(Exception):
    """The client does not wait for the answer any more."""


class Front:
    """Serves at `base_url` what the servers of a pool answer: `with Front(pool, check) as front`."""

    def __init__(self, pool: Pool, check: TokenCheck) -> None:
        self._server = _Server((HOST, 0), _Handler)
        self._server.pool, self._server.check = pool, check
        self.base_url = f"http://{HOST}:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        _allow_many_files()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="front").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    pool: Pool
    check: TokenCheck

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    server: _Server

    def do_GET(self) -> None:
        self._hand_over(None)

    def do_POST(self) -> None:
        self._hand_over(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _hand_over(self, body: bytes | None) -> None:
        """Bring the request to a server, and again to one where it got lost, until there is a reply."""
        tries = 0
        while True:
            try:
                replica = self.server.pool.take()
            except (StageFailed, Stopped) as over:
                self._send(GONE, _error(str(over) or "the run ends"))
                return
            try:
                if self._is_answered(replica, body):
                    return
            except Hangup:
                self.close_connection = True
                return
            except (OSError, http.client.HTTPException) as problem:
                crashed = self.server.pool.lost(replica)
                tries += not crashed
                if tries >= TRIES:
                    self._send(500, _error(f"{replica.launch.title} dropped the request {tries} times ({problem!r})"))
                    return
            finally:
                self.server.pool.back(replica)

    def _is_answered(self, replica: Replica, body: bytes | None) -> bool:
        """Pass the request on and its reply back. False: the server failed it because it is about to end.

        Errors: Hangup; OSError or HTTPException where the server was lost before the reply began.
        """
        headers = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
        with closing(http.client.HTTPConnection(HOST, replica.port, timeout=SILENCE)) as server:
            server.request(self.command, self.path, body, headers)
            self._wait_for(server.sock)
            reply = server.getresponse()
            if (reply.getheader("Content-Type") or "").startswith("text/event-stream"):
                self._pass_on(reply)
                return True
            content = reply.read()
            if reply.status >= 500 and reply.status != 503 and self.server.pool.lost(replica):
                return False
            if reply.status == 200 and body and self.path.endswith("/chat/completions"):
                content = self.server.check.checked(body, content)
            self._send(reply.status, content, reply)
            return True

    def _wait_for(self, server: socket.socket) -> None:
        """Until the server has something to say. Errors: Hangup, so that the server does not write for nobody."""
        looking = select.poll()
        for end in (server, self.connection):
            looking.register(end, select.POLLIN)
        if server.fileno() in [number for number, _ in looking.poll()]:
            return
        if not self.connection.recv(1, socket.MSG_PEEK):
            raise Hangup
        looking.unregister(self.connection)  # the next request on the same connection waits its turn
        looking.poll()

    def _pass_on(self, reply: http.client.HTTPResponse) -> None:
        """A reply that comes in pieces goes out in the same; where it breaks off, so does ours."""
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.getheader("Content-Type") or "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while piece := reply.read1(65536):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _send(self, status: int, body: bytes, reply: http.client.HTTPResponse | None = None) -> None:
        self.send_response(status)
        said = {} if reply is None else {name: reply.getheader(name) for name in ("Content-Type", "Retry-After")}
        for name, value in {"Content-Type": "application/json", **said, "Content-Length": str(len(body))}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the servers keep logs of their own."""


def _allow_many_files() -> None:
    """Each request under way holds three connections; many systems allow 1,024 open files until they are asked for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "server_error", "param": None, "code": None}}).encode()
