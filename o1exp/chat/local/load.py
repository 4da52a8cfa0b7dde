"""Loading a model to write with."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from o1exp.chat.local.rows import CannotSample
from o1exp.flow.hub import look_for_hub


def load_model(name: str, revision: str | None, on_cpu: bool) -> Any:
    """fp32 on a CPU, else its own precision spread over the GPUs. Weights only as safetensors, never code from the folder.

    Errors: CannotSample where it cannot be loaded, or weights are missing, which would be drawn at random.
    """
    try:
        model, report = _loaded(name, revision, on_cpu)
    except torch.OutOfMemoryError:
        raise
    except Exception as why:  # config, weights and a model's code may fail in any way
        first = next(iter(str(why).strip().splitlines()), "") or type(why).__name__
        raise CannotSample(f"it cannot be loaded: {first}") from why
    if missing := sorted(report["missing_keys"]):
        raise CannotSample(f"it lacks the weights {', '.join(missing[:5])}, which would be drawn at random; mend the folder")
    return model.eval()


def _loaded(name: str, revision: str | None, on_cpu: bool) -> tuple[Any, dict[str, Any]]:
    look_for_hub(name)
    config = AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=False)
    text = config.get_text_config()
    for one in (config, text):
        if (getattr(one, "pad_token_id", None) or 0) >= text.vocab_size:
            one.pad_token_id = None  # nothing is padded with it, and an embedding would refuse it
    how: dict[str, Any] = {
        "revision": revision, "config": config, "dtype": torch.float32 if on_cpu else "auto", "device_map": None if on_cpu else "auto",
        "use_safetensors": True, "trust_remote_code": False, "output_loading_info": True,
    }  # fmt: skip
    try:
        found: tuple[Any, dict[str, Any]] = AutoModelForCausalLM.from_pretrained(name, attn_implementation="sdpa", **how)
    except ValueError as why:
        # Soft caps and sinks are not built in SDPA, and some models have no attention at all; their own formula is always there.
        if "scaled_dot_product_attention" not in str(why):
            raise
        found = AutoModelForCausalLM.from_pretrained(name, attn_implementation="eager", **how)
    return found
