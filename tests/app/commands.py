"""Run the console script as a user would, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from o1exp.flow import forks

TINY = (
    "experiment=quickstart",
    "source.count=12", "model.layers=1", "model.hidden=16", "model.heads=2", "model.kv_heads=2", "model.intermediate=32",
    "imitate.max_tokens=600", "think.max_tokens=3000", "bench.arithmetic.problems.count=8", "bench.arithmetic.max_tokens=12",
)  # fmt: skip
"""The quick start with everything small: all parts, no effect."""


def o1exp(folder: Path, *words: str, env: dict[str, str] | None = None, timeout: float = 800) -> subprocess.CompletedProcess[str]:
    """The finished process, forked where libraries are loaded (the fixture `loaded`); outputs go to `folder`/outputs."""
    return subprocess.run(
        forks.through(command(words)), cwd=folder, env=environment(env), capture_output=True, text=True, timeout=timeout, check=False
    )


def start(folder: Path, *words: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    """One that goes on while the test does."""
    return subprocess.Popen(command(words), cwd=folder, env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def begin(folder: Path, log: Path, *words: str) -> "subprocess.Popen[bytes]":
    """One whose output goes to a file, so that it never waits for somebody to read it."""
    with log.open("wb") as out:
        return subprocess.Popen(command(words), cwd=folder, env=environment(None), stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "o1exp", *words]


def environment(more: dict[str, str] | None) -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": root, "COLUMNS": "200", "OMP_NUM_THREADS": "1", **(more or {})}
