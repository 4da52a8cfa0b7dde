"""Tiny models of random weights of several architectures, with the tokenizer of the small base."""

import copy
import shutil
from pathlib import Path
from typing import Any

from o1exp.flow import Store
from o1exp.train.bases.pretrained import Pretrained
from o1exp.train.sft import Sft
from tests.train.parts import SMALL, Sums

PLAIN: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "vocab_size": 261,
}  # fmt: skip
GROUPED = {**PLAIN, "num_key_value_heads": 2}
EXPERTS = {**GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2}
LONG = {
    "rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 32, "factor": 8.0, "short_factor": [1.0] * 4,
    "long_factor": [1.5, 2.0, 4.0, 8.0],
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "mistral": {**GROUPED, "sliding_window": 20},
    "gemma2": {**GROUPED, "head_dim": 8, "sliding_window": 20, "final_logit_softcapping": 2.0},
    "gpt_oss": {**EXPERTS, "head_dim": 8, "sliding_window": 20},
    "mixtral": {**EXPERTS, "output_router_logits": True},
    "granite": {**GROUPED, "logits_scaling": 6.0, "embedding_multiplier": 12.0},
    "cohere": {**GROUPED, "logit_scale": 0.0625},
    "phi3": {**GROUPED, "max_position_embeddings": 512, "original_max_position_embeddings": 32, "rope_parameters": LONG},
    "bloom": {"vocab_size": 261, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "mamba": {"vocab_size": 261, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
    "lfm2": {**GROUPED, "layer_types": ["conv", "full_attention"]},
    "falcon": {"vocab_size": 261, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
    "stablelm": GROUPED,
    "falcon_h1": {
        **GROUPED,
        "mamba_d_ssm": 64,
        "mamba_n_heads": 8,
        "mamba_d_head": 8,
        "mamba_d_state": 8,
        "mamba_n_groups": 1,
        "mamba_chunk_size": 16,
        "lm_head_multiplier": 0.3,
    },
    "opt": {
        **PLAIN,
        "ffn_dim": 64,
        "word_embed_proj_dim": 16,
        "max_position_embeddings": 128,
        "dropout": 0.0,
    },
    "mpt": {"vocab_size": 261, "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 32},
    "bert": {**PLAIN, "is_decoder": False},
}


def built(name: str, **changes: Any) -> Any:
    """The same weights at each call."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **copy.deepcopy({**CONFIGS[name], **changes}))).eval()


def trained_from(name: str, root: Path) -> tuple[Sft, Store]:
    """SMALL for three steps on sums, from a folder with such a model, and a store to make it in."""
    store, folder = Store(root / "out"), root / name
    base = store.get(SMALL.start)
    shutil.copytree(base.source, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    built(name).save_pretrained(folder)
    return SMALL.replace(start=Pretrained(path=str(folder)), data=Sums(count=30), max_steps=3, epochs=1), store
