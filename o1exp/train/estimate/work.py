"""How long a training takes and what its GPUs cost."""

import math
from dataclasses import dataclass

from o1exp.train.estimate.job import TrainingJob

LOW_UTILISATION = 0.25
"""The share of a GPU's rate that the worst case counts with: the lower end of what is published for models of this kind."""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What is trained on: tokens in all and at most, tokens of a document, those that are only `read`; None where unknown."""

    tokens: float | None
    most: float | None
    document: float
    read: float = 0.0


@dataclass(frozen=True)
class Pace:
    """Steps of a training, FLOP of a token, and tokens a second over all ranks; 0 where the machine's rate is unknown."""

    steps: int
    flop: float
    tokens_per_second: float

    def hours(self, tokens: float) -> float:
        return tokens / self.tokens_per_second / 3600 if self.tokens_per_second else 0.0


def pace(job: TrainingJob, tokens: float, document: float) -> Pace:
    """For so many tokens to train on, in documents of so many tokens each."""
    flop = job.model.flop(document, job.trained / job.model.parameters)
    machine = job.machine
    speed = machine.ranks * job.busy * machine.peak_tflops * 1e12 * machine.utilisation
    return Pace(math.ceil(tokens / (job.packs * job.pack_length)), flop, speed / flop)
