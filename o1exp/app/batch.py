"""The Slurm scripts that a plan would submit: trainings on all nodes, then what one node does."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from o1exp.config.compose import Study
from o1exp.flow.plan import PlannedStage

MARGIN = 1.5
"""How much longer than expected a job may take before Slurm ends it; the next one goes on where it was."""
FINAL = "preference"
"""The node that is the trained model of each arm, whatever its last phase is."""
CPUS = 6
"""CPU cores for each GPU: a rank, and what feeds it."""


@dataclass(frozen=True)
class BatchJob:
    """One script: its name, what it makes, on how many nodes and GPUs of each, for how many hours."""

    name: str
    words: tuple[str, ...]
    nodes: int
    devices: int
    hours: float

    @property
    def script(self) -> str:
        lines = [
            "#!/bin/bash", f"#SBATCH --job-name={self.name}", f"#SBATCH --nodes={self.nodes}", "#SBATCH --ntasks-per-node=1",
            f"#SBATCH --gpus-per-node={self.devices}", f"#SBATCH --cpus-per-task={self.devices * CPUS}", "#SBATCH --mem=0",
            f"#SBATCH --time={limit(self.hours)}", f"#SBATCH --output={self.name}-%j.log", "#SBATCH --signal=B:INT@300",
            "set -euo pipefail", "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK",
            f"exec {shlex.join([*_ourselves(), *self.words])}",
        ]  # fmt: skip
        return "\n".join(lines)


def _ourselves() -> list[str]:
    """This installation, by a path that holds from the folder of the submission."""
    python = Path(sys.executable)
    return [str(python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python), "-m", "o1exp"]


def limit(hours: float) -> str:
    """Slurm's days-hours:minutes:seconds, with margin, in whole hours."""
    whole = max(1, -int(-hours * MARGIN // 1) + 1)
    return f"{whole // 24}-{whole % 24:02}:00:00"


def before(study: Study, steps: list[PlannedStage]) -> list[str]:
    """Commands for a machine with a network and without GPUs: what asks other models should not keep GPUs waiting."""
    asking = [study.names[s.stage.key] for s in steps if s.state == "make" and s.expect.requests and s.stage.key in study.names]
    goals = dict.fromkeys(name.split(" (")[0] for name in asking if "." not in name)
    return [shlex.join(["o1exp", *_words(study, "goal="), f"goal={goal}"]) for goal in goals]


def batch_jobs(study: Study, steps: list[PlannedStage]) -> list[BatchJob]:
    """The trainings as one job, and what is left for GPUs as another on one node, since GPUs that wait cost the same."""
    made = [step for step in steps if step.state == "make"]
    trained = [step for step in made if step.stage.role in ("sft", "rl")]
    rest = [step for step in made if step not in trained and step.expect.gpus]
    machine, name, jobs = study.machine, str(study.config.study), []
    if trained:
        words = [*_words(study, "goal="), f"goal={FINAL}"] if rest and FINAL in study.config else _words(study)
        jobs.append(BatchJob(f"{name}-train", tuple(words), machine.nodes, machine.devices, sum(step.expect.hours for step in trained)))
    if rest:
        words = [*_words(study, "machine.nodes="), "machine.nodes=1"]
        jobs.append(BatchJob(f"{name}-score", tuple(words), 1, machine.devices, sum(step.expect.hours for step in rest)))
    return jobs


def _words(study: Study, *without: str) -> list[str]:
    """The words of the command that makes what was planned."""
    return [word for word in study.overrides if not word.startswith(("action=", *without))]
