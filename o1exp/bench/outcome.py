"""What is known of one arm once its attempts are scored: numbers by benchmark, and what comparisons need of every question."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from o1exp.records import Table

NAME = "results.json"
QUESTIONS = "questions"


@dataclass(frozen=True, kw_only=True)
class ScalingPoint:
    """A point of the inference-time scaling curve: average output tokens per question and accuracy with its 95 % interval.

    `kind` is "single" (one answer), "majority" (`size` answers vote) or "budget" (answers cut off after `size` tokens).
    """

    kind: str
    size: int
    tokens: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class BenchmarkScore:
    """One arm on one benchmark.

    `accuracy` is the mean credit (avg@K: the share of right answers; of judged ones the value's place on its scale) over the `problems`
    that could be scored, with its standard `error` and 95 % interval over questions. `pass_at` and `majority_at` are keyed by k as text,
    the latter empty where no answers vote; `samples` is K, the samples that every problem has. `scorer` names who scored. Of judged
    attempts `value` is the mean on the scorer's own `scale`, and `labels` counts them by label. Tokens are output tokens per attempt;
    `thinking_tokens` and `answer_tokens` split them at the end of the thought, over the attempts that mark one (None: no attempt does).
    `truncated`, `timed_out` and `no_answer` count attempts; `unscored` counts those whose gold answer, or whose judge, could not be read.
    `completed_accuracy` is that of the `completed` attempts, which ended by themselves: it flatters a model whose hard problems ran out of
    tokens.
    """

    problems: int
    samples: int
    attempts: int
    unscored: int
    accuracy: float
    low: float
    high: float
    pass_at: dict[str, float]
    majority_at: dict[str, float] = field(default_factory=dict)
    tokens: float
    tokens_median: float
    tokens_p90: float
    truncated: int
    no_answer: int
    error: float = 0.0
    timed_out: int = 0
    tokens_right: float | None = None
    tokens_wrong: float | None = None
    thinking_tokens: float | None = None
    answer_tokens: float | None = None
    completed: int = 0
    completed_accuracy: float | None = None
    scorer: str = ""
    scale: tuple[float, float] | None = None
    value: float | None = None
    labels: dict[str, int] = field(default_factory=dict)
    curve: list[ScalingPoint] = field(default_factory=list)

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> "BenchmarkScore":
        """Back from JSON, also from a file of before a field was added."""
        scale = values.get("scale")
        points = [ScalingPoint(**point) for point in values.get("curve", ())]
        return cls(**{**values, "scale": scale and (scale[0], scale[1]), "curve": points})

    def plain(self) -> dict[str, Any]:
        """As JSON values, without what is not known."""
        values = asdict(self) | {"scale": self.scale and list(self.scale)}
        return {name: value for name, value in values.items() if value is not None and value != {}}


@dataclass(frozen=True, kw_only=True)
class QuestionScore:
    """One arm on one question: the sum of its samples' credits, of their squares, and their number.

    `tokens` and `rates` are its cost and its mean credit at each point of the benchmark's curve.
    """

    benchmark: str
    question: str
    total: float
    squares: float
    samples: int
    tokens: tuple[float, ...]
    rates: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The scores of one arm by benchmark name, as its artefact in `folder` keeps them."""

    benchmarks: dict[str, BenchmarkScore]
    folder: Path

    @classmethod
    def read(cls, folder: Path) -> "Outcome":
        stored = json.loads((folder / NAME).read_text())
        return cls(benchmarks={name: BenchmarkScore.stored(score) for name, score in stored["benchmarks"].items()}, folder=folder)

    @cached_property
    def questions(self) -> dict[str, list[QuestionScore]]:
        """Every question that could be scored, by benchmark; empty for an artefact of before they were kept."""
        found: dict[str, list[QuestionScore]] = {}
        if (self.folder / QUESTIONS).is_dir():
            for row in Table.read(self.folder / QUESTIONS, QuestionScore):
                found.setdefault(row.benchmark, []).append(row)
        return found
