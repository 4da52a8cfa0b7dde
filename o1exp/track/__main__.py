"""`python -m o1exp.track`: MLflow's UI over outputs/, opened on the table of runs."""

import argparse
import sys
from pathlib import Path

from o1exp.flow.errors import RunError
from o1exp.track.ui import serve


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one message on stderr."""
    parser = argparse.ArgumentParser(prog="python -m o1exp.track", description="MLflow's UI on 127.0.0.1.")
    parser.add_argument("--outputs", type=Path, default=Path("outputs"), help="the outputs folder (outputs)")
    parser.add_argument("--port", type=int, default=5000)
    asked = parser.parse_args(arguments)
    try:
        return serve(asked.outputs, asked.port)
    except (ValueError, RunError) as wrong:
        print(wrong, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
