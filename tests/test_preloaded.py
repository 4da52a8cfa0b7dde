"""The suite's runs and their workers are forked from a process with everything loaded."""

import os
import subprocess
import sys
from pathlib import Path

from o1exp.flow import forks


def test_workers_are_forked_and_do_not_load_anything_again(tmp_path: Path, loaded: None) -> None:
    """A process from which nothing can be forked says so nowhere: every run and every training would only take seconds longer."""
    log = tmp_path / "seconds"
    done = subprocess.run(forks.through([sys.executable, "-m", "this"]), env={**os.environ, forks.CPU_SECONDS: str(log)}, check=True)
    assert done.returncode == 0
    assert float(log.read_text()) < 2  # what the stand-in of a fork writes
