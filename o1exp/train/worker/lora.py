"""LoRA (Hu et al. 2021): small trained matrices beside frozen ones, merged into them at the export."""

import math
from contextlib import AbstractContextManager, nullcontext
from types import MethodType
from typing import Any

import torch

from o1exp.train.spec import TrainSpec

ADAPTER = "o1exp"
FRONT, BACK, BASE = f".lora_A.{ADAPTER}.weight", f".lora_B.{ADAPTER}.weight", ".base_layer."


def add_lora(model: Any, spec: TrainSpec, partitioned: bool) -> None:
    """Put an adapter beside every matrix of the layers and freeze everything else; `partitioned` is for ZeRO-3."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=spec.lora_r, lora_alpha=spec.lora_alpha, lora_dropout=spec.lora_dropout, target_modules="all-linear", task_type="CAUSAL_LM"
    )  # fmt: skip
    inject_adapter_in_model(config, model, adapter_name=ADAPTER)
    _draw(model, spec.seed, partitioned)
    model.o1exp_lora_scale = spec.lora_alpha / spec.lora_r


def _draw(model: Any, seed: int, partitioned: bool) -> None:
    """A uniform (Kaiming, as peft has it), B zero: the training starts at the start, with the same A on any machine.

    peft does this itself, but under ZeRO-3 each adapter is split as soon as it exists, and peft would fill the empty rest.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    for name, parameter in model.named_parameters():
        if not name.endswith((FRONT, BACK)):
            continue
        with whole([parameter], partitioned), torch.no_grad():
            fresh = torch.zeros(parameter.shape, device="cpu")  # Lightning makes the GPU the default, where the numbers would be others
            if name.endswith(FRONT):
                torch.nn.init.kaiming_uniform_(fresh, a=math.sqrt(5), generator=generator)
            parameter.copy_(fresh)


def whole(parameters: list[Any], partitioned: bool) -> AbstractContextManager[Any]:
    """Within it split parameters are whole; what rank 0 then holds is split anew."""
    if not partitioned:
        return nullcontext()
    import deepspeed

    gathered: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters(parameters, modifier_rank=0)
    return gathered


def lean(model: Any) -> int:
    """Let each adapted matrix of a GPU add its adapter in place: one more pass over the result instead of four; how many do.

    Not for ZeRO-3, which gathers a weight only in the forward of the module that holds it, and not with dropout.
    """
    count = 0
    for module in model.modules():
        if not isinstance(getattr(module, "base_layer", None), torch.nn.Linear) or ADAPTER not in getattr(module, "lora_A", {}):
            continue
        if isinstance(module.lora_dropout[ADAPTER], torch.nn.Identity):
            module.forward = MethodType(_adapted, module)
            count += 1
    return count


def _adapted(self: Any, hidden: torch.Tensor) -> torch.Tensor:
    front, back = self.lora_A[ADAPTER].weight, self.lora_B[ADAPTER].weight
    found = _Adapted.apply(hidden, self.base_layer.weight, self.base_layer.bias, front, back, self.scaling[ADAPTER])  # type: ignore[no-untyped-call]
    assert isinstance(found, torch.Tensor)
    return found


class _Adapted(torch.autograd.Function):
    """x W + b + scale (x A) B, W and b frozen: besides x only x A is kept, and nothing is computed for W."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, front: torch.Tensor, back: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:  # fmt: skip
        rows = hidden.reshape(-1, hidden.shape[-1])
        narrow = rows @ front.t()
        out = torch.nn.functional.linear(rows, weight, bias).addmm_(narrow, back.t(), alpha=scale)
        ctx.save_for_backward(rows, narrow, weight, front, back)
        ctx.scale = scale
        return out.view(*hidden.shape[:-1], len(weight))

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        rows, narrow, weight, front, back = ctx.saved_tensors
        outside = outer[0].reshape(-1, outer[0].shape[-1])
        inside = (outside @ back).mul_(ctx.scale)
        to_hidden = None
        if ctx.needs_input_grad[0]:
            to_hidden = (outside @ weight).addmm_(inside, front).view(*outer[0].shape[:-1], weight.shape[1])
        return to_hidden, None, None, inside.t() @ rows, (outside.t() @ narrow).mul_(ctx.scale), None


def merged(model: Any, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights under the names of the model without adapters: W + scale x B A."""
    scale = getattr(model, "o1exp_lora_scale", None)
    if scale is None:
        return weights
    plain = {}
    for name, weight in weights.items():
        if name.endswith((FRONT, BACK)):
            continue
        if BASE in name:
            stem = name.split(BASE)[0]
            if name.endswith(".weight") and stem + FRONT in weights:
                weight = (weight.float() + scale * (weights[stem + BACK].float() @ weights[stem + FRONT].float())).to(weight.dtype)
            name = name.replace(BASE, ".")
        plain[name] = weight
    return plain
