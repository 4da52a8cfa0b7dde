"""The nearest machine on which a training fits: the fewest GPUs, and on these the fewest changes."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from o1exp.flow.machine import Machine
from o1exp.train.estimate.job import TrainingJob
from o1exp.train.estimate.memory import GIB, Memory, asked, memory

NODES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""How many nodes are tried."""
CHANGES: tuple[Mapping[str, Any], ...] = (
    {}, {"activation_checkpointing": True}, {"zero_stage": 3}, {"zero_stage": 3, "activation_checkpointing": True},
    {"zero_stage": 3, "activation_checkpointing": True, "offload_activations": True},
    {"zero_stage": 3, "activation_checkpointing": True, "offload_optimizer": True},
    {"zero_stage": 3, "activation_checkpointing": True, "offload_optimizer": True, "offload_activations": True},
)  # fmt: skip
"""What is changed to fit, the cheapest in time first; then ranks share rows, where the heads can be shared."""
SHARES = (2, 4, 8)
"""How many ranks of a node share a row."""


@dataclass(frozen=True)
class Fit:
    """A machine that fits, and the words that make it of the one there is."""

    machine: Machine
    memory: Memory
    words: str


def fits(found: Memory, machine: Machine) -> bool:
    """An unknown device (memory_gb=0) never refuses."""
    return not machine.memory_gb or asked(found, machine.accelerator) <= machine.memory_gb


def nearest(job: TrainingJob, offload: bool = True) -> Fit | None:
    """None where even the largest machine does not do; with or without moving more to the memory of the CPUs."""
    for machine, changed in _machines(job):
        if not offload and any(name.startswith("offload") for name in changed):
            continue
        found = memory(job.on(machine))
        if fits(found, machine):
            return Fit(machine, found, " ".join(f"machine.{name}={_said(value)}" for name, value in changed.items()))
    return None


def parked(job: TrainingJob) -> float:
    """GB of the CPUs' memory that offloading takes on each node."""
    machine = job.machine
    optimizer = 12 * job.trained / machine.nodes if machine.offload_optimizer else 0.0
    kept = 0.0
    if machine.offload_activations:
        stays = dataclasses.replace(machine, offload_activations=False)
        kept = machine.devices * (memory(job.on(stays)).kept - memory(job).kept)
    return (optimizer + kept) / GIB


def _shared(job: TrainingJob, devices: int) -> Iterator[Mapping[str, Any]]:
    """Changes by which ranks of a node share rows."""
    if job.pairs or job.machine.packing not in ("auto", "packed"):
        return
    for size in SHARES:
        if size > job.machine.sequence_parallel and devices % size == 0 and job.model.heads and job.model.heads % size == 0:
            shared = {"zero_stage": 3, "activation_checkpointing": True, "sequence_parallel": size}
            yield shared
            yield {**shared, "offload_activations": True}


def _machines(job: TrainingJob) -> Iterator[tuple[Machine, dict[str, Any]]]:
    """From the fewest GPUs up; one without DeepSpeed has no more than one rank, so it takes it up first."""
    start = job.machine
    sizes: list[dict[str, Any]] = [{"nodes": nodes} for nodes in NODES if nodes >= start.nodes]
    if start.ranks == 1:
        sizes[1:1] = [{"devices": devices} for devices in (2, 4, 8)]
    for size in sizes:
        for change in (*CHANGES, *_shared(job, size.get("devices", start.devices))):
            wanted = {**size, **change}
            if (wanted.get("zero_stage") or wanted.get("nodes", 1) * wanted.get("devices", 1) > 1) and start.strategy == "single":
                wanted["strategy"] = "deepspeed"
            if wanted.get("nodes", 1) > 1:
                wanted["launcher"] = "slurm"
            changed = {name: value for name, value in wanted.items() if getattr(start, name) != value}
            yield dataclasses.replace(start, **changed), changed


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
