"""A tiny config of any architecture: the fields that cost something made small by their names, with a word for families that need more."""

from dataclasses import fields
from typing import Any

from transformers import PreTrainedConfig

VOCABULARY = 264
SIZES: tuple[tuple[float, str], ...] = (
    (VOCABULARY, "vocab_size decoder_vocab_size vocab_size_per_layer_input pronunciation_vocab_size shape_vocab_size"),
    (
        32,
        "hidden_size d_model n_embd embedding_dim emb_dim embedding_size word_embed_proj_dim lru_width input_embedding_size "
        "output_embedding_size pronunciation_embed_dim shape_embed_dim",
    ),
    (
        48,
        "intermediate_size ffn_dim d_inner dff dim_ff decoder_ffn_dim encoder_ffn_dim ffn_hidden_size feed_forward_size "
        "intermediate_size_mlp dense_intermediate_size expert_ffn_hidden_size moe_intermediate_size "
        "shared_expert_intermediate_size shared_experts_intermediate_size shared_intermediate_size "
        "moe_shared_expert_intermediate_size",
    ),
    (
        4,
        "num_attention_heads n_head n_heads num_heads decoder_attention_heads encoder_attention_heads attention_heads "
        "num_encoder_attention_heads num_decoder_attention_heads swa_num_attention_heads mamba_n_heads mamba_num_heads "
        "n_mamba_heads linear_num_heads linear_num_value_heads num_experts num_local_experts n_routed_experts moe_num_experts "
        "zero_expert_num qk_rope_head_dim rotary_dim d_rel",
    ),
    (
        2,
        "num_key_value_heads swa_num_key_value_heads kv_n_heads linear_num_key_heads index_n_heads indexer_n_heads "
        "indexer_kv_heads n_groups mamba_n_groups mamba_ngroups num_global_key_value_heads num_hidden_layers n_layer n_layers "
        "num_layers decoder_layers encoder_layers num_encoder_layers num_decoder_layers num_blocks num_layers_per_stack "
        "num_experts_per_tok num_experts_per_token moe_topk moe_top_k moe_k top_k_experts pad_token_id",
    ),
    (
        8,
        "head_dim swa_head_dim global_head_dim dim_head d_head kv_channels attention_head_size qk_nope_head_dim v_head_dim "
        "index_head_dim indexer_head_dim linear_key_head_dim linear_value_head_dim linear_head_dim kv_lora_rank o_lora_rank "
        "hidden_size_per_layer_input laurel_rank adapter_rank gated_norm_rank hc_lowrank sliding_window attention_window_size "
        "local_attention window_size attention_chunk_size sliding_window_size keep_window_size index_topk indexer_budget "
        "mamba_chunk_size chunk_size index_block_size",
    ),
    (
        1,
        "n_group topk_group num_expert_group n_shared_experts num_shared_experts moe_num_shared_experts first_k_dense_replace "
        "num_dense_layers moe_layer_start_index moe_layer_end_index eos_token_id",
    ),
    (0, "num_nextn_predict_layers num_kv_shared_layers bos_token_id decoder_start_token_id"),
    (128, "max_position_embeddings n_positions n_ctx max_seq_len context_length model_max_length max_target_positions"),
    (
        16,
        "mamba_d_state state_size ssm_state_size q_lora_rank mamba_dt_rank time_step_rank rel_extent mamba_d_head "
        "mamba_head_dim",
    ),
    (64, "mamba_d_ssm"),
    (2.0, "final_logit_softcapping attn_logit_softcapping logits_soft_cap output_logit_soft_cap"),
    (
        0.5,
        "residual_multiplier lm_head_multiplier key_multiplier attention_in_multiplier attention_out_multiplier "
        "ssm_in_multiplier ssm_out_multiplier attention_multiplier",
    ),
    (3.0, "embedding_multiplier logits_scaling"),
)  # fmt: skip
"""What fields are worth in a tiny model, and scales and caps that are seen in the loss; what is None by default stays None."""
SMALL = {name: value for value, names in SIZES for name in names.split()}
ROTARY = {"rope_type": "default", "rope_theta": 1e4}

FAMILY: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1]},
    "blt": {"encoder_hash_byte_group_vocab": 64},
    "cohere_compass_text": {"rope_parameters": dict.fromkeys(("full_attention", "sliding_attention"), ROTARY)},
    "dbrx": {"attn_config": {"rope_theta": 1e4, "clip_qkv": 8.0}},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "dots3_note_text": {"num_key_value_heads": 4},
    "dots3_note_vision_encoder": {"adapter_in_dim": 32, "adapter_out_dim": 32, "mlp_layer_types": ["dense", "sparse"]},
    "dots3_note_audio_encoder": {"adapter_input_size": 32, "adapter_out_dim": 32},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "hrm_text": {"num_layers_per_stack": None},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "longcat_flash": {"head_dim": 4},
    "mamba2": {"head_dim": 16},
    "ministral": {"head_dim": 8},
    "nemotron": {"head_dim": 8, "num_key_value_heads": 2},
    "qwen4_exp_text": {
        "indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 8, "indexer_budget": 8, "indexer_compress_ratio": 2,
    },
    "recurrent_gemma": {"num_hidden_layers": 3},
    "reformer": {"is_decoder": True, "axial_pos_shape": [8, 16], "axial_pos_embds_dim": [16, 16]},
    "rwkv": {"attention_hidden_size": 32},
    "xlstm": {"hidden_size": 64, "embedding_dim": 64, "qk_dim_factor": 1.0},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"num_hidden_layers": 4, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zamba2": {"num_hidden_layers": 4, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zaya": {"num_experts_per_tok": 1},
}  # fmt: skip
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
        value = vars(usual).get(each)
        if isinstance(value, PreTrainedConfig):
            made[each] = {**settings(type(value), value, value.model_type or each), **own.get(each, {})}
        elif value is None:
            continue
        elif each in ("num_hidden_layers", "n_layer", "n_layers", "num_layers"):
            made[each] = depth
        elif each == "num_key_value_heads" and "kv_lora_rank" in names:
            made[each] = SMALL["num_attention_heads"]
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
    return {**made, **{each: value for each, value in own.items() if not isinstance(vars(usual).get(each), PreTrainedConfig)}}


def _listed(usual: Any, name: str) -> list[str]:
    value = vars(usual).get(name)
    return value if isinstance(value, list) else []


def _few(kinds: list[str], count: int) -> list[str]:
    """Each kind once, in order, the last again up to `count`."""
    once = list(dict.fromkeys(kinds))
    return [*once, *[once[-1]] * count][:count]
