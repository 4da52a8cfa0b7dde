"""What a stage would make and cost, for the plan before a launch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Expect:
    """Expected output and cost of one stage; None where it cannot be known before.

    `rows` and `tokens_per_row` describe what is made; `requests`, `tokens` (prompt plus completion) and `usd` what model calls cost;
    `hours` are wall hours on the configured machine, `memory_gb` per device, `disk_gb` of the artefact.
    """

    rows: float | None = None
    tokens_per_row: float | None = None
    requests: float = 0
    tokens: float = 0
    usd: float = 0
    hours: float = 0
    memory_gb: float = 0
    disk_gb: float = 0
    parameters: float = 0
    remark: str = ""
