"""How to run, not what: devices, processes, ZeRO stage. Never part of a key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from o1exp.flow.check import AtLeast, Between, Settings


@dataclass(frozen=True, kw_only=True)
class Machine(Settings):
    """One kind of machine. `jobs` stages run side by side; a training uses nodes x devices ranks of `threads` CPU threads each."""

    accelerator: Literal["cpu", "gpu"] = "cpu"
    strategy: Literal["deepspeed", "single"] = "deepspeed"
    """single: Lightning on one device without DeepSpeed, for small models and for debugging."""
    devices: Annotated[int, AtLeast(1)] = 1
    nodes: Annotated[int, AtLeast(1)] = 1
    zero_stage: Annotated[int, Between(0, 3)] = 1
    offload_optimizer: bool = False
    micro_batch_tokens: Annotated[int, AtLeast(16)] = 8192
    activation_checkpointing: bool = False
    attention: Literal["auto", "sdpa", "varlen"] = "auto"
    """Within packed documents: torch's variable-length FlashAttention kernel, or SDPA per document; auto: the first on a GPU in bf16."""
    threads: Annotated[int, AtLeast(1)] = 1
    jobs: Annotated[int, AtLeast(1)] = 2
    launcher: Literal["local", "slurm"] = "local"
    memory_gb: Annotated[float, AtLeast(0)] = 0.0
    peak_tflops: Annotated[float, AtLeast(0)] = 0.0
    """Dense bf16 TFLOP/s of one device, for the plan's hours (0: unknown)."""
    utilisation: Annotated[float, Between(0, 1)] = 0.35
    """Model-FLOP utilisation assumed by the plan."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.strategy == "single" and self.ranks > 1:
            yield "strategy", f"single takes one device, not {self.ranks}; set devices=1 and nodes=1, or strategy=deepspeed"
        if self.attention == "varlen" and self.accelerator == "cpu":
            yield "attention", "varlen has no kernel for CPUs; set attention=auto"

    @property
    def ranks(self) -> int:
        return self.devices * self.nodes
