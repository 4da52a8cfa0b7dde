"""The fallback for symbolic answers: math-verify in one child process that is killed when it takes too long.

Only its LaTeX parser is used: its plain-expression parser would hand model text to Python's parser.
"""

import multiprocessing
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

_SECONDS = 20.0
_LONGEST = 400


class Symbolic:
    """Compares two LaTeX answers; a comparison that does not end is "not equal"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: BaseProcess | None = None
        self._pipe: Connection | None = None

    def equal(self, gold: str, answer: str) -> bool:
        if max(len(gold), len(answer)) > _LONGEST:
            return False
        with self._lock:
            pipe = self._ready()
            pipe.send((gold, answer))
            try:
                if pipe.poll(_SECONDS):
                    return bool(pipe.recv())
            except EOFError:
                pass
            self._end()
            return False

    def _ready(self) -> Connection:
        if self._pipe is None or self._child is None or not self._child.is_alive():
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._child = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._child.start()
            theirs.close()
        return self._pipe

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.join()
        self._child = self._pipe = None


def _serve(pipe: Connection) -> None:
    import logging
    import resource

    from math_verify import LatexExtractionConfig, parse, verify

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    logging.disable(logging.CRITICAL)
    config = [LatexExtractionConfig()]
    while True:
        try:
            gold, answer = pipe.recv()
        except EOFError:
            return
        read = [parse(f"${text}$", extraction_config=config, parsing_timeout=None) for text in (gold, answer)]
        pipe.send(bool(all(read)) and bool(verify(read[0], read[1], timeout_seconds=None)))


SYMBOLIC = Symbolic()
