"""Tiny models of many kinds with random weights, which depend enough on their context to show a wrong one."""

from typing import Any

SIZES: dict[str, Any] = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "initializer_range": 0.4}
HEADS: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128}
LLAMA: dict[str, Any] = SIZES | HEADS
OLD: dict[str, Any] = {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.4}
KINDS: dict[str, dict[str, Any]] = {
    "qwen2": LLAMA,
    "llama": LLAMA,
    "mistral": LLAMA | {"sliding_window": 6},
    "gemma2": LLAMA | {"head_dim": 8, "sliding_window": 6, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 5.0},
    "gemma3_text": LLAMA | {"head_dim": 8, "sliding_window": 6},
    "gpt_oss": LLAMA | {"head_dim": 8, "sliding_window": 6, "num_local_experts": 4, "num_experts_per_tok": 2},
    "mixtral": LLAMA | {"num_local_experts": 4, "output_router_logits": True},
    "granite": LLAMA | {"logits_scaling": 3.0, "residual_multiplier": 0.5, "embedding_multiplier": 2.0},
    "cohere": LLAMA | {"logit_scale": 0.5},
    "falcon": SIZES | {"num_attention_heads": 4, "alibi": False, "new_decoder_architecture": False},
    "falcon alibi": SIZES | {"num_attention_heads": 4, "alibi": True, "new_decoder_architecture": False},
    "bloom": {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.4},
    "gpt2": OLD | {"n_positions": 128},
    "mpt": {"vocab_size": 97, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 128, "initializer_range": 0.4},
    "mamba": SIZES | {"state_size": 8},
    "mamba2": SIZES | {"state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 4},
    "jamba": LLAMA | {"mamba_d_state": 8, "attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2, "use_mamba_kernels": False},
    "rwkv": SIZES | {"attention_hidden_size": 32, "context_length": 128},
    "phi3": LLAMA | {"pad_token_id": 0},
    "opt": SIZES | {"ffn_dim": 48, "num_attention_heads": 4, "max_position_embeddings": 128, "word_embed_proj_dim": 32, "init_std": 0.4},
    "qwen3_next": LLAMA | {"head_dim": 8, "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8,
        "linear_value_head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16, "layer_types": ["linear_attention", "full_attention"]},
    "openai-gpt": OLD | {"n_positions": 128},
    "roberta": SIZES | HEADS | {"is_decoder": True},
    "bert": SIZES | HEADS | {"is_decoder": True},
    "ctrl": {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "dff": 48, "initializer_range": 0.4},
    "xlnet": {"vocab_size": 97, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48, "initializer_range": 0.4},
    "lfm2": LLAMA | {"layer_types": ["conv", "full_attention"]},
    "recurrent_gemma": LLAMA | {"attention_window_size": 6, "block_types": ["recurrent", "attention"]},
    "falcon_h1": LLAMA | {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_chunk_size": 4},
}  # fmt: skip
COMMON = {"qwen2", "mistral", "gemma2", "gpt_oss", "mixtral", "bloom", "gpt2", "mamba", "jamba"}
RARE = set(KINDS) - COMMON
"""Kinds that the slow tests look at."""


def tiny(kind: str, seed: int = 0, **fields: Any) -> Any:
    """A model of this kind."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    ends: dict[str, Any] = {"eos_token_id": None, "bos_token_id": None, "pad_token_id": None}
    config = AutoConfig.for_model(kind.split()[0], **{**ends, **KINDS[kind], **fields})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
