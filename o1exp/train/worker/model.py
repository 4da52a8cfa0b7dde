"""Loading the model to train: any causal LM of transformers."""

import math
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from o1exp.flow.hub import look_for_hub
from o1exp.train.data.encode import CannotTrain, Encoded
from o1exp.train.spec import TrainSpec
from o1exp.train.worker.accelerator import as_in_training
from o1exp.train.worker.fuse import chosen, fuse
from o1exp.train.worker.lora import add_lora, lean
from o1exp.train.worker.loss import teach_loss, teach_rows
from o1exp.train.worker.offload import Parking
from o1exp.train.worker.preflight import cannot, check_ties, check_weights, check_window, said
from o1exp.train.worker.recompute import checkpoint_activations
from o1exp.train.worker.rotary import based, shown
from o1exp.train.worker.rotary import bases as rotary_bases

_zero3_config: list[Any] = []
"""transformers looks for this object while it loads under ZeRO-3; it must stay referenced."""


def load_model(spec: TrainSpec, data: Encoded, config: dict[str, Any] | None) -> Any:
    """The model in the training's precision, ready for packed rows; under ZeRO-3 each rank holds its part from the start.

    `config` is DeepSpeed's. Errors: CannotTrain if model and data do not fit each other.
    """
    settings = model_config(spec)
    check_window(spec, data, text_config(spec, settings))
    partitioned = spec.splits_weights and config is not None
    if partitioned:
        from transformers.integrations import HfDeepSpeedConfig

        _zero3_config.append(HfDeepSpeedConfig(config))
    model, report = _read(spec, settings)
    check_weights(spec, report)
    check_ties(spec, model)
    if spec.accelerator == "gpu" and not partitioned and model.device.type == "cpu":
        model.to(torch.device("cuda", torch.cuda.current_device()))  # what is checked below is checked where it will run
    if spec.freeze_embeddings:
        model.get_input_embeddings().weight.requires_grad_(False)
    if spec.tuning == "lora":
        add_lora(model, spec, partitioned)
    if spec.accelerator == "gpu":
        with as_in_training(partitioned):
            hasten(spec, model, partitioned)
    teach_loss(model)
    teach_rows(model)
    if spec.activation_checkpointing:
        if not model.supports_gradient_checkpointing:
            raise CannotTrain(
                f"machine.activation_checkpointing=true: {spec.start} ({settings.model_type}) cannot compute its layers "
                "again; set it to false"
            )
        parking = Parking(model.device) if spec.offload_activations else None
        model.o1exp_parking = parking
        checkpoint_activations(model, parking)
    model.train()
    return model


def _read(spec: TrainSpec, settings: Any) -> tuple[Any, dict[str, Any]]:
    """The model with its own attention, and what of its folder was missing or left unread. Errors: CannotTrain where nobody can load it."""
    try:
        return AutoModelForCausalLM.from_pretrained(  # type: ignore[no-any-return]
            spec.start, revision=spec.revision or None, config=settings, use_safetensors=True, output_loading_info=True,
            dtype=torch.bfloat16 if spec.precision == "bf16" else torch.float32,
        )  # fmt: skip
    except torch.OutOfMemoryError:
        raise
    except Exception as problem:  # architectures differ in what they lack, and in what they say
        raise CannotTrain(cannot(spec, settings, problem)) from problem


def hasten(spec: TrainSpec, model: Any, partitioned: bool) -> None:
    """Swap what a GPU does faster otherwise, and say so in the log."""
    fused = [f"{kind} ({made.__name__[1:]})" for made in chosen(spec.kernels) for kind in fuse(model, made(), partitioned)]
    adapted = lean(model) if spec.tuning == "lora" and spec.kernels != "none" and not partitioned else 0
    print(f"fused: {', '.join(fused) or 'nothing'}; adapters in place: {adapted}", flush=True)


def text_config(spec: TrainSpec, config: Any) -> Any:
    """The part of a config that is about text; of most models all of it."""
    try:
        return config.get_text_config(decoder=True)
    except ValueError as problem:
        raise CannotTrain(cannot(spec, config, problem)) from problem


def model_config(spec: TrainSpec) -> Any:
    """The start's config, with the window and the RoPE base that the training asks for."""
    look_for_hub(spec.start)
    try:
        config = AutoConfig.from_pretrained(spec.start, revision=spec.revision or None)
    except (ValueError, KeyError, AttributeError, TypeError) as problem:
        raise CannotTrain(
            f"the config of {spec.start} cannot be read: {said(problem)}; start from a model that transformers knows"
        ) from problem
    if getattr(config, "is_encoder_decoder", False):
        raise CannotTrain(
            f"{spec.start} ({config.model_type}) is an encoder with a decoder, and o1exp trains causal language models; "
            "start from one of these"
        )
    text = text_config(spec, config)
    rotary = getattr(text, "rope_parameters", None)
    if spec.max_position_embeddings:
        if not rotary:
            raise CannotTrain(
                f"max_position_embeddings={spec.max_position_embeddings}: {spec.start} ({config.model_type}) has learned positions, or "
                "none, which do not widen; leave it 0, or start from a model with rotary positions"
            )
        text.max_position_embeddings = spec.max_position_embeddings
    if (getattr(text, "pad_token_id", None) or 0) >= getattr(text, "vocab_size", math.inf):
        text.pad_token_id = None  # the embedding would refuse it, and nothing is padded with a token here
    if spec.rope_theta:
        if not rotary_bases(rotary):
            own = f"several bases ({several})" if (several := shown(rotary)) else "no such setting"
            raise CannotTrain(f"rope_theta={spec.rope_theta:g}: {spec.start} ({config.model_type}) has {own}; leave it 0")
        text.rope_parameters = based(rotary, spec.rope_theta)
    return config
