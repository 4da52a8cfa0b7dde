"""What comes and goes between versions of torch, transformers and DeepSpeed, asked for by what it does."""

from importlib.util import find_spec
from typing import Any

import torch


def checkpoint_layers(model: Any, how: dict[str, Any]) -> None:
    """Let every layer compute its activations again in the backward pass; `how` goes to torch's checkpoint."""
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable  # the name before 5.20
    enable(how)


def faster_flash() -> str:
    """Let torch's FlashAttention operators call a newer release where one is installed; its name, or "".

    FlashAttention 3 is for Hopper GPUs, 4 for Hopper and Blackwell; torch itself ships 2.
    """
    from torch.nn import attention

    activate = getattr(attention, "activate_flash_attention_impl", None)
    major = torch.cuda.get_device_capability()[0]
    for name, module, least in (("FA3", "flash_attn_interface", 9), ("FA4", "flash_attn.cute", 9)):
        if activate is None or major < least or (name == "FA3" and major > 9) or not _there(module):
            continue
        try:
            activate(name)
        except Exception:  # it is there, but not for this GPU, Python or torch; the one that ships with torch is
            continue
        return str(name)
    return ""


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
