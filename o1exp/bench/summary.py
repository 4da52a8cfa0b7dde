"""The numbers of one benchmark, from scored attempts: for the whole, and question by question."""

from collections import Counter
from collections.abc import Iterable, Sequence

from o1exp.bench.judges import SIMPLEQA
from o1exp.bench.metrics import f1, pass_at_k, sample_counts, token_statistics
from o1exp.bench.outcome import BenchmarkScore, QuestionScore
from o1exp.bench.scaling import Curve
from o1exp.bench.statistics import fraction
from o1exp.records import Score
from o1exp.records.manner import MANNERS


def summarise(rows: Iterable[Score]) -> BenchmarkScore:
    """The numbers of one benchmark. Errors: ValueError where there is nothing to score."""
    return summarised("", rows)[0]


def summarised(benchmark: str, rows: Iterable[Score]) -> tuple[BenchmarkScore, list[QuestionScore]]:
    """The same, and what comparisons need of every question that could be scored."""
    scores = sorted(rows, key=lambda row: (row.problem, row.draw))
    groups = by_question(scores)
    if not groups:
        raise ValueError(f"none of {len(scores)} attempts could be scored; look at the gold answers of this benchmark")
    curve = Curve.of(groups)
    questions = [_question(benchmark, credits(group), curve, place) for place, group in enumerate(groups.values())]
    return _whole(scores, list(groups.values()), curve), questions


def by_question(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """The attempts that have a credit, by question."""
    groups: dict[str, list[Score]] = {}
    for row in scores:
        if row.credit is not None:
            groups.setdefault(row.question, []).append(row)
    return groups


def credits(group: Iterable[Score]) -> list[float]:
    return [row.credit for row in group if row.credit is not None]


def _question(benchmark: str, given: Sequence[float], curve: Curve, place: int) -> QuestionScore:
    return QuestionScore(
        benchmark=benchmark, question=curve.questions[place], total=sum(given), squares=sum(credit**2 for credit in given),
        samples=len(given), tokens=tuple(curve.tokens[place].tolist()), rates=tuple(curve.right[place].tolist()),
    )  # fmt: skip


def _whole(scores: Sequence[Score], groups: Sequence[Sequence[Score]], curve: Curve) -> BenchmarkScore:
    given = [credits(group) for group in groups]
    estimate, points = fraction([sum(one) / len(one) for one in given]), curve.points()
    samples, cost = min(map(len, given)), token_statistics(scores)
    whole = [row for row in scores if not (row.truncated or row.timed_out)]
    thoughts = [(row.tokens, row.thinking) for row in scores if row.thinking is not None]
    accuracy = round(estimate.value, 6)
    counts = Counter(row.label for row in scores if row.label)
    attempted, harmonic = _attempted(counts)
    votes = {"1": accuracy} if all(row.vote is not None for group in groups for row in group) else {}
    return BenchmarkScore(
        problems=len(groups), samples=samples, attempts=len(scores), unscored=sum(row.credit is None for row in scores),
        accuracy=accuracy, error=round(estimate.error, 6), low=round(estimate.low, 6), high=round(estimate.high, 6),
        pass_at={str(k): _mean([pass_at_k(one, k) for one in given], 6) or 0.0 for k in sample_counts(samples)},
        majority_at=votes | {str(point.size): point.accuracy for point in points if point.kind == "majority"},
        tokens=round(cost.mean, 2), tokens_median=round(cost.median, 2), tokens_p90=round(cost.p90, 2),
        truncated=sum(row.truncated for row in scores), no_answer=sum(not (row.extracted or row.label) for row in scores),
        timed_out=sum(row.timed_out for row in scores), tokens_right=_rounded(cost.right), tokens_wrong=_rounded(cost.wrong),
        thinking_tokens=_mean([thinking for _, thinking in thoughts]),
        answer_tokens=_mean([tokens - thinking for tokens, thinking in thoughts]),
        completed=len(whole), completed_accuracy=_mean(credits(whole), 6),
        scorer=", ".join(sorted({row.scorer for row in scores if row.scorer})),
        scale=next((row.scale for row in scores if row.scale), None),
        value=_mean([row.value for row in scores if row.value is not None], 6),
        labels=dict(sorted(counts.items())), curve=points, unparsed=sum(row.method == "default" for row in scores),
        manners={name: count for name in MANNERS if (count := sum(row.manner == name for row in scores))},
        given_attempted=attempted, f1=harmonic,
    )  # fmt: skip


def _attempted(counts: "Counter[str]") -> tuple[float | None, float | None]:
    """SimpleQA's two numbers, of answers that its grader has labelled."""
    total = sum(counts[label] for label in SIMPLEQA.labels)
    if not total:
        return None, None
    given, harmonic = f1(counts["correct"], counts["incorrect"], total)
    return round(given, 6), round(harmonic, 6)


def _mean(values: Sequence[float], digits: int = 2) -> float | None:
    return round(sum(values) / len(values), digits) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
