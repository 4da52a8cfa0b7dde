"""What training on a GPU is measured on: Qwen2 models of real sizes with random weights, and documents as long as long thoughts are."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from o1exp.train.data.encode import Encoded, Ints

WORDS = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
SHAPES: dict[str, dict[str, int]] = {
    size: dict(zip(WORDS, numbers, strict=True))
    for size, numbers in {
        "tiny": (64, 128, 4, 4, 2, 512), "0.5B": (896, 4864, 24, 14, 2, 151936), "1.5B": (1536, 8960, 28, 12, 2, 151936),
        "7B": (3584, 18944, 28, 28, 4, 152064),
    }.items()
}  # fmt: skip
"""Those of Qwen2.5."""


def lengths(count: int, pack: int) -> Ints:
    """Log-normal with a median of a fifth of a pack, clipped to a pack."""
    drawn = np.exp(np.random.default_rng(0).normal(np.log(pack * 0.21), 0.75, count))
    return np.clip(drawn, 16, pack).astype(np.int64)


def model_bed(folder: Path, size: str) -> Path:
    """Weights and tokenizer of one size, made once."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from o1exp.train.bases.small import tokenizer

    there = folder / size
    if (there / "tokenizer_config.json").exists():
        return there
    torch.manual_seed(0)
    known: dict[str, Any] = {**SHAPES[size], "rope_theta": 1000000.0, "tie_word_embeddings": size != "7B"}
    config = Qwen2Config(**known, max_position_embeddings=32768, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.to("cpu").save_pretrained(there)
    tokenizer(32768).save_pretrained(there)
    return there


def data_bed(folder: Path, size: str, pack: int, tokens: int) -> Path:
    """Random token ids of documents; the first 150 tokens of each are prompt."""
    there = folder / f"{size}-{pack}"
    if (there / "done").exists():
        return there
    there.mkdir(parents=True, exist_ok=True)
    drawn = lengths(4 * tokens // int(pack * 0.21), pack)
    drawn = drawn[np.cumsum(drawn) <= tokens]
    rows = np.arange(len(drawn))
    ids = np.random.default_rng(1).integers(5, SHAPES[size]["vocab_size"], int(drawn.sum())).astype(np.int32)
    starts, roles = np.concatenate([[0], np.cumsum(drawn)]), np.zeros(len(drawn), dtype=np.int8)
    prompts = np.minimum(150, drawn // 2)
    Encoded(ids, starts, prompts, rows, problems=rows, units=rows, roles=roles, lengths_seen=drawn).save(there)
    (there / "done").touch()
    return there


def flop_per_token(size: str, data: Encoded, trained: bool = True) -> float:
    """Model FLOP a token: 6 a weight in the layers and a label's in the output layer, 12 a width and visible token in attention.

    Without `trained` weights (LoRA) nothing is computed for them: 4 instead of 6. Nothing counts that is computed twice.
    """
    shape = SHAPES[size]
    hidden, narrow = shape["hidden_size"], shape["hidden_size"] * shape["num_key_value_heads"] // shape["num_attention_heads"]
    layer = 2 * hidden * hidden + 2 * hidden * narrow + 3 * hidden * shape["intermediate_size"]
    seen = float((data.lengths.astype(float) ** 2).sum() / 2 / data.lengths.sum())
    labels, passes = float(data.labels.sum() / data.lengths.sum()), 6 if trained else 4
    layers = shape["num_hidden_layers"]
    return float(passes * (layers * layer + labels * shape["vocab_size"] * hidden) + 6 * layers * 2 * hidden * seen)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        model_bed(Path(sys.argv[1]), name)
