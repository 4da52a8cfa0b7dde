"""A rank that does nothing: it leaves its process id in a folder and goes on for ever. python -m tests.flow.ranks FOLDER."""

import os
import sys
import time
from pathlib import Path

from o1exp.flow.process import die_with_parent, report

if __name__ == "__main__":
    die_with_parent()
    report({"rank": os.environ.get("RANK", "")})
    (Path(sys.argv[1]) / str(os.getpid())).touch()
    while True:
        time.sleep(60)
