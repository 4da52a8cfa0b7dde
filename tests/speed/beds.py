"""What training is measured on: a Qwen2 with random weights and random documents whose lengths have a heavy tail."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from o1exp.train.data.encode import Encoded, Ints

LONGEST = 1024
"""Tokens of the longest document, of a pack, and of an optimizer step."""


@dataclass(frozen=True)
class Bed:
    """A folder with `model/` (weights and tokenizer) and `data/` (token ids)."""

    folder: Path
    vocabulary: int

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def data(self) -> Path:
        return self.folder / "data"


def heavy_tailed(count: int) -> Ints:
    """Lengths with a median of 200 tokens, a tenth above 700: drawn from a log-normal distribution and clipped."""
    drawn = np.exp(np.random.default_rng(0).normal(np.log(200), 1.0, count))
    return np.clip(drawn, 24, LONGEST).astype(np.int64)


def even(count: int) -> Ints:
    """Lengths of which exactly eight fit into a pack of LONGEST tokens, whichever they are."""
    return np.random.default_rng(0).integers(LONGEST // 9 + 1, LONGEST // 8 + 1, count)


def bed(folder: Path, vocabulary: int, lengths: Ints) -> Bed:
    """A model of 8.2 M parameters and an embedding of `vocabulary` x 384, and documents of these lengths; a quarter of each is prompt."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from o1exp.train.bases.small import tokenizer

    made = Bed(folder, vocabulary)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=vocabulary, hidden_size=384, intermediate_size=1024, num_hidden_layers=5, num_attention_heads=6, num_key_value_heads=2,
        max_position_embeddings=2 * LONGEST, tie_word_embeddings=True, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(made.model)
    tokenizer(2 * LONGEST).save_pretrained(made.model)
    rows = np.arange(len(lengths))
    ids = np.random.default_rng(1).integers(5, vocabulary, int(lengths.sum())).astype(np.int32)
    made.data.mkdir(parents=True)
    starts, roles = np.concatenate([[0], np.cumsum(lengths)]), np.zeros(len(lengths), dtype=np.int8)
    Encoded(ids, starts, lengths // 4, rows, problems=rows, units=rows, roles=roles, lengths_seen=lengths).save(made.data)
    return made
