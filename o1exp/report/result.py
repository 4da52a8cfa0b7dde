"""The Result stage: the scores of one arm on its benchmarks."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from o1exp.flow import Stage, Table, Work
from o1exp.flow.expect import Expect
from o1exp.records import Score

NAME = "results.json"


@dataclass(frozen=True, kw_only=True)
class BenchmarkScore:
    """One arm on one benchmark.

    `accuracy` is avg@K over the `problems` that could be scored, with its 95 % interval over questions. `pass_at` and `majority_at` are
    keyed by k as text; `samples` is K, the samples that every problem has. Tokens are output tokens per attempt.
    `truncated` and `no_answer` count attempts; `unscored` counts those whose gold answer could not be read.
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


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The scores of one arm by benchmark name."""

    benchmarks: dict[str, BenchmarkScore]

    @classmethod
    def read(cls, folder: Path) -> "Outcome":
        stored = json.loads((folder / NAME).read_text())
        return cls(benchmarks={name: BenchmarkScore(**score) for name, score in stored["benchmarks"].items()})


@dataclass(frozen=True, kw_only=True)
class Result(Stage[Outcome]):
    """Sum up graded attempts: accuracy with its interval, pass@k, maj@k, tokens."""

    scores: dict[str, Stage[Table[Score]]]

    def make(self, work: Work) -> None:
        benchmarks = {name: summarise(work.open(grade)) for name, grade in self.scores.items()}
        text = json.dumps({"benchmarks": {name: asdict(score) for name, score in benchmarks.items()}}, indent=1)
        (work.folder / NAME).write_text(text + "\n")
        work.note(rows=len(benchmarks), attempts=sum(score.attempts for score in benchmarks.values()))

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=len(self.scores))


def summarise(rows: Iterable[Score]) -> BenchmarkScore:
    """The numbers of one benchmark. Errors: ValueError where there is nothing to score."""
    from o1exp.bench.metrics import token_statistics
    from o1exp.bench.statistics import Tally, accuracy

    scores = sorted(rows, key=lambda row: (row.problem, row.draw))
    by_problem: dict[str, list[Score]] = {}
    for row in scores:
        if row.correct is not None:
            by_problem.setdefault(row.problem, []).append(row)
    if not by_problem:
        raise ValueError(f"none of {len(scores)} attempts could be scored; look at the gold answers of this benchmark")
    estimate = accuracy([Tally(_right(group), len(group)) for group in by_problem.values()])
    samples = min(len(group) for group in by_problem.values())
    tokens = token_statistics(scores)
    return BenchmarkScore(
        problems=len(by_problem), samples=samples, attempts=len(scores), unscored=sum(row.correct is None for row in scores),
        accuracy=round(estimate.value, 6), low=round(estimate.low, 6), high=round(estimate.high, 6),
        pass_at=_pass_at(by_problem, samples), majority_at=_majority_at(by_problem, samples),
        tokens=round(tokens.mean, 2), tokens_median=round(tokens.median, 2), tokens_p90=round(tokens.p90, 2),
        truncated=sum(row.truncated for row in scores), no_answer=sum(not row.extracted for row in scores),
    )  # fmt: skip


def sample_counts(most: int) -> list[int]:
    """1, 2, 4, 8 ... and `most` itself."""
    powers = [2**i for i in range(most.bit_length()) if 2**i <= most]
    return powers if powers[-1] == most else [*powers, most]


def _pass_at(by_problem: dict[str, list[Score]], samples: int) -> dict[str, float]:
    from o1exp.bench.metrics import pass_at_k

    rates = {k: [pass_at_k(len(group), _right(group), k) for group in by_problem.values()] for k in sample_counts(samples)}
    return {str(k): round(sum(values) / len(values), 6) for k, values in rates.items()}


def _majority_at(by_problem: dict[str, list[Score]], samples: int) -> dict[str, float]:
    from o1exp.bench.metrics import maj_at_k

    rates: dict[str, float] = {}
    for k in sample_counts(samples):
        values = [maj_at_k([row.extracted for row in group], [bool(row.correct) for row in group], k) for group in by_problem.values()]
        rates[str(k)] = round(sum(values) / len(values), 6)
    return rates


def _right(group: list[Score]) -> int:
    return sum(row.correct is True for row in group)
