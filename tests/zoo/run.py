"""Architectures in processes of their own, forked from one that has the libraries loaded: a crash or a hang costs one row."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from o1exp.flow import forks
from o1exp.flow.process import child_environment
from o1exp.train.launch import ON_CPU
from tests.conftest import ROOT
from tests.zoo.models import architectures
from tests.zoo.row import Row

MODULES = ("o1exp.train.worker.warm", "o1exp.bench.engines.generate")
SECONDS = 800


def rows(names: Iterable[str]) -> Iterator[Row]:
    """Each architecture's row, in order."""
    with forks.warm(MODULES, child_environment(1)):
        for name in names:
            yield row_of(name)


def row_of(name: str, *changes: str) -> Row:
    """The row of one architecture, or of its training alone with `changes` (FIELD=VALUE, text) to the settings."""
    with tempfile.TemporaryDirectory() as folder:
        command = forks.through([sys.executable, "-m", "tests.zoo.one", folder, name, *changes])
        env = child_environment(1) | ON_CPU | {"HF_HUB_OFFLINE": "1"}
        try:
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return _fault(name, f"took more than {SECONDS} s")
        found = Path(folder) / "row.json"
        if not found.exists():
            return _fault(name, f"ended its process with {done.returncode}: {done.stderr[-500:]}")
        values = json.loads(found.read_text())
        return Row(**{**values, "faults": tuple(values["faults"])})


def _fault(name: str, what: str) -> Row:
    return Row(name=name, kind=architectures()[name], trains="wrong", samples="wrong", faults=(what,))
