"""A tiny config of any architecture: the fields that cost something made small by their names, with a word for families that need more."""

from dataclasses import fields
from typing import Any

VOCABULARY = 264
SMALL: dict[str, int] = {
    **dict.fromkeys(("vocab_size", "decoder_vocab_size", "vocab_size_per_layer_input", "pronunciation_vocab_size", "shape_vocab_size"), VOCABULARY),
    **dict.fromkeys(
        ("hidden_size", "d_model", "n_embd", "embedding_dim", "emb_dim", "embedding_size", "word_embed_proj_dim", "lru_width", "input_embedding_size",
         "output_embedding_size", "attention_hidden_size", "pronunciation_embed_dim", "shape_embed_dim"), 32
    ),
    **dict.fromkeys(
        ("intermediate_size", "ffn_dim", "d_inner", "dff", "dim_ff", "decoder_ffn_dim", "encoder_ffn_dim", "ffn_hidden_size", "feed_forward_size",
         "intermediate_size_mlp", "dense_intermediate_size", "expert_ffn_hidden_size", "moe_intermediate_size", "shared_expert_intermediate_size",
         "shared_experts_intermediate_size", "shared_intermediate_size", "moe_shared_expert_intermediate_size"), 48
    ),
    **dict.fromkeys(
        ("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads", "encoder_attention_heads", "attention_heads",
         "num_encoder_attention_heads", "num_decoder_attention_heads", "swa_num_attention_heads", "mamba_n_heads", "mamba_num_heads",
         "n_mamba_heads", "linear_num_heads", "linear_num_value_heads"), 4
    ),
    **dict.fromkeys(
        ("num_key_value_heads", "swa_num_key_value_heads", "kv_n_heads", "linear_num_key_heads", "index_n_heads", "indexer_n_heads",
         "indexer_kv_heads", "n_groups", "mamba_n_groups", "mamba_ngroups", "num_global_key_value_heads"), 2
    ),
    **dict.fromkeys(
        ("head_dim", "swa_head_dim", "global_head_dim", "dim_head", "d_head", "kv_channels", "attention_head_size", "qk_nope_head_dim", "v_head_dim",
         "index_head_dim", "indexer_head_dim", "linear_key_head_dim", "linear_value_head_dim", "linear_head_dim", "kv_lora_rank",
         "o_lora_rank", "hidden_size_per_layer_input", "laurel_rank", "adapter_rank", "gated_norm_rank", "hc_lowrank"), 8
    ),
    **dict.fromkeys(
        ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "encoder_layers", "num_encoder_layers", "num_decoder_layers",
         "num_blocks", "num_layers_per_stack"), 2
    ),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "zero_expert_num"), 4),
    **dict.fromkeys(("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "moe_k", "top_k_experts"), 2),
    **dict.fromkeys(
        ("n_group", "topk_group", "num_expert_group", "n_shared_experts", "num_shared_experts", "moe_num_shared_experts",
         "first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"), 1
    ),
    "moe_layer_end_index": 1, "num_nextn_predict_layers": 0, "num_kv_shared_layers": 0,
    **dict.fromkeys(
        ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "context_length", "model_max_length", "max_target_positions"), 128
    ),
    **dict.fromkeys(
        ("sliding_window", "attention_window_size", "local_attention", "window_size", "attention_chunk_size", "sliding_window_size", "keep_window_size",
         "index_topk", "indexer_budget", "mamba_chunk_size", "chunk_size", "index_block_size"), 8
    ),
    **dict.fromkeys(("qk_rope_head_dim", "rotary_dim", "d_rel"), 4),
    **dict.fromkeys(("mamba_d_state", "state_size", "ssm_state_size", "q_lora_rank", "mamba_dt_rank", "time_step_rank", "rel_extent"), 16),
    **dict.fromkeys(("mamba_d_head", "mamba_head_dim"), 16), "mamba_d_ssm": 64,
    "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "decoder_start_token_id": 0,
}  # fmt: skip
"""What a field is worth in a tiny model; a field that is None by default stays None, except where it is listed in a family."""

FAMILY: dict[str, dict[str, Any]] = {}
"""What a family needs besides."""


def tiny(name: str, kind: type[Any]) -> Any:
    """A config of this class, small enough to train in a second; `name` is the model type by which it is registered."""
    return kind(**settings(kind, kind(), name))


def settings(kind: type[Any], usual: Any, name: str) -> dict[str, Any]:
    """The arguments that make a small one of `usual`, the config with its own defaults."""
    own = FAMILY.get(name, {})
    names = {field.name for field in fields(kind)}
    made: dict[str, Any] = {}
    depth = max([2, *(len(set(_listed(usual, each))) for each in names if each.endswith("layer_types") or each == "layers_block_type")])
    for each in sorted(names):
        value = getattr(usual, each, None)
        if each in kind.sub_configs:
            if value is not None:
                inner = own.get(each, {})
                made[each] = {**settings(type(value), value, value.model_type or each), **inner}
        elif value is None:
            continue
        elif each in ("num_hidden_layers", "n_layer", "n_layers", "num_layers"):
            made[each] = depth
        elif each in SMALL:
            made[each] = SMALL[each]
        elif isinstance(value, float) and ("drop" in each or "jitter" in each):
            made[each] = 0.0
        elif isinstance(value, int) and each.endswith(("_token_id", "_token_index")):
            made[each] = VOCABULARY - 1 - sum(map(ord, each)) % 14
        elif isinstance(value, list) and (each.endswith("layer_types") or each == "layers_block_type"):
            made[each] = _few(value, depth)
        elif isinstance(value, list) and len(value) == getattr(usual, "num_hidden_layers", None):
            made[each] = value[:depth]
    return {**made, **{each: value for each, value in own.items() if each not in kind.sub_configs}}


def _listed(usual: Any, name: str) -> list[str]:
    value = getattr(usual, name, None)
    return value if isinstance(value, list) else []


def _few(kinds: list[str], count: int) -> list[str]:
    """Each kind once, in order, the last again up to `count`."""
    once = list(dict.fromkeys(kinds))
    return [*once, *[once[-1]] * count][:count]
