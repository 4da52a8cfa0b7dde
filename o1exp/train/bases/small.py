"""A small Qwen2 with random weights and a tokenizer of single bytes: a student for the world of generated sums."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from o1exp.flow import Above, AtLeast, Checkpoint, Expect, Role, Stage, Work
from o1exp.flow.architecture import Architecture
from o1exp.flow.library import transformers
from o1exp.train.bases.numbers import described

if TYPE_CHECKING:
    from transformers import Qwen2Tokenizer

PAD, START, END, USER, ASSISTANT = SPECIALS = ("<|pad|>", "<|start|>", "<|end|>", "<|user|>", "<|assistant|>")
MODEL_TYPE = "qwen2"
BYTES = 256
VOCABULARY = len(SPECIALS) + BYTES
STOPS = {"pad_token_id": SPECIALS.index(PAD), "bos_token_id": SPECIALS.index(START), "eos_token_id": SPECIALS.index(END)}

TEMPLATE = (
    "<|start|>"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistant|>{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}"
    "{% else %}"
    "<|user|>{{ message['content'] }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Chat markup with generation marks, so that what the assistant writes, its end token included, is what the loss is taken over."""


@dataclass(frozen=True, kw_only=True)
class Untrained(Stage[Checkpoint]):
    """Make a Qwen2-architecture model from scratch: random weights by `seed`, a byte tokenizer, a chat template.

    It is an ordinary model folder, loaded by the same calls as any other.
    """

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "base"
    does: ClassVar[str] = "a model from scratch, random weights"

    renamed: ClassVar[Mapping[str, str]] = {
        "positions": "max_position_embeddings", "num_hidden_layers": "layers", "hidden_size": "hidden", "num_attention_heads": "heads",
        "num_key_value_heads": "kv_heads", "intermediate_size": "intermediate",
    }  # fmt: skip

    layers: Annotated[int, AtLeast(1)] = 4
    """Transformer blocks."""
    hidden: Annotated[int, AtLeast(4)] = 96
    """Width of the residual stream."""
    heads: Annotated[int, AtLeast(1)] = 4
    """Attention heads of a layer."""
    kv_heads: Annotated[int, AtLeast(1)] = 4
    """Key-value heads of a layer; fewer than `heads`: shared among them."""
    intermediate: Annotated[int, AtLeast(4)] = 256
    """Width of the feed-forward part of a layer."""
    max_position_embeddings: Annotated[int, AtLeast(16)] = 1024
    """The longest context in tokens, which are bytes here."""
    initializer_range: Annotated[float, Above(0)] = 0.1
    """Standard deviation of the random matrices. Larger models take 0.02; at this width they learn far faster from 1/sqrt(hidden)."""
    seed: Annotated[int, AtLeast(0)] = 0
    """Decides the random weights."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.hidden % (2 * self.heads):
            yield "hidden", f"{self.hidden} must be an even multiple of heads={self.heads}: rotary positions turn pairs of numbers"
        if self.heads % self.kv_heads:
            yield "kv_heads", f"{self.kv_heads} must divide heads={self.heads}"

    @property
    def tokenizer(self) -> "ByteTokenizer":
        """Its tokenizer alone, which it shares with the models of other sizes and seeds: token ids are made once for all of them."""
        return ByteTokenizer(max_position_embeddings=self.max_position_embeddings)

    def make(self, work: Work) -> None:
        folder = work.folder / "model"
        tokenizer(self.max_position_embeddings).save_pretrained(folder)
        _save(self, folder)
        work.note(parameters=self.parameters)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        model = Architecture(
            layers=self.layers, hidden=self.hidden, intermediate=self.intermediate, heads=self.heads, kv_heads=self.kv_heads,
            head_size=self.hidden // self.heads, vocabulary=VOCABULARY, tied=True, window=self.max_position_embeddings,
            counted=self.parameters,
        )  # fmt: skip
        details = (described("Qwen2 with random weights", model, model.parameters),)
        return Expect(parameters=model.parameters, model=model, details=details, disk_gb=4 * model.parameters / 1e9)

    @property
    def parameters(self) -> int:
        """Weights of the model; the output layer shares the embedding's."""
        narrow = self.hidden // self.heads * self.kv_heads
        attention = 2 * self.hidden * self.hidden + self.hidden + 2 * (self.hidden * narrow + narrow)
        layer = attention + 3 * self.hidden * self.intermediate + 2 * self.hidden
        return VOCABULARY * self.hidden + self.layers * layer + self.hidden


@dataclass(frozen=True, kw_only=True)
class ByteTokenizer(Stage[Checkpoint]):
    """Write what reads and writes the texts of a model from scratch: its tokenizer, template and end token, and no weights."""

    role: ClassVar[Role] = "encoding"
    does: ClassVar[str] = "a tokenizer of single bytes"

    max_position_embeddings: Annotated[int, AtLeast(16)] = 1024
    """The longest context in tokens, which are bytes."""

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect()

    def make(self, work: Work) -> None:
        folder = work.folder / "model"
        tokenizer(self.max_position_embeddings).save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps({"model_type": MODEL_TYPE}, indent=2) + "\n", encoding="utf-8")
        _save_stops(folder)


def tokenizer(positions: int) -> "Qwen2Tokenizer":
    """One token for each byte, after the special tokens: one per ASCII character, and no text that it cannot write.

    It adds no token of its own; the template writes them. AutoTokenizer reads any tokenizer of this architecture as Qwen2Tokenizer, which
    works on bytes: so it is one.
    """
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    assert len(alphabet) == BYTES
    vocabulary = {token: number for number, token in enumerate([*SPECIALS, *alphabet])}
    return transformers("Qwen2Tokenizer")(
        vocab=vocabulary, merges=[], unk_token=PAD, pad_token=PAD, bos_token=START, eos_token=END,
        additional_special_tokens=[USER, ASSISTANT], chat_template=TEMPLATE, model_max_length=positions, padding_side="left",
    )  # fmt: skip


def _config(model: Untrained) -> dict[str, Any]:
    """config.json, as transformers writes and reads it."""
    return {
        "architectures": ["Qwen2ForCausalLM"], "model_type": MODEL_TYPE, "dtype": "float32", "vocab_size": VOCABULARY,
        "hidden_size": model.hidden, "intermediate_size": model.intermediate, "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads, "num_key_value_heads": model.kv_heads, "hidden_act": "silu", "rms_norm_eps": 1e-6,
        "max_position_embeddings": model.max_position_embeddings, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "attention_dropout": 0.0, "use_sliding_window": False, "tie_word_embeddings": True, "initializer_range": model.initializer_range,
        **STOPS,
    }  # fmt: skip


def _shapes(model: Untrained) -> dict[str, tuple[int, ...]]:
    """The weights of a Qwen2 by name; its output layer is the embedding, so it is stored once."""
    hidden, narrow = model.hidden, model.hidden // model.heads * model.kv_heads
    layer: dict[str, tuple[int, ...]] = {
        "input_layernorm.weight": (hidden,), "post_attention_layernorm.weight": (hidden,), "self_attn.o_proj.weight": (hidden, hidden),
        **{f"self_attn.{name}_proj.weight": (width, hidden) for name, width in (("q", hidden), ("k", narrow), ("v", narrow))},
        **{f"self_attn.{name}_proj.bias": (width,) for name, width in (("q", hidden), ("k", narrow), ("v", narrow))},
        **{f"mlp.{name}_proj.weight": (model.intermediate, hidden) for name in ("gate", "up")},
        "mlp.down_proj.weight": (hidden, model.intermediate),
    }  # fmt: skip
    layers = {f"model.layers.{number}.{name}": shape for number in range(model.layers) for name, shape in layer.items()}
    return {"model.embed_tokens.weight": (VOCABULARY, hidden), "model.norm.weight": (hidden,), **layers}


def _save(model: Untrained, folder: Path) -> None:
    """Initialise as the Qwen2 reference does: normal matrices, zero biases, unit norms.

    Without torch, which this process would have to import for it.
    """
    import numpy as np
    from safetensors.numpy import save_file

    random = np.random.default_rng(model.seed)
    weights = {
        name: random.normal(0.0, model.initializer_range, shape).astype(np.float32) if len(shape) == 2
        else np.full(shape, 0.0 if name.endswith("bias") else 1.0, np.float32)
        for name, shape in sorted(_shapes(model).items())
    }  # fmt: skip
    assert sum(weight.size for weight in weights.values()) == model.parameters
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_config(model), indent=2) + "\n", encoding="utf-8")
    _save_stops(folder)


def _save_stops(folder: Path) -> None:
    (folder / "generation_config.json").write_text(json.dumps(STOPS, indent=2) + "\n", encoding="utf-8")
