"""What a training process is told: the resolved spec that `Sft` writes and the worker reads."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """Plain values only. `start` is a folder or hub id, `data` a folder with `rows.parquet` of Examples.

    `out` is the artefact in the making; `scratch` keeps encoded data and checkpoints and outlives a kill.
    """

    start: str
    revision: str
    data: str
    out: str
    scratch: str
    lr: float
    schedule: str
    warmup: float
    weight_decay: float
    epochs: float
    max_tokens: int | None
    batch_tokens: int
    pack_length: int
    max_length: int
    overlong: str
    clip: float
    seed: int
    precision: str
    accelerator: str
    devices: int
    nodes: int
    zero_stage: int
    offload_optimizer: bool
    micro_batch_tokens: int
    activation_checkpointing: bool
    checkpoint_seconds: float

    @property
    def ranks(self) -> int:
        return self.devices * self.nodes

    @property
    def packs_per_step(self) -> int:
        return max(1, round(self.batch_tokens / self.pack_length))

    @property
    def packs_per_micro_batch(self) -> int:
        """A micro-batch is what one rank computes at once: whole packs, at least one."""
        return max(1, self.micro_batch_tokens // self.pack_length)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> "TrainSpec":
        return cls(**json.loads(path.read_text()))

    def report(self, text: str, refused: bool) -> None:
        """Leave the first failure for the parent: other ranks fail after it, for want of their peer."""
        try:
            with self.failure.open("x") as out:
                json.dump({"text": text, "refused": refused}, out)
        except FileExistsError:
            pass

    @property
    def failure(self) -> Path:
        return Path(self.scratch) / "failure.json"
