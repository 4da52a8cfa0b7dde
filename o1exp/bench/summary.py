"""The numbers of one benchmark, from graded attempts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from o1exp.records import Score


@dataclass(frozen=True, kw_only=True)
class Point:
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

    `accuracy` is avg@K over the `problems` that could be scored, with its standard `error` and 95 % interval over questions. `pass_at` and
    `majority_at` are keyed by k as text; `samples` is K, the samples that every problem has. Tokens are output tokens per attempt;
    `thinking_tokens` and `answer_tokens` split them at the end of the thought, over the attempts that mark one (None: no attempt does).
    `truncated`, `timed_out` and `no_answer` count attempts; `unscored` counts those whose gold answer could not be read.
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
    majority_at: dict[str, float]
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
    curve: list[Point] = field(default_factory=list)

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> "BenchmarkScore":
        """Back from JSON, also from a file of before a field was added."""
        return cls(**{**values, "curve": [Point(**point) for point in values.get("curve", ())]})

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def summarise(rows: Iterable[Score]) -> BenchmarkScore:
    """The numbers of one benchmark. Errors: ValueError where there is nothing to score."""
    from o1exp.bench.metrics import token_statistics
    from o1exp.bench.scaling import Curve
    from o1exp.bench.statistics import Tally, accuracy

    scores = sorted(rows, key=lambda row: (row.problem, row.draw))
    by_problem = scored(scores)
    if not by_problem:
        raise ValueError(f"none of {len(scores)} attempts could be scored; look at the gold answers of this benchmark")
    estimate = accuracy([Tally(right(group), len(group)) for group in by_problem.values()])
    samples = min(len(group) for group in by_problem.values())
    tokens, whole = token_statistics(scores), [row for row in scores if not (row.truncated or row.timed_out)]
    thoughts = [row for row in scores if row.thinking is not None]
    known = [row for row in whole if row.correct is not None]
    return BenchmarkScore(
        problems=len(by_problem), samples=samples, attempts=len(scores), unscored=sum(row.correct is None for row in scores),
        accuracy=round(estimate.value, 6), error=round(estimate.error, 6), low=round(estimate.low, 6), high=round(estimate.high, 6),
        pass_at=_pass_at(by_problem, samples), majority_at=_majority_at(by_problem, samples),
        tokens=round(tokens.mean, 2), tokens_median=round(tokens.median, 2), tokens_p90=round(tokens.p90, 2),
        truncated=sum(row.truncated for row in scores), no_answer=sum(not row.extracted for row in scores),
        timed_out=sum(row.timed_out for row in scores), tokens_right=_rounded(tokens.right), tokens_wrong=_rounded(tokens.wrong),
        thinking_tokens=_mean([row.thinking or 0 for row in thoughts]),
        answer_tokens=_mean([row.tokens - (row.thinking or 0) for row in thoughts]),
        completed=len(whole), completed_accuracy=_mean([float(row.correct is True) for row in known], 6),
        curve=Curve.of(by_problem).points(),
    )  # fmt: skip


def scored(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """The attempts that have a verdict, by problem."""
    by_problem: dict[str, list[Score]] = {}
    for row in scores:
        if row.correct is not None:
            by_problem.setdefault(row.problem, []).append(row)
    return by_problem


def sample_counts(most: int) -> list[int]:
    """1, 2, 4, 8 ... and `most` itself."""
    powers = [2**i for i in range(most.bit_length()) if 2**i <= most]
    return powers if powers[-1] == most else [*powers, most]


def right(group: Sequence[Score]) -> int:
    return sum(row.correct is True for row in group)


def _pass_at(by_problem: dict[str, list[Score]], samples: int) -> dict[str, float]:
    from o1exp.bench.metrics import pass_at_k

    rates = {k: [pass_at_k(len(group), right(group), k) for group in by_problem.values()] for k in sample_counts(samples)}
    return {str(k): round(sum(values) / len(values), 6) for k, values in rates.items()}


def _majority_at(by_problem: dict[str, list[Score]], samples: int) -> dict[str, float]:
    from o1exp.bench.metrics import Votes

    votes = [Votes.of(group) for group in by_problem.values()]
    return {str(k): round(sum(vote.maj_at(k) for vote in votes) / len(votes), 6) for k in sample_counts(samples)}


def _mean(values: Sequence[float], digits: int = 2) -> float | None:
    return round(sum(values) / len(values), digits) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
