"""A server that speaks the batch API: files, batches that stay in progress until they are released, outputs with errors by row."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from o1exp.chat.servers.listener import Handler, Listener

Row = Callable[[dict[str, Any], int], dict[str, Any] | None]
"""The output row (without its custom_id) for a request's body, and how often that was asked; None for one that got none in time."""


class BatchServer:
    """What it was sent, and what becomes of it. `open` lets batches come to their end."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self.open = threading.Event()
        self.open.set()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: dict[str, int] = {}

    def post(self, path: str, raw: bytes) -> dict[str, Any]:
        if path == "/v1/files":
            name = f"file-{len(self.files)}"
            found = re.search(rb'filename="[^"]+".*?\r\n\r\n(.*?)\r\n--', raw, re.DOTALL)
            assert found is not None
            self.files[name] = found[1]
            return {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "f", "purpose": "batch", "status": "processed"}
        assert path == "/v1/batches"
        body = json.loads(raw)
        assert (body["endpoint"], body["completion_window"]) == ("/v1/chat/completions", "24h")
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {
            "id": name, "object": "batch", "endpoint": body["endpoint"], "input_file_id": body["input_file_id"], "created_at": 1,
            "completion_window": "24h", "status": "in_progress", "metadata": body["metadata"],
        }  # fmt: skip
        return self.batches[name]

    def get(self, path: str) -> dict[str, Any] | bytes:
        if path.startswith("/v1/files/"):
            return self.files[path.split("/")[3]]
        if path.startswith("/v1/batches/"):
            batch = self.batches[path.split("/")[3]]
            if self.open.is_set() and batch["status"] == "in_progress":
                self._finish(batch)
            return batch
        return {"object": "list", "data": list(self.batches.values()), "has_more": False}

    def _finish(self, batch: dict[str, Any]) -> None:
        good, bad, late = list[dict[str, Any]](), list[dict[str, Any]](), False
        for line in self.files[batch["input_file_id"]].decode().splitlines():
            request = json.loads(line)
            key = request["custom_id"]
            self.asked[key] = self.asked.get(key, 0) + 1
            row = self._row(request["body"], self.asked[key])
            late = late or row is None
            expired = {"response": None, "error": {"code": "batch_expired", "message": "This request could not be executed in time."}}
            (good if row and not row.get("error") else bad).append({"custom_id": key, **(row or expired)})
        batch["status"] = "expired" if late else "completed"
        for field, rows in (("output_file_id", good), ("error_file_id", bad)):
            if rows:
                batch[field] = f"{batch['id']}-{field}"
                self.files[batch[field]] = "".join(json.dumps(row) + "\n" for row in rows).encode()


@contextmanager
def serving(batches: BatchServer) -> Iterator[str]:
    """Serves on loopback; gives the base_url."""

    class Asked(Handler):
        def do_POST(self) -> None:
            self._say(batches.post(self.path, self.body()))

        def do_GET(self) -> None:
            self._say(batches.get(self.path.partition("?")[0]))

        def _say(self, content: dict[str, Any] | bytes) -> None:
            self.send(200, content if isinstance(content, bytes) else json.dumps(content).encode())

    server = Listener(0, Asked)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"{server.address}/v1"
    finally:
        server.shutdown()
        server.server_close()
