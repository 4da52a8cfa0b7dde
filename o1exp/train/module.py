"""The LightningModule: one micro-batch forward and backward, one optimizer step when the step is complete."""

from typing import Any

import torch
from lightning.pytorch import LightningModule

from o1exp.train.batch import MicroBatch
from o1exp.train.encode import Encoded
from o1exp.train.loss import summed_loss
from o1exp.train.model import load_model
from o1exp.train.schedule import Step
from o1exp.train.spec import TrainSpec


class Student(LightningModule):  # type: ignore[misc]
    """Trains `model` on the steps of the plan.

    `summed` collects the token losses of the current step on this rank, `grad_norm` is the last step's norm before clipping.
    """

    def __init__(self, spec: TrainSpec, data: Encoded, todo: list[Step]) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.spec, self.data, self.todo = spec, data, todo
        self.model: Any = None
        self.summed = torch.zeros((), dtype=torch.float64)
        self.grad_norm = 0.0

    def configure_model(self) -> None:
        if self.model is None:
            self.model = load_model(self.spec, self.data, self.trainer.strategy.config)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, in one kernel; weight decay spares vectors (norms and biases), as usual."""
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        matrices = [parameter for parameter in trained if len(_shape(parameter)) > 1]
        vectors = [parameter for parameter in trained if len(_shape(parameter)) <= 1]
        groups = [{"params": matrices, "weight_decay": self.spec.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        return torch.optim.AdamW([group for group in groups if group["params"]], lr=self.spec.lr, fused=True)

    def transfer_batch_to_device(self, batch: MicroBatch, device: torch.device, dataloader_idx: int) -> MicroBatch:
        return batch.to(device)

    def training_step(self, batch: MicroBatch, batch_idx: int) -> None:
        self._seed(hash((self.spec.seed, batch.step, batch.index, self.global_rank)) % 2**31)
        summed = summed_loss(self.model, batch)
        self.summed = self.summed + summed.detach().double()
        self.manual_backward(summed * batch.scale, scale_wrt_gas=False)
        engine = self.trainer.strategy.deepspeed_engine
        if not batch.last:
            engine.step()
            return
        for group in engine.optimizer.param_groups:
            group["lr"] = self.todo[batch.step].lr
        # Without ZeRO, DeepSpeed keeps no norm and leaves the averaged gradients in place until it steps.
        unsplit = _norm(self.model) if self.spec.zero_stage == 0 else None
        engine.step()
        norm = engine.get_global_grad_norm()
        self.grad_norm = float(norm) if norm is not None else float(unsplit or 0.0)

    def _seed(self, seed: int) -> None:
        """Dropout, where a model has it, depends on step, micro-batch and rank alone, and survives a resume.

        torch.manual_seed would take 4 ms, since it prepares devices that are not there.
        """
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        else:
            torch.default_generator.manual_seed(seed)


def _norm(model: torch.nn.Module) -> float:
    return float(torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]))


def _shape(parameter: torch.nn.Parameter) -> torch.Size:
    """Under ZeRO-3 a parameter itself is empty; DeepSpeed keeps its true shape beside it."""
    shape: torch.Size = getattr(parameter, "ds_shape", parameter.shape)
    return shape
