"""`python -m o1exp.track`: MLflow's UI over outputs/, opened on the table of runs; `send`: what a server did not take is sent."""

import argparse
import sys
from pathlib import Path

from o1exp import print_any_letter
from o1exp.flow.errors import RunError
from o1exp.track import unsent
from o1exp.track.study import send
from o1exp.track.ui import serve


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 1 where a server still does not take what waits for it; 2 with one message on stderr."""
    print_any_letter()
    parser = argparse.ArgumentParser(
        prog="python -m o1exp.track", description="MLflow's UI on 127.0.0.1; or send what a server did not take."
    )
    parser.add_argument("action", nargs="?", choices=("ui", "send"), default="ui")
    parser.add_argument("--outputs", type=Path, default=Path("outputs"), help="the outputs folder (outputs)")
    parser.add_argument("--port", type=int, default=5000)
    asked = parser.parse_args(arguments)
    try:
        return _send(asked.outputs.resolve()) if asked.action == "send" else serve(asked.outputs, asked.port)
    except (ValueError, RunError) as wrong:
        print(wrong, file=sys.stderr)
        return 2


def _send(root: Path) -> int:
    sent, left = send(root)
    print(f"{sent} sent, {left} still waiting" + (f": {unsent.why(root)}" if left else ""))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
