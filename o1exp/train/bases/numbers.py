"""What the plan must know of a model that is not read: the numbers of its config.json, as settings that are no part of a key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from o1exp.flow import AtLeast, Settings, how
from o1exp.flow.architecture import Architecture

UNKNOWN = (
    "unknown: give model.layers=..., hidden, intermediate, heads, kv_heads, vocabulary and tied_embeddings as its config.json has them, "
    "or a model folder"
)


@dataclass(frozen=True, kw_only=True)
class ModelNumbers(Settings):
    """The size of a model, for memory, time and disk in the plan."""

    renamed: ClassVar[Mapping[str, str]] = {
        "num_hidden_layers": "layers", "hidden_size": "hidden", "intermediate_size": "intermediate", "num_attention_heads": "heads",
        "num_key_value_heads": "kv_heads", "head_dim": "head_size", "vocab_size": "vocabulary", "tie_word_embeddings": "tied_embeddings",
        "max_position_embeddings": "window",
    }  # fmt: skip

    parameters: Annotated[float, AtLeast(0)] = how(0.0)
    """Weights of the model, for the plan (72.7e9 for the paper's); 0: as the numbers below come to."""
    layers: Annotated[int, AtLeast(0)] = how(0)
    """Transformer blocks, for the plan; 0: the numbers are unknown, or those of the folder's config.json."""
    hidden: Annotated[int, AtLeast(0)] = how(0)
    """Width of the residual stream, for the plan."""
    intermediate: Annotated[int, AtLeast(0)] = how(0)
    """Width of the feed-forward part of a layer, for the plan."""
    heads: Annotated[int, AtLeast(0)] = how(0)
    """Attention heads of a layer, for the plan."""
    kv_heads: Annotated[int, AtLeast(0)] = how(0)
    """Key-value heads of a layer, for the plan; 0: as many as `heads`."""
    head_size: Annotated[int, AtLeast(0)] = how(0)
    """Width of a head, for the plan; 0: hidden / heads."""
    vocabulary: Annotated[int, AtLeast(0)] = how(0)
    """Rows of the embedding, for the plan."""
    tied_embeddings: bool = how(False)
    """Is the output layer the embedding?"""
    window: Annotated[int, AtLeast(0)] = how(0)
    """The longest context in tokens, for the plan; 0: unknown."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        needed = {name: getattr(self, name) for name in ("layers", "hidden", "intermediate", "heads", "vocabulary")}
        if any(needed.values()) and (missing := [name for name, value in needed.items() if not value]):
            yield missing[0], f"is not given, but other numbers of the model are; give {', '.join(missing)} too, or none"
        if self.heads and not self.head_size and self.hidden % self.heads:
            yield "heads", f"{self.heads} does not divide hidden={self.hidden}; give head_size"

    @property
    def architecture(self) -> Architecture | None:
        """None where the numbers are not given."""
        if not self.layers:
            return None
        return Architecture(
            layers=self.layers, hidden=self.hidden, intermediate=self.intermediate, heads=self.heads, kv_heads=self.kv_heads or self.heads,
            head_size=self.head_size or self.hidden // self.heads, vocabulary=self.vocabulary, tied=self.tied_embeddings,
            window=self.window, counted=self.parameters,
        )  # fmt: skip


def described(name: str, model: Architecture | None, parameters: float) -> tuple[str, str]:
    """A line of the plan that names the model."""
    if model is None:
        known = f"{amount(parameters)} parameters, the rest is " if parameters else ""
        return "model", f"{name}: {known}{UNKNOWN}"
    window = f", window {model.window:,} tokens" if model.window else ""
    return "model", f"{name}: {amount(model.parameters)} parameters, {model.layers} layers of width {model.hidden:,}{window}"


def amount(parameters: float) -> str:
    """72.7 billion, 360,000."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if parameters >= size:
            return f"{parameters / size:.3g} {word}"
    return f"{parameters:,.0f}"
