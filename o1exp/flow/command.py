"""How the command line of a room ends (`python -m o1exp.report …`): its parser names for each command the function that does it, `act`."""

import argparse
import sys
from pathlib import Path

from o1exp import print_any_letter


def answered(parser: argparse.ArgumentParser, arguments: list[str] | None) -> int:
    """What the command's function gives, or 2 with one message on stderr: for a ValueError, and a file that cannot be read or written."""
    print_any_letter()
    asked = parser.parse_args(arguments)
    try:
        return int(asked.act(asked))
    except BrokenPipeError:  # the reader, such as head, has seen enough
        sys.stdout = None
        return 0
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
    except OSError as wrong:  # a folder where a file is asked for, a full disk, no right to write
        print(f"{wrong.filename}: {wrong.strerror}" if wrong.filename else wrong, file=sys.stderr)
    return 2


def keeps(option: str, out: Path | None, *read: Path | None) -> None:
    """Errors: ValueError where the file that is written is one that is read."""
    if out is not None and out.exists() and (same := next((one for one in read if one and one.exists() and out.samefile(one)), None)):
        raise ValueError(f"{option} {out} is the file {same} that is read, and would be lost; name another one")


def count(text: str) -> int:
    """A whole number from 0 on, as the type of an option. Errors: ArgumentTypeError for anything else."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)
