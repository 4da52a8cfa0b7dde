"""Slurm's own commands: put a job into the queue, ask how jobs stand and how they ended, put one back."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from o1exp.flow.errors import RunError

SECONDS = 60


@dataclass(frozen=True)
class Queued:
    """A job in the queue: Slurm's word for its state, its name and nodes, or why it waits."""

    state: str
    name: str
    where: str


class QueueFailed(RunError):
    """Slurm refused something, in its own words."""


def submit(script: Path, after: list[str], env: Mapping[str, str]) -> str:
    """The id of the new job, which starts once those of `after` are done well. Errors: QueueFailed with what sbatch says."""
    behind = [f"--dependency=afterok:{':'.join(after)}", "--kill-on-invalid-dep=yes"] if after else []
    done = _call(["sbatch", "--parsable", *behind, str(script)], env)
    if done.returncode:
        raise QueueFailed(f"sbatch refused {script}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip().partition(";")[0]


def queued() -> dict[str, Queued] | None:
    """All jobs of this user that wait or run, by id; None while Slurm does not answer."""
    done = _call(["squeue", "--noheader", "--me", "--states=all", "--format=%i|%T|%j|%R"], os.environ)
    if done.returncode:
        return None
    rows = [line.split("|", 3) for line in done.stdout.splitlines() if line.count("|") >= 3]
    ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")
    return {number: Queued(state, name, where) for number, state, name, where in rows if state not in ended}


def how_ended(number: str) -> str:
    """Slurm's word for how a job ended, "" where its accounting does not know."""
    if shutil.which("sacct") is None:
        return ""
    done = _call(["sacct", "--noheader", "--allocations", "--parsable2", "--format=State", f"--jobs={number}"], os.environ)
    words = done.stdout.split() if done.returncode == 0 else []
    return words[0] if words else ""


def requeue(number: str) -> str:
    """Put this running job back into the queue; returns why that was not done, or "". One that somebody cancels stays cancelled."""
    now = (queued() or {}).get(number)
    if now is None or now.state != "RUNNING":
        return f"the job is {now.state if now else 'no longer running'}"
    done = _call(["scontrol", "requeue", number], os.environ)
    return done.stderr.strip() if done.returncode else ""


def _call(command: list[str], env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=SECONDS, env=dict(env), check=False)
    except (OSError, subprocess.TimeoutExpired) as wrong:
        return subprocess.CompletedProcess(command, 1, "", str(wrong))
