"""How the command line of a room ends (`python -m o1exp.report …`): its parser names for each command the function that does it, `act`."""

import argparse
import sys


def answered(parser: argparse.ArgumentParser, arguments: list[str] | None) -> int:
    """What the command's function gives, or 2 with one message on stderr where it raises ValueError."""
    asked = parser.parse_args(arguments)
    try:
        return int(asked.act(asked))
    except BrokenPipeError:  # the reader, such as head, has seen enough
        sys.stdout = None
        return 0
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
