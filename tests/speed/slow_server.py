"""A server that takes a second for each answer, and fails as often as it is told: python -m tests.speed.slow_server SECONDS SHARE.

Its address is the first line that it prints. GET /stats tells the attempts, the seconds they took, and those from the first to the last.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

KINDS = ("429", "503", "500", "html", "half", "cut")
"""Faults: the first two at once, 500 and cut in the middle, the others instead of an answer."""
ANSWER = {
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
}


@dataclass
class Slow:
    """Its answers and faults hang on the request and on how often it came, not on the time."""

    seconds: float
    share: float
    times: Counter[str] = field(default_factory=Counter)
    busy: float = 0.0
    answered: int = 0
    first: float = 0.0
    last: float = 0.0

    def fault(self, body: bytes) -> str:
        name = hashlib.sha256(body).hexdigest()
        self.times[name] += 1
        dice = int.from_bytes(hashlib.sha256(f"{name} {self.times[name]}".encode()).digest()[:4], "big") / 2**32
        return KINDS[int(dice / self.share * len(KINDS))] if dice < self.share else ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
                body = await reader.readexactly(length)
                if head.startswith(b"GET"):
                    facts = {"attempts": sum(self.times.values()), "busy": self.busy, "answered": self.answered}
                    _reply(writer, 200, json.dumps({**facts, "seconds": self.last - self.first}).encode())
                elif not await self._answer(body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter) -> bool:
        fault, started = self.fault(body), time.monotonic()
        self.first = self.first or started
        await asyncio.sleep({"429": 0.0, "503": 0.0, "500": 0.5, "cut": 0.5}.get(fault, 1.0) * self.seconds)
        self.last = time.monotonic()
        self.busy += self.last - started
        whole = json.dumps(ANSWER).encode()
        if fault in ("429", "503", "500"):
            _reply(writer, int(fault), b'{"error": {"message": "not now"}}')
        elif fault == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
            return False
        else:
            _reply(writer, 200, {"html": b"<html>", "half": whole[:40]}.get(fault, whole))
            self.answered += not fault
        return True


def _reply(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


async def main(seconds: float, share: float) -> None:
    server = await asyncio.start_server(Slow(seconds, share).serve, "127.0.0.1", 0, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), float(sys.argv[2])))
