"""The fallback for mathematics outside our grammar: math-verify in a child process with a limit on its CPU time.

Only its LaTeX parser is used: its plain-expression parser would hand model text to Python's parser. The limit is on CPU time, not on the
clock, so that a busy machine changes no verdict. What makes it fail is "different"; what it prints goes nowhere near our replies.
"""

import atexit
import json
import subprocess
import sys
import threading
from typing import Literal

from o1exp.flow.process import child_environment

CPU_SECONDS = 3
_LONGEST, _LONGEST_TEXT = 300, 4000
_READY = "ready"
_MEMORY = 4 << 30


class Symbolic:
    """Compares two LaTeX answers; a comparison that uses up its CPU time, or ends the child, is a "timeout"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._known: dict[tuple[str, str], Literal["equal", "different", "timeout"]] = {}

    def compared(self, left: str, right: str) -> Literal["equal", "different", "timeout"]:
        """The verdict on two answers, the same in both directions."""
        if max(len(left), len(right)) > _LONGEST:
            return "different"
        with self._lock:
            if (left, right) not in self._known:
                self._known[left, right] = self._asked(left, right)
            return self._known[left, right]

    def found_in(self, gold: str, text: str) -> bool | None:
        """What math-verify says of the last formula or box that it finds in the end of a text; None where it finds none, or ends."""
        if len(gold) > _LONGEST:
            return None
        with self._lock:
            reply = self._reply([gold, text[-_LONGEST_TEXT:], "text"])
        return {"true": True, "false": False}.get(reply)

    def _asked(self, left: str, right: str) -> Literal["equal", "different", "timeout"]:
        reply = self._reply([left, right])
        return "timeout" if not reply else "equal" if reply == "true" else "different"

    def _reply(self, question: list[str]) -> str:
        """What the child says, "" where the kernel ended it at its CPU limit."""
        child = self._ready()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(question) + "\n")
            child.stdin.flush()
            reply = child.stdout.readline().strip()
        except BrokenPipeError:
            reply = ""
        if not reply:
            child.wait()
        return reply

    def _ready(self) -> "subprocess.Popen[str]":
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "o1exp.answers.symbolic"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, env=child_environment(1),
            encoding="utf-8")  # fmt: skip
            atexit.register(self._child.kill)
            assert self._child.stdout is not None
            if self._child.stdout.readline().strip() != _READY:
                raise RuntimeError("the comparison process does not start; is math-verify installed?")
        return self._child


def _limit(seconds: int) -> None:
    """Let this process use so many CPU-seconds from now; the kernel kills it beyond."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _serve() -> None:
    """Answer questions on stdin until it closes, which it does when the parent ends."""
    import logging
    import resource

    import math_verify  # noqa: F401 - loaded before the first limit counts

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    logging.disable(logging.CRITICAL)
    replies, sys.stdout = sys.stdout, sys.stderr
    print(_READY, file=replies, flush=True)
    for line in sys.stdin:
        _limit(CPU_SECONDS)
        try:
            both = _verified(*json.loads(line))
        except Exception:
            both = False
        print(json.dumps(both), file=replies, flush=True)


def _verified(left: str, right: str, form: str = "answer") -> bool | None:
    """Whether math-verify finds two answers equal in both directions; of a whole text its last formula, None where it has none."""
    from math_verify import LatexExtractionConfig, parse, verify

    config = [LatexExtractionConfig()]
    texts = [f"${left.strip().strip('$')}$", right if form == "text" else f"${right.strip().strip('$')}$"]
    read = [parse(text, extraction_config=config, parsing_timeout=None) for text in texts]
    if form == "text" and not all(read):
        return None
    return bool(all(read)) and all(bool(verify(*pair, timeout_seconds=None)) for pair in (read, read[::-1]))


SYMBOLIC = Symbolic()

if __name__ == "__main__":
    _serve()
