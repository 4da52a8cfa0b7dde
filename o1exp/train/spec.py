"""What a training process is told: the resolved spec that a training stage writes and the worker reads."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """Plain values only: the stage's settings and machine by their own names, and where things lie.

    `start` is a folder or hub id, `data` a folder of prepared token ids.
    `out` is the artefact in the making; `scratch` keeps checkpoints and outlives a kill.
    """

    objective: str
    start: str
    revision: str
    tokenizer: str
    tokenizer_revision: str
    data: str
    out: str
    scratch: str

    lr: float
    lr_scheduler_type: str
    warmup_ratio: float
    weight_decay: float
    epochs: float
    max_tokens: int | None
    max_steps: int | None
    batch_tokens: int
    pack_length: int
    max_grad_norm: float
    max_rise: float
    seed: int
    precision: str
    tuning: str
    lora_r: int
    lora_alpha: int
    lora_dropout: float
    freeze_embeddings: bool
    rope_theta: float
    max_position_embeddings: int
    eos_token: str
    chat_template: str
    validation_fraction: float
    evaluations: int
    samples: int
    sample_tokens: int
    keep: str
    beta: float

    accelerator: str
    strategy: str
    devices: int
    nodes: int
    zero_stage: int
    offload_optimizer: bool
    micro_batch_tokens: int
    activation_checkpointing: bool
    offload_activations: bool
    attention: str
    packing: Literal["auto", "packed", "rows", "alone"]
    kernels: str
    deterministic: bool
    checkpoint_seconds: float
    keep_checkpoints: int
    sequence_parallel: int = 1
    zero_hpz: int = 1
    zero_quantized_weights: bool = False
    zero_quantized_gradients: bool = False

    @property
    def ranks(self) -> int:
        return self.devices * self.nodes

    @property
    def rows(self) -> int:
        """Rows of tokens that are computed at once: one a rank, or one for all ranks that share it."""
        return self.ranks // self.sequence_parallel

    @property
    def splits_weights(self) -> bool:
        """ZeRO-3 on several ranks: weights are whole only while a forward or backward pass of the strategy's model needs them."""
        return self.zero_stage == 3 and self.strategy == "deepspeed" and self.ranks > 1

    @property
    def varlen(self) -> bool:
        """Attention by the kernel that knows where documents end, so that none is padded."""
        fits = self.accelerator == "gpu" and self.precision == "bf16"
        return self.attention in ("varlen", "cudnn") or (self.attention == "auto" and fits)

    @property
    def packs_per_step(self) -> int:
        return max(1, round(self.batch_tokens / self.pack_length))

    @property
    def packs_per_micro_batch(self) -> int:
        """A micro-batch is what one rank computes at once, or those that share a row: whole packs, at least one."""
        return max(1, self.micro_batch_tokens * self.sequence_parallel // self.pack_length)

    @property
    def failure(self) -> Path:
        return Path(self.scratch) / "failure.json"

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "TrainSpec":
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def report(self, text: str, refused: bool) -> None:
        """Leave the first failure for the parent: other ranks fail after it, for want of their peer."""
        try:
            with self.failure.open("x", encoding="utf-8") as out:
                json.dump({"text": text, "refused": refused}, out)
        except FileExistsError:
            pass
