"""The trained model as a plain Hugging Face folder that anything loads."""

from pathlib import Path
from typing import Any

import torch

from o1exp.train.worker.lora import merged


def export(model: Any, weights: dict[str, torch.Tensor], tokenizer: Any, folder: Path) -> None:
    """Write weights (safetensors), config, generation config, tokenizer and template, LoRA merged into the weights.

    The weights are those of the last (or best) step, in the precision they were trained in.
    """
    config = model.generation_config
    stops = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    if tokenizer.eos_token_id not in stops:
        # Generation stops where the responses that were learned end.
        config.eos_token_id = [tokenizer.eos_token_id, *(stop for stop in stops if stop is not None)]
    model.save_pretrained(folder, state_dict=merged(model, weights))
    tokenizer.save_pretrained(folder)
