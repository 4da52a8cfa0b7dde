"""What is known of one arm once its attempts are scored: numbers by benchmark, and what comparisons need of every question."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
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


@dataclass(frozen=True)
class Metric:
    """What a number means; `why` is the reason for one that is not common in the field."""

    definition: str
    why: str = ""


def metric(definition: str, why: str = "", default: Any = MISSING, default_factory: Any = MISSING) -> Any:
    """A number of a BenchmarkScore with its definition, which the model card prints."""
    given = {"metric": Metric(definition, why)}
    return field(default=default, metadata=given) if default_factory is MISSING else field(default_factory=default_factory, metadata=given)


@dataclass(frozen=True, kw_only=True)
class BenchmarkScore:
    """One arm on one benchmark: `problems` that could be scored, `attempts` at all of them, and K, the `samples` that every problem has.

    `scorer` names who scored, `scale` is a judge's own. Numbers by k are keyed by k as text. A None is not known.
    """

    problems: int
    samples: int
    attempts: int
    scorer: str = ""
    scale: tuple[float, float] | None = None

    accuracy: float = metric(
        "share of right answers (of judged ones the value's place between the ends of its scale), averaged over the K samples of a problem "
        "and then over problems (avg@K)"
    )
    error: float = metric("standard error of accuracy over problems", default=0.0)
    low: float = metric("lower end of the 95 % interval of accuracy over problems (Wilson)")
    high: float = metric("upper end of the 95 % interval of accuracy over problems (Wilson)")
    pass_at: dict[str, float] = metric(
        "pass@k: chance that k of the K samples, drawn without replacement, hold a right one (unbiased estimate); of judged ones the "
        "expected best of k"
    )
    majority_at: dict[str, float] = metric(
        "maj@k: chance that the most frequent final answer of k samples is right; ties are shared, empty answers do not vote",
        default_factory=dict,
    )  # fmt: skip
    value: float | None = metric("mean of the judge's values on its own scale", default=None)
    labels: dict[str, int] = metric("judged answers by the judge's label", default_factory=dict)
    given_attempted: float | None = metric("SimpleQA: share of correct answers among those that were attempted", default=None)
    f1: float | None = metric(
        "SimpleQA: harmonic mean of the share of correct answers among all and among the attempted ones", default=None
    )
    tokens: float = metric(
        "mean output tokens per answer, by the model's own tokenizer, end token included",
        "inference cost: the paper reports it beside accuracy, because long thoughts buy accuracy with tokens",
    )
    tokens_median: float = metric("median of output tokens per answer", "the mean alone hides a few very long answers")
    tokens_p90: float = metric("90th percentile of output tokens per answer", "the mean alone hides a few very long answers")
    tokens_right: float | None = metric("mean output tokens of right answers", "models tend to write longer where they fail", None)
    tokens_wrong: float | None = metric("mean output tokens of wrong answers", "models tend to write longer where they fail", None)
    thinking_tokens: float | None = metric(
        "mean output tokens up to the end of the thought, over answers that mark one", "thoughts are what cost", None
    )
    answer_tokens: float | None = metric(
        "mean output tokens after the end of the thought, over answers that mark one", "thoughts are what cost", None
    )
    truncated: int = metric(
        "answers cut off at max_tokens", "a cut-off answer counts as it stands, so a tight limit looks like a weak model"
    )  # fmt: skip
    timed_out: int = metric("answers that the server did not finish in time", "a slow server looks like a weak model", 0)
    completed: int = metric("answers that ended by themselves", "what completed_accuracy rests on", 0)
    completed_accuracy: float | None = metric(
        "share of right answers among those that ended by themselves",
        "separates what a token limit costs from what the model cannot do; it flatters a model whose hard problems ran out of tokens",
        None,
    )  # fmt: skip
    curve: list[ScalingPoint] = metric(
        "accuracy against mean output tokens: token budgets cut out of the same answers, single answers, Maj@k at growing k",
        "inference-time scaling: two models compare at equal tokens only", default_factory=list,
    )  # fmt: skip
    no_answer: int = metric("answers in which no final answer was found", "tells a wrong answer from a missing one")
    unscored: int = metric(
        "answers whose gold answer, or whose judge's reply, could not be read",
        "they are left out and not counted as wrong; the reader sees how many",
    )  # fmt: skip

    manners: dict[str, int] = metric(
        "answers that are empty, repeat themselves until they are cut off (endless), begin with a refusal, or are in another language than "
        "the question, by rules alone",
        "a score hides whether a model answered wrongly or not at all; they are scored like all others and counted here",
        default_factory=dict,
    )  # fmt: skip
    unparsed: int = metric(
        "judged answers whose judge said nothing that its rule could read",
        "some protocols count them as a verdict (unsafe, not attempted), others leave them out; the reader sees how many", 0,
    )  # fmt: skip

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


METRICS: dict[str, Metric] = {one.name: one.metadata["metric"] for one in fields(BenchmarkScore) if "metric" in one.metadata}
"""Every number of a result, defined."""
SIZES = tuple(one.name for one in fields(BenchmarkScore) if one.name not in METRICS)
"""What says how much was scored, and by whom: no metrics."""


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
        stored = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return cls(benchmarks={name: BenchmarkScore.stored(score) for name, score in stored["benchmarks"].items()}, folder=folder)

    @cached_property
    def questions(self) -> dict[str, list[QuestionScore]]:
        """Every question that could be scored, by benchmark; empty for an artefact of before they were kept."""
        found: dict[str, list[QuestionScore]] = {}
        if (self.folder / QUESTIONS).is_dir():
            for row in Table.read(self.folder / QUESTIONS, QuestionScore):
                found.setdefault(row.benchmark, []).append(row)
        return found
