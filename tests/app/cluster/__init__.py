"""A cluster on this machine: commands named as Slurm's, of which sbatch really runs its scripts."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.app.cluster.stand_in import Jobs

COMMANDS = ("sbatch", "srun", "squeue", "sacct", "scancel", "scontrol")


@dataclass(frozen=True)
class Cluster:
    """Its commands lie in `folder`/bin, its jobs in `folder`/jobs."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> "Cluster":
        (folder / "bin").mkdir(parents=True)
        (folder / "jobs").mkdir()
        stand_in = Path(__file__).with_name("stand_in.py")
        for name in COMMANDS:
            command = folder / "bin" / name
            command.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {stand_in} {folder / "jobs"} {name} "$@"\n')
            command.chmod(0o700)
        return cls(folder)

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.folder / "jobs")

    def states(self) -> dict[str, str]:
        """The state of each job by its name."""
        return {job["name"]: job["state"] for job in self.jobs.all()}

    def ended(self) -> list[str]:
        """The states of all jobs, once their processes ended; a job's work is seen in the store before that."""
        for _ in until(600):
            states = [job["state"] for job in self.jobs.all()]
            if not {"PENDING", "RUNNING", "COMPLETING"}.intersection(states):
                return states
        raise AssertionError

    def ask(self, number: str, what: str) -> None:
        """Do to a job what a cluster does: preempt, forget."""
        self.jobs.ask(number, what)

    def end(self) -> None:
        """End what still runs."""
        for job in self.jobs.all():
            for pid in (job.get("runner"), job.get("pid")):
                with suppress(ProcessLookupError, PermissionError):
                    if pid:
                        os.killpg(int(pid), signal.SIGKILL)


def until(seconds: float) -> Iterator[None]:
    """Look again and again; AssertionError when so much time is over."""
    late = time.monotonic() + seconds
    while time.monotonic() < late:
        yield
        time.sleep(0.05)
    raise AssertionError(f"nothing came in {seconds} s")
