"""LoRA (Hu et al. 2021): small trained matrices beside frozen ones, merged into them at the export."""

import math
from contextlib import AbstractContextManager, nullcontext
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
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if not name.endswith((FRONT, BACK)):
            continue
        with _whole(parameter, partitioned), torch.no_grad():
            fresh = torch.zeros(parameter.shape)
            if name.endswith(FRONT):
                torch.nn.init.kaiming_uniform_(fresh, a=math.sqrt(5), generator=generator)
            parameter.copy_(fresh)


def _whole(parameter: Any, partitioned: bool) -> AbstractContextManager[Any]:
    """Within it a split parameter is whole; what rank 0 then holds is split anew."""
    if not partitioned:
        return nullcontext()
    import deepspeed

    gathered: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters([parameter], modifier_rank=0)
    return gathered


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
