"""What all stages that are to be made take together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from o1exp.flow.expect import Expect


@dataclass(frozen=True)
class Total:
    """Sums over stages made one after the other. Money is requests' and GPUs'; disk is in GB of 1e9 bytes.

    `scratch` is the most that checkpoints take at once: those of the `jobs` largest trainings.
    `uncounted`: models are asked besides, and nobody knows yet how often, so that all of it is less than will be.
    """

    requests: float
    tokens: float
    usd: float
    gpu_usd: float
    hours: float
    gpu_hours: float
    most_usd: float
    most_hours: float
    most_gpu_hours: float
    disk: float
    scratch: float
    download: float
    uncounted: bool


class Costed(Protocol):
    """A stage of a plan."""

    @property
    def state(self) -> str: ...

    @property
    def expect(self) -> Expect: ...


def total(steps: Iterable[Costed], jobs: int) -> Total:
    found = [step.expect for step in steps if step.state == "make"]
    most_hours = [max(one.most_hours, one.hours) for one in found]
    return Total(
        requests=sum(one.requests for one in found), tokens=sum(one.tokens for one in found), usd=sum(one.usd for one in found),
        gpu_usd=sum(one.gpu_usd for one in found), hours=sum(one.hours for one in found), gpu_hours=sum(one.gpu_hours for one in found),
        most_usd=sum(max(one.most_usd, one.usd + one.gpu_usd) for one in found), most_hours=sum(most_hours),
        most_gpu_hours=sum(hours * one.gpus for hours, one in zip(most_hours, found, strict=True)),
        disk=sum(one.disk_gb for one in found), scratch=sum(sorted((one.scratch_gb for one in found), reverse=True)[:jobs]),
        download=sum(one.download_gb for one in found), uncounted=any(one.uncounted for one in found),
    )  # fmt: skip
