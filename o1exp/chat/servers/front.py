"""One address for all servers of a model: hands each request to the one with the fewest, and asks again what a crash has lost."""

import http.client
import json
import resource
import select
import socket
import threading
from contextlib import closing
from types import TracebackType
from typing import Self

from o1exp.chat.servers.listener import HOST, Handler, Listener
from o1exp.chat.servers.pool import Pool
from o1exp.chat.servers.replica import Replica
from o1exp.chat.servers.tokens import TokenCheck
from o1exp.flow import StageFailed, Stopped

TRIES = 3
"""How often one request is handed over where the server goes on but drops the connection."""
SILENCE = 600.0
"""Seconds between two pieces of a reply that has begun."""
FILES = 16384
PASSED_ON = ("Content-Type", "Retry-After")
GONE = 404
"""What a request gets once no server will answer any more: a client that finds nobody at an address ends."""


class Hangup(Exception):
    """The client does not wait for the answer any more."""


class Front:
    """Serves at `base_url` what the servers of a pool answer: `with Front(pool, check) as front`."""

    def __init__(self, pool: Pool, check: TokenCheck) -> None:
        self._server = _Server(0, _Handler)
        self._server.pool, self._server.check = pool, check
        self.base_url = f"{self._server.address}/v1"

    def __enter__(self) -> Self:
        _allow_many_files()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="front").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(Listener):
    pool: Pool
    check: TokenCheck


class _Handler(Handler):
    server: _Server

    def do_GET(self) -> None:
        self._hand_over(None)

    def do_POST(self) -> None:
        self._hand_over(self.body())

    def _hand_over(self, body: bytes | None) -> None:
        """Bring the request to a server, and again to one where it got lost, until there is a reply."""
        tries = 0
        while True:
            try:
                replica = self.server.pool.take()
            except (StageFailed, Stopped) as over:
                self.send(GONE, _error(str(over) or "the run ends"))
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
                    self.send(500, _error(f"{replica.launch.title} dropped the request {tries} times ({problem!r})"))
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
            self.send(reply.status, content, {name: said for name in PASSED_ON if (said := reply.getheader(name))})
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


def _allow_many_files() -> None:
    """Each request under way holds three connections; many systems allow 1,024 open files until they are asked for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "server_error", "param": None, "code": None}}).encode()
