"""What a training and its encoded data count, for the manifest and from it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from o1exp.flow.manifest import Manifest

PREPARED, START, TOKENIZER = "prepared", "start", "tokenizer"
"""The edges from a training to the token ids it is fed, to the model that it starts from, and to whose tokenizer it has."""
BASES = ("Untrained", "Pretrained", "Gguf")
"""Stages of o1exp/train/bases/: nothing was trained in them, which is known by their name also where they were deleted."""


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """Numbers of a manifest; what an older one does not tell keeps its default."""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        return cls(**{f.name: facts[f.name] for f in dataclasses.fields(cls) if f.name in facts})

    def noted(self) -> dict[str, Any]:
        """As JSON values, without what is not known."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class TrainingFacts(_Facts):
    """A whole training: `rows` are the examples it used at least once, `tokens` those it saw, repeats included.

    Of the `examples`, so many were `dropped` or `cut` at max_length, with `tokens_lost`. `pairs`: a unit of its loss is a pair of answers.
    `packing` is how documents went through the model, `logits` whether they were computed in chunks or whole; `lora_left_out` names the
    layers' weights that have no adapter. `held_out` examples of `held_out_problems` were kept for validation, and `held_out_digest` tells
    which problems. Validation numbers are None without them; `exported_step` is the step whose weights were kept.
    """

    rows: int = 0
    examples: int = 0
    dropped: int = 0
    cut: int = 0
    tokens_lost: int = 0
    steps: int = 0
    tokens: int = 0
    label_tokens: int = 0
    epochs_done: float = 0.0
    held_out: int = 0
    held_out_problems: int = 0
    held_out_digest: str = ""
    pairs: bool = False
    final_loss: float | None = None
    validation_loss_before: float | None = None
    validation_loss: float | None = None
    exported_step: int | None = None
    parameters: int | None = None
    packing: str | None = None
    logits: str | None = None
    lora_left_out: str | None = None
    resumed_at: int = 0
    seconds_training: float = 0.0
    tokens_per_second: float | None = None
    memory_mb: float | None = None
    memory_loaded_mb: float | None = None


def training_facts(manifest: Manifest) -> TrainingFacts:
    """Those of a finished training, also of one from before `pairs` was noted."""
    return TrainingFacts.of({"pairs": manifest.stage == "Dpo", **manifest.facts})


@dataclass(frozen=True, kw_only=True)
class PreparedFacts(_Facts):
    """Encoded examples: how many, and how long before the cap; the histogram counts those of at most so many tokens (doubling widths).

    `problems` counts questions that differ by more than their spelling; `unreadable` rows are no text and left out (`unreadable_rows`, from
    0); `special_tokens` are those that stood in the texts.
    """

    rows: int = 0
    examples: int = 0
    dropped: int = 0
    cut: int = 0
    tokens_lost: int = 0
    tokens: int = 0
    label_tokens: int = 0
    max_length: int = 0
    length_median: int = 0
    length_p90: int = 0
    length_longest: int = 0
    length_histogram: dict[str, int] = field(default_factory=dict)
    problems: int = 0
    unreadable: int = 0
    unreadable_rows: list[int] = field(default_factory=list)
    special_tokens: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return self.dropped + self.cut
