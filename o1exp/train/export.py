"""The trained model as a plain Hugging Face folder that anything loads."""

from pathlib import Path
from typing import Any

import torch


def export(engine: Any, model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights (safetensors), config, generation config, tokenizer and template. Every rank calls it; rank 0 writes.

    The weights are those the last step left, in the precision they were trained in.
    """
    if engine.zero_optimization_partition_weights():
        whole = engine._zero3_consolidated_16bit_state_dict()
        weights = {name.removeprefix("model."): tensor for name, tensor in whole.items()} if whole else {}
    else:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    if torch.distributed.get_rank() == 0:
        model.save_pretrained(folder, state_dict=weights)
        tokenizer.save_pretrained(folder)
    torch.distributed.barrier()
