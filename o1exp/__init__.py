"""o1exp: ablations of o1 replication by distillation, as content-addressed experiments."""

import sys
from contextlib import suppress
from io import TextIOWrapper

__version__ = "0.1.0"


def print_any_letter() -> None:
    """From now on a letter that the terminal's encoding lacks is printed as \\u2192, and stops nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and "utf" not in stream.encoding.lower():
            with suppress(OSError):  # a process whose file has become a pipe behind Python's back
                stream.reconfigure(errors="backslashreplace")
