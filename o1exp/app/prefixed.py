"""Output of cells that run side by side: each line says whose it is."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO


class Prefixed(io.TextIOBase):
    """Passes whole lines on, each with a prefix, in one write: lines of several processes do not mix."""

    def __init__(self, out: TextIO, prefix: str) -> None:
        self._out, self._prefix, self._rest = out, prefix, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        if lines:
            self._out.write("".join(f"{self._prefix}{line}\n" for line in lines))
            self._out.flush()
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def end(self) -> None:
        """Pass on what has no end of line yet."""
        if self._rest:
            self.write("\n")


@contextmanager
def prefixed(prefix: str) -> Iterator[None]:
    """What this process prints meanwhile has the prefix."""
    out, err = Prefixed(sys.stdout, prefix), Prefixed(sys.stderr, prefix)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            out.end()
            err.end()
