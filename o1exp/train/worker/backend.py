"""What a training asks of its strategy: backward, an optimizer step with the true gradient norm, checkpoints, and whole weights."""

import shutil
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy

from o1exp.train.worker.fetch import keep_whole, whole_weights
from o1exp.train.worker.optimizer import MasterAdamW
from o1exp.train.worker.reshard import Cut, ranks_of, reshard

TAG = "state"


class Backend(ABC):
    """One training's model and optimizer under one strategy."""

    @abstractmethod
    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of a micro-batch to those of the step."""

    @abstractmethod
    def skip(self) -> None:
        """Say that the micro-batch just done does not complete the step."""

    @abstractmethod
    def step(self, lr: float) -> torch.Tensor:
        """Clip, update and clear; returns the gradient's norm over all ranks before clipping, [], for which nobody has waited yet."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write weights and optimizer state; every rank calls it."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Read back what `save` wrote."""

    @abstractmethod
    def weights(self) -> dict[str, torch.Tensor]:
        """The model's whole state dict on the CPU; every rank calls it, rank 0 gets it (others perhaps nothing)."""

    def whole(self) -> AbstractContextManager[bool]:
        """Within it each rank can compute alone; says whether so. Every rank enters it, between two steps."""
        return nullcontext(True)


class Zero(Backend):
    """DeepSpeed's engine."""

    def __init__(self, engine: Any, module: LightningModule) -> None:
        self.engine, self.module = engine, module
        self.split = bool(engine.zero_optimization_partition_weights()) and torch.distributed.get_world_size() > 1
        if engine.zero_optimization_partition_weights() and not self.split:
            keep_whole(engine)
        self.unsplit = not engine.zero_optimization()
        if self.unsplit and engine.bfloat16_enabled():
            # DeepSpeed fills this optimizer's states by a step without gradients, which would count as the first.
            for state in engine.optimizer.optimizer.state.values():
                state["step"].zero_()

    def backward(self, loss: torch.Tensor) -> None:
        self.module.manual_backward(loss, scale_wrt_gas=False)

    def skip(self) -> None:
        self.engine.step()

    def step(self, lr: float) -> torch.Tensor:
        for group in self.engine.optimizer.param_groups:
            group["lr"] = lr
        # Without ZeRO, DeepSpeed keeps no norm and leaves the averaged gradients in place until it steps.
        unsplit = _norm(self.module) if self.unsplit else None
        self.engine.step()
        norm = self.engine.get_global_grad_norm()
        return norm if isinstance(norm, torch.Tensor) else torch.tensor(norm or 0.0) if unsplit is None else unsplit

    def save(self, folder: Path) -> None:
        self.engine.save_checkpoint(str(folder), tag=TAG, save_latest=False)

    def load(self, folder: Path) -> None:
        if (written := ranks_of(folder / TAG)) and written != torch.distributed.get_world_size():
            self._load_cut_anew(folder)
            return
        found, _ = self.engine.load_checkpoint(str(folder), tag=TAG, load_lr_scheduler_states=False)
        assert found is not None, f"DeepSpeed did not read the checkpoint {folder}"

    def _load_cut_anew(self, folder: Path) -> None:
        """Read what another number of ranks wrote, by way of files for as many as there are now."""
        anew = folder.with_name(f"cut-anew-{folder.name}")
        (anew / TAG).mkdir(parents=True, exist_ok=True)
        reshard(folder / TAG, anew / TAG, Cut.of(self.engine))
        torch.distributed.barrier()
        self.load(anew)
        torch.distributed.barrier()
        if torch.distributed.get_rank() == 0:
            shutil.rmtree(anew)

    def whole(self) -> AbstractContextManager[bool]:
        return whole_weights(self.engine, self.module.device) if self.split else nullcontext(True)

    def weights(self) -> dict[str, torch.Tensor]:
        if not self.engine.zero_optimization_partition_weights():
            return _state(self.module.model)
        whole = self.engine._zero3_consolidated_16bit_state_dict()
        return {name.removeprefix("model."): tensor for name, tensor in whole.items()} if whole else {}


class Single(Backend):
    """One device and a plain torch optimizer."""

    def __init__(self, optimizer: torch.optim.Optimizer, module: LightningModule, clip: float) -> None:
        self.optimizer, self.module, self.clip = optimizer, module, clip
        self.trained = [parameter for parameter in module.model.parameters() if parameter.requires_grad]

    def backward(self, loss: torch.Tensor) -> None:
        self.module.manual_backward(loss)

    def skip(self) -> None:
        pass

    def step(self, lr: float) -> torch.Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.trained if p.grad is not None])
        if self.clip:
            torch.nn.utils.clip_grads_with_norm_(self.trained, self.clip, norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return norm

    def save(self, folder: Path) -> None:
        torch.save(self.state(), folder / f"{TAG}.pt")

    def state(self) -> dict[str, Any]:
        return {"model": self.module.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, folder: Path) -> None:
        self.take(torch.load(folder / f"{TAG}.pt", map_location=self.module.device, weights_only=True))

    def take(self, state: dict[str, Any]) -> None:
        self.module.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])

    def weights(self) -> dict[str, torch.Tensor]:
        return _state(self.module.model)


class SingleBf16(Single):
    """The same with bf16 weights, whose fp32 copies the optimizer keeps; norm and clipping are fp32 too."""

    optimizer: MasterAdamW

    def step(self, lr: float) -> torch.Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        norms = [torch.linalg.vector_norm(p.grad, dtype=torch.float32) for p in self.trained if p.grad is not None]
        norm: torch.Tensor = torch.linalg.vector_norm(torch.stack(norms))
        self.optimizer.scaled_step((self.clip / (norm.double() + 1e-6)).clamp(max=1.0) if self.clip else 1.0)
        self.optimizer.forget_gradients()
        return norm

    def state(self) -> dict[str, Any]:
        return {**super().state(), "masters": self.optimizer.masters()}

    def take(self, state: dict[str, Any]) -> None:
        super().take(state)
        with torch.no_grad():
            for ours, saved in zip(self.optimizer.masters(), state["masters"], strict=True):
                ours.copy_(saved)


def backend_of(trainer: Trainer, module: LightningModule, clip: float) -> Backend:
    """The backend of a trainer that has set up its strategy."""
    optimizer = trainer.strategy.optimizers[0]
    if isinstance(trainer.strategy, SingleDeviceStrategy):
        return (SingleBf16 if isinstance(optimizer, MasterAdamW) else Single)(optimizer, module, clip)
    return Zero(trainer.strategy.deepspeed_engine, module)


def _state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}


def _norm(module: LightningModule) -> torch.Tensor:
    return torch.nn.utils.get_total_norm([p.grad for p in module.model.parameters() if p.grad is not None])
