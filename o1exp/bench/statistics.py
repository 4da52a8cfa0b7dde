"""How sure a score is, and whether two scores differ.

The question is the unit: samples of one question are correlated, so every error here is computed over questions. Scores are credits
in [0, 1], right or wrong as well as a judge's values on their scale; a question's samples come as `Marks`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from o1exp.bench.comparison import LEVEL, Comparison

POWER = 0.8
RESAMPLES = 10_000
BATCH = 500
EDGE = 10.0
"""Below so many right or wrong answers normal approximations err."""
EXACT_QUESTIONS = 30
"""Up to this many questions the sign-flip test counts every one of the 2^n sign patterns."""

Floats = NDArray[np.float64]


class Marks(NamedTuple):
    """The credits of one question's samples: their sum, their number, and the sum of their squares."""

    total: float
    samples: int
    squares: float

    @classmethod
    def of(cls, credits: Sequence[float]) -> "Marks":
        return cls(sum(credits), len(credits), sum(credit**2 for credit in credits))

    @classmethod
    def counted(cls, right: int, samples: int) -> "Marks":
        """`right` right ones among the samples, the others wrong."""
        return cls(right, samples, right)

    @property
    def rate(self) -> float:
        return self.total / self.samples

    @property
    def variance(self) -> float:
        """Of a single sample of this question."""
        return max(0.0, self.squares / self.samples - self.rate**2)

    @property
    def counts(self) -> bool:
        """Every sample is simply right or wrong."""
        return self.squares == self.total


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean with its standard error and interval; `questions` is what it rests on.

    `independent` is the number of independent right or wrong answers that would give this error.
    """

    value: float
    error: float
    low: float
    high: float
    questions: int
    independent: float


def wilson(right: int, n: int, level: float = LEVEL) -> Estimate:
    """Wilson's score interval for `right` of `n` independent questions."""
    assert 0 <= right <= n > 0, f"{right} of {n}"
    rate = right / n
    low, high = _score_interval(rate, n, _z(level))
    return Estimate(value=rate, error=sqrt(rate * (1 - rate) / n), low=low, high=high, questions=n, independent=n)


def fraction(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """The mean of one value in [0, 1] per question (avg@K, a vote with shared ties, a judge's mark) with question-level error and interval.

    Where every value is 0 or 1: Wilson. Else Wilson for the number of independent answers that the questions' spread amounts to, with
    Student's quantile; near 0 and 1 it covers where the plain t interval does not (0.93 to 0.96 against 0.88 to 0.95 in simulations of 30
    questions).
    """
    assert len(values), "no scored question"
    rates = np.round(np.array(values, dtype=np.float64), 12)
    n, value = len(rates), float(rates.mean())
    if bool(np.isin(rates, (0.0, 1.0)).all()):
        return wilson(int(rates.sum()), n, level)
    error = float(rates.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
    independent = max(float(n), value * (1 - value) / error**2) if error > 0 else float(n)
    quantile = float(stats.t.ppf((1 + level) / 2, n - 1)) if n > 1 else _z(level)
    low, high = _score_interval(value, independent, quantile)
    return Estimate(value=value, error=error, low=low, high=high, questions=n, independent=independent)


def mean(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """The mean of one value per question (tokens, a judge's marks) with Student's t interval."""
    n, centre = len(values), float(np.mean(values))
    error = float(np.std(values, ddof=1)) / sqrt(n) if n > 1 else 0.0
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error if n > 1 else 0.0
    return Estimate(value=centre, error=error, low=centre - half, high=centre + half, questions=n, independent=n)


def paired(ours: Sequence[Marks], theirs: Sequence[Marks], seed: int = 0) -> Comparison:
    """Two systems on the same questions in the same order.

    One right or wrong sample each: exact McNemar. Else the sign-flip test on the questions' differences, exact up to 30 questions and
    seeded beyond. Near 0 or 1, and with more samples of a question on one side, differences lie askew without any difference of the models
    (one sample is right or wrong where sixteen are a little of both): the score test is taken, as if the questions were others. With even
    samples the interval near 0 or 1 is at least as wide as Newcombe's of two groups: a handful of right answers, drawn again, do not tell
    how many there might have been (90 of 100 intervals covered, at 2 % of 30 questions of 4 samples).
    """
    assert len(ours) == len(theirs) > 0, f"{len(ours)} against {len(theirs)} questions"
    uneven = any(m.samples != other.samples for m, other in zip(ours, theirs, strict=True))
    at_edge = near_the_edge(ours) or near_the_edge(theirs)
    if uneven and at_edge:
        return score_test(ours, theirs)
    differences = _rates(ours) - _rates(theirs)
    low, high = bootstrap(ours, theirs, seed)
    if at_edge:
        ends = newcombe(fraction(_rates(ours).tolist()), fraction(_rates(theirs).tolist()))
        low, high = min(low, ends[0]), max(high, ends[1])
    if _single_counts(ours, theirs):
        p, test = mcnemar(int((differences > 0).sum()), int((differences < 0).sum())), "exact McNemar"
    else:
        p, test = sign_flip(differences.tolist(), seed), "exact sign-flip" if len(ours) <= EXACT_QUESTIONS else "sign-flip permutation"
    return Comparison(
        ours=float(_rates(ours).mean()), theirs=float(_rates(theirs).mean()), difference=float(differences.mean()), low=low, high=high,
        p=p, adjusted=p, test=test, questions=len(ours), paired=True, detectable=detectable(differences.tolist()),
    )  # fmt: skip


def unpaired(ours: Sequence[Marks], theirs: Sequence[Marks]) -> Comparison:
    """Two systems on different questions: Fisher for one right or wrong sample each, else Welch's t on the questions' rates.

    Near 0 or 1, where no spread is no certainty, the score test.
    """
    if _single_counts(ours, theirs):
        return counts(round(sum(m.total for m in ours)), len(ours), round(sum(m.total for m in theirs)), len(theirs))
    if near_the_edge(ours) or near_the_edge(theirs):
        return score_test(ours, theirs)
    a, b = _rates(ours), _rates(theirs)
    test = stats.ttest_ind(a, b, equal_var=False)
    low, high = test.confidence_interval(LEVEL)
    error = sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return Comparison(
        ours=float(a.mean()), theirs=float(b.mean()), difference=float(a.mean() - b.mean()), low=max(-1.0, float(low)),
        high=min(1.0, float(high)), p=float(test.pvalue), adjusted=float(test.pvalue), test="Welch", questions=min(len(a), len(b)),
        paired=False, detectable=min(1.0, power_factor() * error),
    )  # fmt: skip


def near_the_edge(marks: Sequence[Marks]) -> bool:
    """Whether these questions amount to fewer than ten independent right answers, or to fewer than ten wrong ones.

    Their spread is then no measure of how far the mean may be off: twenty questions without a right answer have none at all.
    """
    found = fraction([m.rate for m in marks])
    return min(found.value, 1 - found.value) * found.independent < EDGE


def score_test(ours: Sequence[Marks], theirs: Sequence[Marks]) -> Comparison:
    """Newcombe's hybrid score interval, every question one answer; p is one minus the level whose interval ends at zero (at least 1e-12).

    More samples of a question are not counted as more answers: where few questions hold all right answers, a sample of questions without
    them looks surer than it is.
    """
    a, b = _rates(ours), _rates(theirs)

    def rate(values: Floats, level: float) -> Estimate:
        value, n = float(values.mean()), len(values)
        low, high = _score_interval(value, n, float(special.stdtrit(n - 1, (1 + level) / 2)) if n > 1 else _z(level))
        return Estimate(value=value, error=sqrt(value * (1 - value) / n), low=low, high=high, questions=n, independent=n)

    one, other = rate(a, LEVEL), rate(b, LEVEL)
    low, high = newcombe(one, other)
    finest, coarsest = -12.0, 0.0  # powers of ten: the interval of level 1 - 10^x holds zero at the first, not at the second
    for _ in range(40 if one.value != other.value else 0):
        middle = (finest + coarsest) / 2
        ends = newcombe(rate(a, 1 - 10**middle), rate(b, 1 - 10**middle))
        finest, coarsest = (middle, coarsest) if ends[0] <= 0 <= ends[1] else (finest, middle)
    return Comparison(
        ours=one.value, theirs=other.value, difference=one.value - other.value, low=low, high=high, p=10**coarsest, adjusted=10**coarsest,
        test="Newcombe", questions=min(one.questions, other.questions), paired=False, detectable=_detectable_of(one, other),
    )  # fmt: skip


def counts(right: int, n: int, other_right: int, other_n: int) -> Comparison:
    """Two published counts, such as 13/30 against 12/30: Fisher's exact test and Newcombe's interval."""
    p = float(stats.fisher_exact([[right, n - right], [other_right, other_n - other_right]]).pvalue)
    one, other = wilson(right, n), wilson(other_right, other_n)
    low, high = newcombe(one, other)
    return Comparison(
        ours=one.value, theirs=other.value, difference=one.value - other.value, low=low, high=high, p=p, adjusted=p, test="Fisher exact",
        questions=min(n, other_n), paired=False, detectable=_detectable_of(one, other),
    )  # fmt: skip


def _detectable_of(one: Estimate, other: Estimate) -> float:
    """Of two rates over so many independent answers; one right and one wrong answer are added, so that nobody is sure of 0 or 1."""
    n, m = one.independent, other.independent
    pooled = (one.value * n + other.value * m + 1) / (n + m + 2)
    return min(1.0, power_factor() * sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)))


def bootstrap(ours: Sequence[Marks], theirs: Sequence[Marks], seed: int = 0, level: float = LEVEL) -> tuple[float, float]:
    """A two-level interval of the mean paired difference: questions are drawn again, then samples within each question (by the binomial
    distribution where they are right or wrong, else by the normal one of their mean).

    Drawing twice counts the noise of the samples twice, so the questions' differences are first shrunk by as much (Davison and Hinkley
    1997, section 3.8); the percentiles are expanded for small n (Hesterberg 2015). Where no question differs and none varies, the interval
    is Newcombe's for that number of questions.
    """
    a, b, n = _rates(ours), _rates(theirs), len(ours)
    differences = a - b
    centre, variance = differences.mean(), float(differences.var(ddof=1)) if n > 1 else 0.0
    within = float(np.mean([m.variance / m.samples + other.variance / other.samples for m, other in zip(ours, theirs, strict=True)]))
    if variance + within == 0 or n == 1:
        return newcombe(wilson(round(a.sum()), n), wilson(round(b.sum()), n))
    kept = sqrt(max(0.0, 1 - within / variance)) if variance > 0 else 0.0
    between = kept * (differences - centre) * sqrt(n / (n - 1))
    generator, means = np.random.default_rng(seed), np.empty(RESAMPLES)
    for batch in _batches():
        drawn = generator.integers(0, n, size=(len(batch), n))
        moved = between[drawn]
        if within > 0:
            moved += _noise(ours, drawn, generator)
            moved -= _noise(theirs, drawn, generator)
        means[batch.start : batch.stop] = centre + moved.mean(axis=1)
    tail = NormalDist().cdf(-float(stats.t.ppf((1 + level) / 2, n - 1)))
    low, high = np.quantile(means, [tail, 1 - tail])
    return max(-1.0, float(low)), min(1.0, float(high))


def _noise(marks: Sequence[Marks], drawn: NDArray[np.int64], generator: np.random.Generator) -> Floats:
    """By how much the rates of these questions move when their samples are drawn again."""
    rates, samples = _rates(marks), np.array([m.samples for m in marks], dtype=np.int64)
    if all(m.counts for m in marks):
        moved: Floats = generator.binomial(samples[drawn], rates[drawn]) / samples[drawn] - rates[drawn]
        return moved
    errors = np.sqrt(np.array([m.variance for m in marks]) / samples)
    return generator.normal(0.0, errors[drawn])


def mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided p of `wins` against `losses` among the questions on which two systems disagree."""
    return 1.0 if wins + losses == 0 else float(stats.binomtest(wins, wins + losses).pvalue)


def sign_flip(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided p of the mean difference when every question's sign could as well have been the other one."""
    sizes = np.abs(np.asarray(differences, dtype=np.float64))
    sizes, observed = sizes[sizes > 0], abs(float(np.sum(differences)))
    if len(sizes) == 0:
        return 1.0
    edge = observed - 1e-9 * float(sizes.sum())
    if len(sizes) <= EXACT_QUESTIONS:
        return _extreme_share(sizes, edge)
    generator, extreme = np.random.default_rng(seed), 0
    for batch in _batches():
        signs = generator.integers(0, 2, size=(len(batch), len(sizes)), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(signs @ sizes) >= edge).sum())
    return (extreme + 1) / (RESAMPLES + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: below 0.05 they keep the chance of any false finding in the family below 0.05."""
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def family(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with `adjusted` set by Holm over all of them."""
    return [replace(c, adjusted=p) for c, p in zip(comparisons, holm([c.p for c in comparisons]), strict=True)]


def detectable(differences: Sequence[float]) -> float:
    """The smallest true mean difference that these questions would show with 80 % power at p < 0.05 (normal approximation).

    Where no question differed, the rate of differing questions is taken at its 95 % upper bound of 3/n.
    """
    n = len(differences)
    deviation = float(np.std(differences, ddof=1)) if n > 1 else 0.0
    return min(1.0, power_factor() * max(deviation, sqrt(min(1.0, 3 / n)) if deviation == 0 else 0.0) / sqrt(n))


def _batches() -> Iterator[range]:
    """The resamples in parts that fit into memory."""
    yield from (range(start, min(start + BATCH, RESAMPLES)) for start in range(0, RESAMPLES, BATCH))


def _extreme_share(sizes: Floats, edge: float) -> float:
    """Exact share of sign patterns with |sum| >= edge: the sums of two halves are met by binary search."""
    half = len(sizes) // 2
    left, right = _sums(sizes[:half]), np.sort(_sums(sizes[half:]))
    above = len(right) - np.searchsorted(right, edge - left, side="left")
    below = np.searchsorted(right, -edge - left, side="right")
    patterns = len(left) * len(right)
    return min(1.0, float(above.sum() + below.sum()) / patterns)


def _sums(sizes: Floats) -> Floats:
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return sums


def _score_interval(rate: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's interval for a rate over n answers, n possibly fractional."""
    square = quantile * quantile
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * sqrt(rate * (1 - rate) / n + square / (4 * n * n))
    return (0.0 if rate == 0 else max(0.0, centre - half)), (1.0 if rate == 1 else min(1.0, centre + half))


def newcombe(ours: Estimate, theirs: Estimate) -> tuple[float, float]:
    """Newcombe's hybrid score interval for the difference of two independent rates."""
    difference = ours.value - theirs.value
    low = difference - sqrt((ours.value - ours.low) ** 2 + (theirs.high - theirs.value) ** 2)
    high = difference + sqrt((ours.high - ours.value) ** 2 + (theirs.value - theirs.low) ** 2)
    return max(-1.0, low), min(1.0, high)


def power_factor() -> float:
    """How many standard errors a true difference must have to be found with 80 % power at p < 0.05."""
    return _z(LEVEL) + NormalDist().inv_cdf(POWER)


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _rates(marks: Sequence[Marks]) -> Floats:
    return np.array([m.rate for m in marks], dtype=np.float64)


def _single_counts(ours: Sequence[Marks], theirs: Sequence[Marks]) -> bool:
    return all(m.samples == 1 and m.counts for m in (*ours, *theirs))
