"""What a stage would make and cost, for the plan before a launch."""

from dataclasses import dataclass

from o1exp.flow.architecture import Architecture


@dataclass(frozen=True, kw_only=True)
class Expect:
    """Expected output and cost of one stage; None, or 0 for a cost, where it cannot be known before.

    `rows` and `tokens_per_row` describe what is made; `requests`, `tokens` (prompt plus completion) and `usd` what model calls cost;
    `hours` are wall hours on the configured machine, which keep so many `gpus` busy for `gpu_usd`. `memory_gb` is what one device needs,
    in GB of 2^30 bytes. `disk_gb` is the artefact's, `scratch_gb` what is there besides while it is made, `download_gb` comes over the
    network. `most_usd` and `most_hours` are the worst case of `usd + gpu_usd` and `hours`; 0: as expected.

    `uncounted`: models are asked, and nobody knows yet how often; what that costs is in none of these numbers.

    `model` are the numbers of the model that the stage makes, `template` its chat template, "" where that is not known.
    `details` are lines of the plan, each with a name before it; `obstacles` are reasons why the stage cannot be made as it is, one
    sentence each.
    """

    rows: float | None = None
    tokens_per_row: float | None = None
    requests: float = 0
    tokens: float = 0
    usd: float = 0
    hours: float = 0
    gpus: int = 0
    gpu_usd: float = 0
    most_usd: float = 0
    most_hours: float = 0
    uncounted: bool = False
    memory_gb: float = 0
    disk_gb: float = 0
    scratch_gb: float = 0
    download_gb: float = 0
    parameters: float = 0
    model: Architecture | None = None
    template: str = ""
    remark: str = ""
    details: tuple[tuple[str, str], ...] = ()
    obstacles: tuple[str, ...] = ()

    @property
    def gpu_hours(self) -> float:
        return self.hours * self.gpus


def duration(hours: float) -> str:
    """2.3 days, 15.1 hours, 22 minutes."""
    if hours >= 100:
        return f"{hours / 24:,.1f} days"
    if hours >= 1:
        return f"{hours:.1f} hours"
    return f"{60 * hours:.0f} minutes" if hours >= 1.5 / 60 else "a minute" if hours else "no time"


def counted(count: int, thing: str) -> str:
    """1 GPU, 8 GPUs."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
