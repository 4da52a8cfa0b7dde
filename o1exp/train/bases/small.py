"""A small Qwen2 with random weights and a tokenizer of single bytes: a student for the world of generated sums."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from o1exp.flow import Above, AtLeast, Checkpoint, Expect, Role, Stage, Work
from o1exp.flow.library import transformers

if TYPE_CHECKING:
    from transformers import Qwen2Config, Qwen2Tokenizer

PAD, START, END, USER, ASSISTANT = SPECIALS = ("<|pad|>", "<|start|>", "<|end|>", "<|user|>", "<|assistant|>")
BYTES = 256

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

    def make(self, work: Work) -> None:
        folder = work.folder / "model"
        tokenizer(self.max_position_embeddings).save_pretrained(folder)
        _save_weights(self, folder)
        work.note(parameters=self.parameters)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(parameters=self.parameters, disk_gb=4 * self.parameters / 1e9)

    @property
    def parameters(self) -> int:
        """Weights of the model; the output layer shares the embedding's."""
        narrow = self.hidden // self.heads * self.kv_heads
        attention = 2 * self.hidden * self.hidden + self.hidden + 2 * (self.hidden * narrow + narrow)
        layer = attention + 3 * self.hidden * self.intermediate + 2 * self.hidden
        return (len(SPECIALS) + BYTES) * self.hidden + self.layers * layer + self.hidden


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


def _config(model: Untrained) -> "Qwen2Config":
    return transformers("Qwen2Config")(
        vocab_size=len(SPECIALS) + BYTES, hidden_size=model.hidden, intermediate_size=model.intermediate,
        num_hidden_layers=model.layers, num_attention_heads=model.heads, num_key_value_heads=model.kv_heads,
        max_position_embeddings=model.max_position_embeddings, tie_word_embeddings=True, dtype="float32",
        initializer_range=model.initializer_range, architectures=["Qwen2ForCausalLM"],
        pad_token_id=SPECIALS.index(PAD), bos_token_id=SPECIALS.index(START), eos_token_id=SPECIALS.index(END),
    )  # fmt: skip


def _save_weights(settings: Untrained, folder: Path) -> None:
    from safetensors.torch import save_file

    config = _config(settings)
    model = transformers("Qwen2ForCausalLM")(config)
    _draw(model, settings.seed, config.initializer_range)
    assert sum(weight.numel() for weight in model.parameters()) == settings.parameters
    # The output layer is the embedding, so it is stored once.
    weights = {name: weight for name, weight in model.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(folder)
    special = {"pad_token_id": config.pad_token_id, "bos_token_id": config.bos_token_id, "eos_token_id": config.eos_token_id}
    transformers("GenerationConfig").from_dict(special).save_pretrained(folder)


def _draw(model: Any, seed: int, deviation: float) -> None:
    """Initialise as the Qwen2 reference does: normal matrices, zero biases, unit norms.

    The generator is our own: the global one belongs to every stage that is made at the same time.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if weight.dim() == 2:
                weight.normal_(0.0, deviation, generator=generator)
            else:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
