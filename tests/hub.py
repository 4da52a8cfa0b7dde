"""A hub of one's own on 127.0.0.1: what `datasets` and `huggingface_hub` ask a hub for, answered from files in memory."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Files = dict[str, bytes]


class Hub(ThreadingHTTPServer):
    """One repository, "some/data" or "some/model"; its branch main is at `commit`, which a test may move. Other names are not found."""

    def __init__(self, files: Files, commit: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.commit = files, commit

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(files: Files, commit: str) -> Iterator[Hub]:
    """The hub while it answers; for a process that is started with HF_ENDPOINT set to its `address`, and with HF_HOME of its own."""
    hub = Hub(files, commit)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        name = path.rpartition("/")[2]
        if "/some/" not in path:
            self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif "/tree/" in path:
            self._json([{"type": "file", "path": name, "size": len(text), "oid": _sha(text)} for name, text in self.server.files.items()])
        elif path.startswith("/api/"):
            self._json({"id": "some/data", "sha": self.server.commit, "siblings": [{"rfilename": name} for name in self.server.files]})
        elif "/resolve/" in path and name in self.server.files:
            text = self.server.files[name]
            self._send(text, 200, {"ETag": f'"{_sha(text)}"', "X-Repo-Commit": self.server.commit})
        else:
            self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def _json(self, value: Any, code: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(value).encode(), code, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, body: bytes, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _sha(text: bytes) -> str:
    return hashlib.sha1(text).hexdigest()
