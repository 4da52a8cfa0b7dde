"""LoRA (Hu et al. 2021): small trained matrices beside frozen ones, merged into them at the export."""

from typing import Any

import torch

from o1exp.train.spec import TrainSpec

ADAPTER = "o1exp"
FRONT, BACK, BASE = f".lora_A.{ADAPTER}.weight", f".lora_B.{ADAPTER}.weight", ".base_layer."


def add_lora(model: Any, spec: TrainSpec) -> None:
    """Put an adapter beside every matrix of the layers and freeze everything else."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=spec.lora_rank, lora_alpha=spec.lora_alpha, lora_dropout=spec.lora_dropout, target_modules="all-linear", task_type="CAUSAL_LM"
    )  # fmt: skip
    torch.manual_seed(spec.seed)
    inject_adapter_in_model(config, model, adapter_name=ADAPTER)
    model.o1exp_lora_scale = spec.lora_alpha / spec.lora_rank


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
