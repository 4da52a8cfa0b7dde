"""The LightningModule: one micro-batch forward and backward, one optimizer step when the step is complete."""

from typing import Any

import torch
from lightning.pytorch import LightningModule

from o1exp.flow.process import report
from o1exp.train.data.batch import MicroBatch
from o1exp.train.data.encode import CannotTrain, Encoded
from o1exp.train.data.schedule import Plan
from o1exp.train.spec import TrainSpec
from o1exp.train.worker import sequence
from o1exp.train.worker.accelerator import found_where_read
from o1exp.train.worker.backend import Backend
from o1exp.train.worker.memory import forget_peak, held_mb
from o1exp.train.worker.model import load_model
from o1exp.train.worker.objective import Objective
from o1exp.train.worker.optimizer import adamw
from o1exp.train.worker.trial import find_way
from o1exp.train.worker.way import Way


class Student(LightningModule):  # type: ignore[misc]
    """Trains `model` on the steps of the plan by `objective`.

    `summed` collects the current step's loss and right units on this rank, `grad_norm` [] is the last step's norm before
    clipping, `loaded_mb` the memory with the model loaded. `backend` and `way` are set once the strategy stands.
    """

    def __init__(self, spec: TrainSpec, data: Encoded, todo: Plan, objective: Objective) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.spec, self.data, self.todo, self.objective = spec, data, todo, objective
        self.model: Any = None
        self.way = Way()
        self.backend: Backend
        self.summed = torch.zeros(2, dtype=torch.float64)
        self.grad_norm = torch.zeros(())
        self.loaded_mb = 0

    def configure_model(self) -> None:
        if self.model is None:
            self.model = load_model(self.spec, self.data, getattr(self.trainer.strategy, "config", None))
            self.loaded_mb = held_mb(self.device)
            forget_peak(self.device)

    def find_way(self) -> None:
        """Find out how documents go through the model; with split weights once the strategy stands, in whose passes they are whole."""
        with found_where_read(self.model):
            self.way, said = find_way(self.spec, self.data, self.model)
        if self.global_rank == 0 and said:
            report({"says": said})
        if (size := self.spec.sequence_parallel) > 1:
            sequence.check(self.model.config, size)
            if self.way.layout != "packed":
                raise CannotTrain(
                    f"machine.sequence_parallel={size} shares packed rows, but this model's documents go in {self.way.layout}; "
                    "set machine.sequence_parallel=1"
                )

    def configure_optimizers(self) -> torch.optim.Optimizer:
        if not self.spec.splits_weights:
            self.find_way()  # before DeepSpeed counts backward passes
        return adamw(self.model, self.spec)

    def transfer_batch_to_device(self, batch: MicroBatch, device: torch.device, dataloader_idx: int) -> MicroBatch:
        return batch.to(device)

    def training_step(self, batch: MicroBatch, batch_idx: int) -> None:
        self._seed(hash((self.spec.seed, batch.step, batch.index, self.global_rank)) % 2**31)
        scored = self.objective(self.model, batch)
        self.summed = self.summed.to(self.device) + torch.stack([scored.loss.detach().double(), scored.right.double()])
        self.backend.backward(scored.loss * batch.scale)
        if batch.last:
            self.grad_norm = self.backend.step(self.todo[batch.step].lr)
        else:
            self.backend.skip()

    def _seed(self, seed: int) -> None:
        """Dropout, where a model has it, depends on step, micro-batch and rank alone, and survives a resume.

        torch.manual_seed would take 4 ms, since it prepares devices that are not there.
        """
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        else:
            torch.default_generator.manual_seed(seed)
