"""The numbers of a causal language model that say what it costs: what it weighs, computes and keeps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Self

_NAMES = {
    "layers": "num_hidden_layers", "hidden": "hidden_size", "intermediate": "intermediate_size", "heads": "num_attention_heads",
    "vocabulary": "vocab_size",
}  # fmt: skip
"""What config.json calls them."""
_NOT_BUILT = ("num_experts", "num_local_experts", "n_routed_experts")
"""A model of experts computes with a part of its weights only."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A decoder of equal layers: attention with shared key-value heads, a gated MLP, two norms. Widths in numbers, not bytes.

    `tied`: the output layer is the embedding. `window`: the longest context in tokens (0: unknown). `counted`: its weights where they were
    counted; else they follow from the numbers, biases left out.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool
    window: int = 0
    counted: float = 0.0

    @property
    def layer(self) -> int:
        """Weights in the matrices of a layer."""
        attention = 2 * self.hidden * self.heads * self.head_size + 2 * self.hidden * self.kv_heads * self.head_size
        return attention + 3 * self.hidden * self.intermediate

    @property
    def embedding(self) -> int:
        """Weights of the embedding, and of the output layer."""
        return self.vocabulary * self.hidden

    @property
    def multiplied(self) -> float:
        """Weights that every token is multiplied with: all matrices but the embedding, which is only looked up; all, if only counted."""
        return self.layers * self.layer + self.embedding or self.counted

    @property
    def parameters(self) -> float:
        return self.counted or self.multiplied + (0 if self.tied else self.embedding) + (2 * self.layers + 1) * self.hidden

    def adapters(self, rank: int) -> int:
        """Weights of LoRA matrices beside every matrix of the layers."""
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        ends = 2 * (self.hidden + queries) + 2 * (self.hidden + keys) + 3 * (self.hidden + self.intermediate)
        return self.layers * rank * ends

    def cached(self, width: int) -> int:
        """Bytes that a token takes in a key-value cache of so many bytes a number."""
        return 2 * self.layers * self.kv_heads * self.head_size * width

    def flop(self, context: float, trained: float = 1.0) -> float:
        """Floating-point operations for a training token in a document of `context` tokens: 6 a weight, and 6 L n d s for attention.

        Where a share of the weights alone is `trained` (LoRA), the others need no gradient of their own: 4 a weight. What is computed
        again for want of memory counts once.
        """
        return (4 + 2 * trained) * self.multiplied + 6 * self.layers * self.heads * self.head_size * context

    @classmethod
    def unread(cls, parameters: float) -> Self:
        """A model of which nothing is known but its weights."""
        return cls(layers=0, hidden=0, intermediate=0, heads=0, kv_heads=0, head_size=0, vocabulary=0, tied=True, counted=parameters)

    @classmethod
    def of_config(cls, config: Mapping[str, Any], counted: float = 0.0) -> Self | None:
        """From a config.json; None where it lacks a number, or the model is built otherwise."""
        found = {name: config.get(key) for name, key in _NAMES.items()}
        if not all(isinstance(value, int) and value > 0 for value in found.values()) or any(config.get(name) for name in _NOT_BUILT):
            return None
        numbers: dict[str, int] = {name: int(value or 0) for name, value in found.items()}
        kv_heads, head_size = config.get("num_key_value_heads"), config.get("head_dim")
        return cls(
            **numbers, kv_heads=kv_heads or numbers["heads"], head_size=head_size or numbers["hidden"] // numbers["heads"],
            tied=bool(config.get("tie_word_embeddings", True)), counted=counted,
            window=positions(config.get("max_position_embeddings")) or 0,
        )  # fmt: skip


def positions(said: Any) -> int | None:
    """The tokens that a config's number of positions allows; None where it names none (XLNet writes -1 for no bound)."""
    return said if isinstance(said, int) and said > 0 else None


def of_folder(folder: Path) -> Architecture | None:
    """That of a model folder, its weights counted from the headers of its files; None where config.json does not say it."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return Architecture.of_config(config, sum(map(_weights, folder.glob("*.safetensors"))))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # said by whoever loads it
        return None


def _weights(file: Path) -> float:
    """The numbers in a safetensors file, by its header."""
    with file.open("rb") as read:
        size = int.from_bytes(read.read(8), "little")
        if size > file.stat().st_size:
            raise ValueError(f"{file} is no safetensors file")
        header = json.loads(read.read(size))
    return float(sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__"))
