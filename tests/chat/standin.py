"""A stand-in for a model server: a program that takes the command line of vLLM or SGLang, speaks the protocol, and misbehaves on request.

How it behaves lies in `plan.json` beside it, and what it did in `done.jsonl`. It needs nothing but the standard library.
"""

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SOURCE = """
import hashlib, json, os, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
PLAN = json.loads((HERE / "plan.json").read_text())
words = sys.argv[1:]
said = dict(zip(words, words[1:]))
LOCK = threading.Lock()


def note(**row):
    with LOCK, (HERE / "done.jsonl").open("a") as out:
        out.write(json.dumps(row) + "\\n")


def rows(kind):
    lines = (HERE / "done.jsonl").read_text().splitlines() if (HERE / "done.jsonl").exists() else []
    return sum(kind in json.loads(line) for line in lines)


start = rows("start")
helper = None
if PLAN["helper"]:  # a process that leaves our session and does not listen to SIGTERM
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(900)"
    helper = subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True).pid
seen = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "SECRET_API_KEY")}
note(start=words, pid=os.getpid(), helper=helper, env=seen)
print("the stand-in reads its weights", flush=True)
if start < PLAN["port_taken"]:
    sys.exit("OSError: [Errno 98] Address already in use")
if start < PLAN["crashes_at_start"]:
    print("(Worker pid=1) ERROR [worker.py:9] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB")
    print("a line of what follows\\n" * 50)
    sys.exit("RuntimeError: Engine core initialization failed. See root cause above.")
crashing, answered, asked, loading = start < PLAN["crashes"], 0, 0, PLAN["loading"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global loading
        if self.path == "/health":
            loading -= 1
            sick = loading >= 0 or (PLAN["sick_after"] and start == 0 and answered >= PLAN["sick_after"])
            self.say(503 if sick else 200, {"status": "loading"} if sick else {})
        else:
            self.say(200, {"data": [{"id": PLAN["model"] or said["--served-model-name"]}]})

    def do_POST(self):
        global answered, asked
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = body["messages"][-1]["content"]
        with LOCK:
            asked += 1
        if crashing and asked >= PLAN["crash_at"]:
            print(PLAN["crash_words"], flush=True)
            os._exit(3)
        if asked <= PLAN["drops"]:
            self.close_connection = True
            return self.connection.close()
        if PLAN["sick_after"] and start == 0 and answered >= PLAN["sick_after"]:
            return self.say(500, {"error": {"message": "EngineDeadError"}})
        time.sleep(PLAN["delay"])
        text = "answer to %s: %d" % (question, body.get("seed", 0) % 1000)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        reply = {"model": body["model"], "choices": [choice]}
        if PLAN["usage"]:
            reply["usage"] = {"prompt_tokens": 7, "completion_tokens": len(text) + 1}
        if body.get("stream"):
            return self.stream(text)
        note(answered=question, seed=body.get("seed"), pid=os.getpid())
        with LOCK:
            answered += 1
        self.say(200, reply)

    def stream(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for word in text.split():
            self.wfile.write(b"data: " + json.dumps({"choices": [{"delta": {"content": word}}]}).encode() + b"\\n\\n")
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\\n\\n")

    def say(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *words):
        pass


threading.Thread(target=lambda: (time.sleep(900), os._exit(9)), daemon=True).start()
Server(("127.0.0.1", int(said["--port"])), Handler).serve_forever(0.05)
"""


@dataclass(frozen=True)
class Plan:
    """How it behaves. Numbers of starts are counted over all that was ever started from its folder."""

    port_taken: int = 0
    """The first so many starts find their port taken."""
    crashes_at_start: int = 0
    """The first so many starts run out of memory."""
    crashes: int = 0
    """The first so many starts crash when they are asked for the `crash_at`-th time."""
    crash_at: int = 3
    crash_words: str = "Segmentation fault"
    drops: int = 0
    """It hangs up on the first so many requests, and lives."""
    sick_after: int = 0
    """The first start fails every request after so many answers, and its health page says 503."""
    loading: int = 0
    """The health page says 503 so many times first."""
    usage: bool = True
    model: str = ""
    """The model that it says it serves; "" for the one it is told."""
    helper: bool = False
    delay: float = 0.0
    """Seconds for an answer."""


class Standin:
    """The program in a folder of its own."""

    def __init__(self, folder: Path, plan: Plan | None = None) -> None:
        folder.mkdir(parents=True)
        self.program = folder / "standin"
        self.program.write_text(f"#!{sys.executable} -S\n{SOURCE}")
        self.program.chmod(0o755)
        self._done = folder / "done.jsonl"
        (folder / "plan.json").write_text(json.dumps(asdict(plan or Plan())))

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """What it did: one row for each `start`, or for each request `answered`."""
        lines = self._done.read_text().splitlines() if self._done.exists() else []
        return [row for line in lines if kind in (row := json.loads(line))]

    @property
    def starts(self) -> list[dict[str, Any]]:
        return self.rows("start")

    @property
    def answered(self) -> Counter[str]:
        """How often each question was answered."""
        return Counter(row["answered"] for row in self.rows("answered"))
