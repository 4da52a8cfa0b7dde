"""Loading the model to train: any causal LM of transformers, with attention per document."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from o1exp.train import attention
from o1exp.train.encode import Encoded
from o1exp.train.preflight import check_head, check_window
from o1exp.train.spec import TrainSpec

_zero3_config: list[Any] = []
"""transformers looks for this object while it loads under ZeRO-3; it must stay referenced."""


def load_model(spec: TrainSpec, data: Encoded, config: dict[str, Any]) -> Any:
    """The model in the training's precision, ready for packed rows; under ZeRO-3 each rank holds its part from the start.

    Errors: Refused if model and data do not fit each other.
    """
    check_window(spec, data, AutoConfig.from_pretrained(spec.start, revision=spec.revision or None))
    if spec.zero_stage == 3:
        from transformers.integrations import HfDeepSpeedConfig

        _zero3_config.append(HfDeepSpeedConfig(config))
    model = AutoModelForCausalLM.from_pretrained(
        spec.start, revision=spec.revision or None, dtype=torch.bfloat16 if spec.precision == "bf16" else torch.float32,
        attn_implementation=attention.NAME, use_safetensors=True,
    )  # fmt: skip
    if spec.zero_stage < 3:
        check_head(spec, model)
    if spec.activation_checkpointing:
        checkpoint_activations(model)
    model.train()
    return model


def checkpoint_activations(model: Any) -> None:
    """Keep each layer's input only and compute the rest again in the backward pass."""
    model.activation_checkpointing_enable({"use_reentrant": False})
