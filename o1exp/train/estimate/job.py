"""What is trained on what, as far as memory and time depend on it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Self

from o1exp.flow.architecture import Architecture
from o1exp.flow.machine import Machine


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A model, a recipe and a machine. `lora_r` 0: all weights are trained, or all but the embedding where it is `frozen`.

    `pairs`: likelihoods of whole answers are compared (DPO), so that no gradient is known while logits are there.
    """

    model: Architecture
    machine: Machine
    bf16: bool
    pack_length: int
    batch_tokens: int
    lora_r: int = 0
    frozen: bool = False
    pairs: bool = False

    def on(self, machine: Machine) -> Self:
        return dataclasses.replace(self, machine=machine)

    @property
    def width(self) -> int:
        """Bytes of a number in weights, gradients and activations."""
        return 2 if self.bf16 else 4

    @property
    def trained(self) -> float:
        """Weights that are trained."""
        if self.lora_r:
            return self.model.adapters(self.lora_r)
        return self.model.parameters - (self.model.embedding if self.frozen else 0)

    @property
    def trains_head(self) -> bool:
        """Is the output layer trained?"""
        return not self.lora_r and not (self.frozen and self.model.tied)

    @property
    def zero_stage(self) -> int:
        return self.machine.zero_stage if self.machine.strategy == "deepspeed" else 0

    @property
    def packs(self) -> int:
        """Packs of an optimizer step, over all ranks."""
        return max(1, round(self.batch_tokens / self.pack_length))

    @property
    def packs_at_once(self) -> int:
        """Packs of a micro-batch."""
        at_once = self.machine.micro_batch_tokens * self.machine.sequence_parallel // self.pack_length
        return min(max(1, at_once), math.ceil(self.packs / self.rows))

    @property
    def rows(self) -> int:
        """Rows of tokens that are computed at once: one a rank, or one for all ranks that share it."""
        return self.machine.ranks // self.machine.sequence_parallel

    @property
    def tokens_at_once(self) -> int:
        """Tokens that a rank computes at once."""
        return math.ceil(self.packs_at_once * self.pack_length / self.machine.sequence_parallel)

    @property
    def accumulates(self) -> bool:
        """Does a rank sum the gradients of several micro-batches?"""
        return math.ceil(self.packs / self.rows) > self.packs_at_once

    @property
    def busy(self) -> float:
        """The share of the ranks that have work, from 0 to 1: a step of fewer packs than ranks leaves some idle."""
        return self.packs / (self.rows * math.ceil(self.packs / self.rows))
