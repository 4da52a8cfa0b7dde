"""A plan cut into jobs by what its stages need: trainings on all nodes, sampling on one with GPUs, everything else on CPU nodes."""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from o1exp.config.compose import Study
from o1exp.flow import Machine
from o1exp.flow.plan import PlannedStage

Kind = Literal["train", "sample", "ask", "cpu"]
MARGIN = 1.5
"""How much longer than expected a job may take before Slurm ends it; it goes on where it was."""
CPUS = 6
"""CPU cores for each GPU: a rank, and what feeds it."""
CORES = 8
"""Those of a job without GPUs."""
WARNING = 300
"""Seconds before the time limit at which a job is told to keep what it has."""
PART = "o1exp.app.part"
WIDTH = 96


@dataclass
class Part:
    """The stages of one job, inputs first; `needs` are the places of the parts that have to be done before."""

    kind: Kind
    steps: list[PlannedStage] = field(default_factory=list)
    needs: set[int] = field(default_factory=set)

    @property
    def hours(self) -> float:
        return sum(step.expect.hours for step in self.steps)

    @property
    def keys(self) -> list[str]:
        return [step.stage.key for step in self.steps]


@dataclass(frozen=True)
class SlurmJob:
    """What sbatch is given: `name`, the stages' `keys` (their first 8 letters in the script), what it takes, and the words of the run."""

    name: str
    kind: Kind
    keys: tuple[str, ...]
    hours: float
    nodes: int
    gpus: int
    machine: Machine
    words: tuple[str, ...]
    place: Path
    """The folder of scripts and logs."""

    @property
    def log(self) -> Path:
        return self.place / f"{self.name}.log"

    @property
    def script(self) -> str:
        own = self.machine
        partition = {"train": own.partition, "sample": own.sample_partition or own.partition}.get(self.kind, own.cpu_partition)
        cores = self.gpus * CPUS if self.gpus else own.devices * own.threads if self.kind == "train" else CORES
        asked = {
            "job-name": self.name, "partition": partition, "account": own.account, "nodes": self.nodes, "ntasks-per-node": 1,
            "gpus-per-node": self.gpus or "", "cpus-per-task": cores, "mem": "0" if self.gpus else "",
            "time": limit(self.hours) if self.hours else "", "output": self.log, "open-mode": "append", "signal": f"B:TERM@{WARNING}",
        }  # fmt: skip
        lines = ["#!/bin/bash", *(f"#SBATCH --{name}={value}" for name, value in asked.items() if value != ""), "#SBATCH --requeue"]
        lines += [f"#SBATCH {option}" for option in own.sbatch]
        lines += ["set -euo pipefail", "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK"]
        keys = [key[:8] for key in self.keys]
        command = [str(near(Path(sys.executable))), "-m", PART, str(self.place / self.name), *keys, "--", *self.words]
        return "\n".join([*lines, *_folded(["exec", *map(shlex.quote, command)])])


def near(path: Path) -> Path:
    """The path as it holds from the folder of the submission, where jobs begin."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _folded(words: Sequence[str]) -> Iterator[str]:
    """A long command in lines of a page's width."""
    line = words[0]
    for word in words[1:]:
        if len(line) + len(word) > WIDTH:
            yield f"{line} \\"
            line = f"    {word}"
        else:
            line = f"{line} {word}"
    yield line


def limit(hours: float) -> str:
    """Slurm's days-hours:minutes:seconds in whole hours, at least one."""
    whole = max(1, -int(-hours // 1))
    return f"{whole // 24}-{whole % 24:02}:00:00"


def parts(steps: Sequence[PlannedStage]) -> list[Part]:
    """What is to be made, cut into parts; one needs only parts before it.

    Each training is one, and each stage that asks models. Samplings of one model share one, and so do CPU stages that wait for the same.
    """
    found: list[Part] = []
    places: dict[object, int] = {}
    behind: dict[str, frozenset[int]] = {}  # which parts that take long a stage waits for
    part_of: dict[str, int] = {}
    for step in (step for step in steps if step.state == "make"):
        inputs = [inner.key for inner in step.stage.inputs.values() if inner.key in part_of]
        below = frozenset[int]().union(*(behind[key] for key in inputs))
        kind = _kind(step)
        group = (kind, step.stage.key) if kind in ("train", "ask") else (kind, below)
        if group not in places:
            places[group] = len(found)
            found.append(Part(kind))
        place = part_of[step.stage.key] = places[group]
        found[place].steps.append(step)
        found[place].needs |= {part_of[key] for key in inputs} - {place}
        behind[step.stage.key] = below if kind == "cpu" else below | {place}
    return _ordered(found)


def _ordered(found: list[Part]) -> list[Part]:
    """Those that others need before them: a part may have got its first stage before one that it needs got any."""
    order: list[int] = []
    while len(order) < len(found):
        ready = [place for place, part in enumerate(found) if place not in order and part.needs <= set(order)]
        assert ready, "parts need each other in a circle"
        order += ready
    for part in found:
        part.needs = {order.index(place) for place in part.needs}
    return [found[place] for place in order]


def _kind(step: PlannedStage) -> Kind:
    if step.stage.role in ("sft", "rl"):
        return "train"
    if step.expect.requests and not step.expect.gpus:
        return "ask"
    return "sample" if step.expect.gpus or step.stage.role == "sampling" else "cpu"


def slurm_jobs(study: Study, found: Sequence[Part], place: Path) -> list[SlurmJob]:
    """The job of each part."""
    machine: Machine = study.machine
    flags, single = _flags()
    page = set() if study.report is None else {study.report.key}
    jobs = []
    for part in found:
        on_gpus = machine.accelerator == "gpu" and part.kind in ("train", "sample")
        most = max(step.expect.gpus for step in part.steps)
        gpus = 0 if not on_gpus else machine.devices if part.kind == "train" else min(machine.devices, max(1, most))
        hours = machine.hours or MARGIN * part.hours
        nodes = machine.nodes if part.kind == "train" else 1
        alone = ["machine.nodes=1"] if part.kind == "sample" and machine.nodes > 1 else []
        words = [*flags, *(word for word in study.overrides if not word.startswith("action=")), *single, *alone]
        jobs.append(
            SlurmJob(
                _name(study, part, page), part.kind, tuple(part.keys), hours, nodes, gpus, machine, tuple(words), near(place.resolve())
            )
        )
    return jobs


def _name(study: Study, part: Part, page: set[str]) -> str:
    last = part.steps[-1].stage
    node = study.names.get(last.key, last.kind).split(" (")[0]
    label = node if part.kind in ("train", "ask") else "sample" if part.kind == "sample" else "report" if page & set(part.keys) else "data"
    return re.sub(r"[^\w.-]", "_", f"{study.config.study}-{label}-{last.key[:8]}")


def _flags() -> tuple[list[str], list[str]]:
    """What a command says beside its overrides: where its options lie, and a sweep's file; and what makes one of a sweep's cells a run."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized():
        return [], []
    config = HydraConfig.get()
    given = [source.path for source in config.runtime.config_sources if source.provider == "command-line"]
    name = str(config.job.config_name)
    flags = [f"--config-dir={Path(folder).resolve()}" for folder in given]
    cell = ["hydra.mode=RUN", "arms={}"] if config.mode == RunMode.MULTIRUN else []
    return [*flags, f"--config-name={name}"] if name != "config" else flags, cell


def before(study: Study, steps: Sequence[PlannedStage]) -> list[str]:
    """Commands for a machine with a network, where the cluster's CPU nodes have none: what asks other models."""
    asking = [study.names[s.stage.key] for s in steps if s.state == "make" and s.expect.requests and s.stage.key in study.names]
    goals = dict.fromkeys(name.split(" (")[0] for name in asking if "." not in name)
    kept = [word for word in study.overrides if not word.startswith(("action=", "goal="))]
    return [shlex.join(["o1exp", *kept, "machine.launcher=local", f"goal={goal}"]) for goal in goals]
