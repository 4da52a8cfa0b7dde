"""AdamW over groups of bounded size, and with fp32 copies of bf16 weights where no DeepSpeed keeps them."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from o1exp.train.spec import TrainSpec

GROUP = 2**26
"""Elements of a group on a GPU: a step makes the gradients of one group fp32 at a time."""


def adamw(model: Any, spec: TrainSpec) -> torch.optim.Optimizer:
    """AdamW, in one kernel; weight decay spares vectors (norms and biases), as usual. The learning rate is set before every step."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in trained if len(_shape(parameter)) > 1]
    vectors = [parameter for parameter in trained if len(_shape(parameter)) <= 1]
    groups = [
        {"params": part, "weight_decay": decay}
        for decay, of_a_kind in ((spec.weight_decay, matrices), (0.0, vectors))
        for part in _parts(of_a_kind, spec)
    ]
    if spec.strategy == "single" and spec.precision == "bf16":
        return MasterAdamW(groups)
    return torch.optim.AdamW(groups, lr=0.0, fused=True)


def _parts(parameters: list[Any], spec: TrainSpec) -> Iterator[list[Any]]:
    """On a GPU parts of at most GROUP elements, or of one larger parameter: DeepSpeed copies the gradients of a whole group at once."""
    part: list[Any] = []
    filled = 0
    for parameter in parameters:
        size = _shape(parameter).numel()
        if part and spec.accelerator == "gpu" and spec.zero_stage < 3 and filled + size > GROUP:
            yield part
            part, filled = [], 0
        part.append(parameter)
        filled += size
    if part:
        yield part


def _shape(parameter: torch.nn.Parameter) -> torch.Size:
    """Under ZeRO-3 a parameter itself is empty; DeepSpeed keeps its true shape beside it."""
    shape: torch.Size = getattr(parameter, "ds_shape", parameter.shape)
    return shape


class MasterAdamW(torch.optim.AdamW):
    """AdamW on fp32 copies of bf16 parameters, which are rounded anew after each step.

    A step of 1e-5 lies below half of the last digit of most bf16 weights, so that without copies nothing would be learned.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.trained: dict[torch.Tensor, Any] = {}
        copied = [{**group, "params": [self._copy(parameter) for parameter in group["params"]]} for group in groups]
        super().__init__(copied, lr=0.0, fused=True)

    def _copy(self, parameter: Any) -> torch.Tensor:
        copy: torch.Tensor = parameter.detach().float()
        self.trained[copy] = parameter
        return copy

    @torch.no_grad()
    def scaled_step(self, scale: "float | torch.Tensor") -> None:
        """A step with `scale` times the gradients, one group after the other, since each gradient takes fp32 while it is used."""
        groups = self.param_groups
        try:
            for group in groups:
                self.param_groups = [group]
                for copy in group["params"]:
                    given = self.trained[copy].grad
                    copy.grad = None if given is None else given.float().mul_(scale)
                super().step()
                for copy in group["params"]:
                    copy.grad = None
                    self.trained[copy].copy_(copy)
        finally:
            self.param_groups = groups

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        raise AssertionError("the step needs the scale of the gradients: scaled_step")

    def forget_gradients(self) -> None:
        for parameter in self.trained.values():
            parameter.grad = None

    def masters(self) -> list[torch.Tensor]:
        """The copies, in a fixed order."""
        return list(self.trained)
