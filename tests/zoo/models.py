"""Tiny models of all causal architectures, in folders as users have them: random weights, config, and a tokenizer whose words are ids."""

from pathlib import Path
from typing import Any

from tests.zoo.shrink import VOCABULARY, tiny

END = 1
SPECIAL = {1: "<end>", 2: "<pad>", 3: "<unk>"}


def architectures() -> dict[str, str]:
    """The class of each model type that transformers registers as a causal model."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return dict(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def save_model(name: str, folder: Path, **changes: Any) -> Any:
    """Write the tiny model of this model type, and return it."""
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = tiny(name, CONFIG_MAPPING[name])
    for field, value in changes.items():
        setattr(config, field, value)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    scatter(model)
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=END, pad_token_id=2)
    model.save_pretrained(folder)
    return model


def scatter(model: Any) -> None:
    """Weights large enough that what one token says to another is seen in the loss, and no bias or norm that does nothing."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            drawn = torch.randn(parameter.shape)
            if parameter.dim() > 1:
                parameter.copy_(drawn * 0.8 / parameter.shape[-1] ** 0.5)
            else:
                parameter.add_(0.1 * drawn)


def words() -> Any:
    """A tokenizer whose word for an id is w and its number."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(WordLevel({SPECIAL.get(number, f"w{number}"): number for number in range(VOCABULARY)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<pad>", unk_token="<unk>")
