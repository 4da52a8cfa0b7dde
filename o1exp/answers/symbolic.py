"""The fallback for symbolic answers: math-verify in one child process that is killed when it takes too long.

Only its LaTeX parser is used: its plain-expression parser would hand model text to Python's parser.
"""

import json
import os
import select
import subprocess
import sys
import threading
from pathlib import Path

_SECONDS = 20.0
_START_SECONDS = 120.0
_LONGEST = 400
_READY = "ready"


class Symbolic:
    """Compares two LaTeX answers; a comparison that does not end is "not equal"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None

    def equal(self, gold: str, answer: str) -> bool:
        if max(len(gold), len(answer)) > _LONGEST:
            return False
        with self._lock:
            child = self._ready()
            assert child.stdin is not None
            try:
                child.stdin.write(json.dumps([gold, answer]) + "\n")
                child.stdin.flush()
                verdict = _line(child, _SECONDS)
            except BrokenPipeError:
                verdict = ""
            if not verdict:
                child.kill()
                child.wait()
            return verdict == "true"

    def _ready(self) -> "subprocess.Popen[str]":
        if self._child is None or self._child.poll() is not None:
            root = str(Path(__file__).resolve().parents[2])
            path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), root]))
            self._child = subprocess.Popen(
                [sys.executable, "-m", "o1exp.answers.symbolic"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
            if _line(self._child, _START_SECONDS) != _READY:
                raise RuntimeError("the comparison process does not start; is math-verify installed?")
        return self._child


def _line(child: "subprocess.Popen[str]", seconds: float) -> str:
    """The child's next line, "" if it does not come in time. It writes one line per question, so none hides in a buffer."""
    assert child.stdout is not None
    ready, _, _ = select.select([child.stdout], [], [], seconds)
    return child.stdout.readline().strip() if ready else ""


def _serve() -> None:
    """Answer questions on stdin until it closes, which it does when the parent ends."""
    import logging
    import resource

    from math_verify import LatexExtractionConfig, parse, verify

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    logging.disable(logging.CRITICAL)
    config = [LatexExtractionConfig()]
    print(_READY, flush=True)
    for line in sys.stdin:
        read = [parse(f"${text}$", extraction_config=config, parsing_timeout=None) for text in json.loads(line)]
        print(json.dumps(bool(all(read)) and bool(verify(read[0], read[1], timeout_seconds=None))), flush=True)


SYMBOLIC = Symbolic()

if __name__ == "__main__":
    _serve()
