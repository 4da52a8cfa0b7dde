"""Inference-time scaling (paper section 4): accuracy against average output tokens, and two models at an equal number of them.

All points come from the same saved answers: budgets cut them off, single answers are what they are, and majorities of k answers cost k
times the tokens.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from o1exp.bench.comparison import LEVEL, AtEqualTokens
from o1exp.bench.engines.spec import MARKS_FROM
from o1exp.bench.metrics import Votes, sample_counts
from o1exp.bench.outcome import QuestionScore, ScalingPoint
from o1exp.bench.statistics import fraction, newcombe, power_factor, wilson
from o1exp.records import Score

Floats = NDArray[np.float64]
Column = tuple[str, int]
RESAMPLES = 4000


@dataclass(frozen=True)
class Curve:
    """The points of one model, question by question: `tokens` and `right` are [questions, columns], columns by rising cost."""

    questions: tuple[str, ...]
    columns: tuple[Column, ...]
    tokens: Floats
    right: Floats

    @classmethod
    def of(cls, by_problem: Mapping[str, Sequence[Score]]) -> "Curve":
        """From the scored attempts of each question; majorities where answers vote."""
        groups = list(by_problem.values())
        votes = [Votes.of(group) for group in groups]
        columns = [("budget", size) for size in budgets(groups)] + [("single", 1)]
        if all(votes):
            columns += [("majority", k) for k in sample_counts(min(map(len, groups))) if k > 1]
        found = np.array([_row(group, own, columns) for group, own in zip(groups, votes, strict=True)])
        return cls(tuple(by_problem), tuple(columns), found[:, :, 0], found[:, :, 1])

    @classmethod
    def kept(cls, questions: Sequence[QuestionScore], points: Sequence[ScalingPoint]) -> "Curve":
        """Back from what a result keeps of each question, in the columns of its points."""
        tokens, right = (np.array([getattr(q, name) for q in questions], dtype=np.float64) for name in ("tokens", "rates"))
        return cls(tuple(q.question for q in questions), tuple((point.kind, point.size) for point in points), tokens, right)

    def points(self) -> list[ScalingPoint]:
        """The curve with question-level intervals, by rising cost."""
        found = []
        for place, (kind, size) in enumerate(self.columns):
            rate = fraction(self.right[:, place].tolist())
            tokens = round(float(self.tokens[:, place].mean()), 2)
            value, low, high = (round(x, 6) for x in (rate.value, rate.low, rate.high))
            found.append(ScalingPoint(kind=kind, size=size, tokens=tokens, accuracy=value, low=low, high=high))
        return found

    def select(self, questions: Sequence[str]) -> "Curve":
        """The same columns for these questions, in this order."""
        place = {question: row for row, question in enumerate(self.questions)}
        rows = [place[question] for question in questions]
        return Curve(tuple(questions), self.columns, self.tokens[rows], self.right[rows])

    @property
    def own_cost(self) -> float:
        """Average tokens of a single answer."""
        return float(self.tokens[:, self.columns.index(("single", 1))].mean())

    @property
    def costs(self) -> Floats:
        means: Floats = self.tokens.mean(axis=0)
        return means

    def around(self, tokens: float) -> str:
        """Which points stand for that many tokens, in words."""
        costs = self.costs
        above = int(np.searchsorted(costs, tokens * (1 - 1e-9)))
        below = max(0, above - 1)
        if above >= len(costs) or math.isclose(costs[min(above, len(costs) - 1)], tokens, rel_tol=1e-6):
            return words(self.columns[min(above, len(costs) - 1)])
        return f"{words(self.columns[below])} to {words(self.columns[above])}" if above else words(self.columns[0])


def words(column: Column) -> str:
    kind, size = column
    return {"budget": f"cut off at {size:,}", "majority": f"Maj@{size}"}.get(kind, "single answers")


def budgets(groups: Sequence[Sequence[Score]]) -> list[int]:
    """The powers of two below the longest answer for which every longer answer has a verdict on what it said by then."""
    longest = max(row.tokens for group in groups for row in group)
    found, size, place = [], MARKS_FROM, 0
    while size < longest:
        if any(len(row.cuts) <= place for group in groups for row in group if row.tokens > size):
            break
        found.append(size)
        size, place = 2 * size, place + 1
    return found


def _row(group: Sequence[Score], votes: Votes | None, columns: Sequence[Column]) -> list[tuple[float, float]]:
    """Tokens and mean credit of one question at every column."""
    credits, single = [row.credit or 0.0 for row in group], float(np.mean([row.tokens for row in group]))
    found = []
    for kind, size in columns:
        if kind == "budget":
            place = int(math.log2(size // MARKS_FROM))
            left = [float(row.cuts[place]) if row.tokens > size else credit for row, credit in zip(group, credits, strict=True)]
            found.append((float(np.mean([min(row.tokens, size) for row in group])), float(np.mean(left))))
        elif kind == "majority":
            assert votes is not None
            found.append((size * single, votes.maj_at(size)))
        else:
            found.append((single, float(np.mean(credits))))
    return found


def at_equal_tokens(ours: Curve, theirs: Curve, tokens: float | None = None, seed: int = 0) -> AtEqualTokens | None:
    """Both curves read at one cost by interpolation over the logarithm of tokens; None where no cost is on both curves, or no question.

    Unless `tokens` is given, the cost is the larger one of the two models' single answers (the cheaper model then votes), or the nearest
    one on both curves. The interval draws questions again, the same ones for both models, and reads both curves anew.
    """
    known = set(theirs.questions)
    shared = [question for question in ours.questions if question in known]
    if not shared:
        return None
    a, b = ours.select(shared), theirs.select(shared)
    everyone = np.ones((1, len(shared)))
    if max(a.costs[0], b.costs[0]) > min(a.costs[-1], b.costs[-1]):
        return None
    level = float(_level(a, b, everyone, tokens)[0])
    here, there = (float(_read(curve, everyone, np.array([level]))[0]) for curve in (a, b))
    weights = _drawn_again(len(shared), seed)
    # The level moves with the questions: a fixed one would leave the model whose own cost it is on either side of its own point.
    levels = _level(a, b, weights, tokens)
    differences = _read(a, weights, levels) - _read(b, weights, levels)
    bottom, top = _interval(differences, here, there, len(shared))
    return AtEqualTokens(
        tokens=level, ours=here, theirs=there, difference=here - there, low=bottom, high=top,
        detectable=min(1.0, power_factor() * (float(differences.std()) or math.sqrt(min(1.0, 3 / len(shared)) / len(shared)))),
        questions=len(shared), ours_by=a.around(level), theirs_by=b.around(level),
    )  # fmt: skip


def matched(ours: Curve, theirs: Curve) -> tuple[float, Floats] | None:
    """The cost at which `at_equal_tokens` compares, and the difference of each question there [questions]; both have the same questions.

    Questions draw the cost too: that is left out here, where they are compared over several trainings. None as there.
    """
    if not ours.questions or max(ours.costs[0], theirs.costs[0]) > min(ours.costs[-1], theirs.costs[-1]):
        return None
    level = _level(ours, theirs, np.ones((1, len(ours.questions))), None)
    return float(level[0]), _between(ours, float(level[0])) - _between(theirs, float(level[0]))


def _between(curve: Curve, tokens: float) -> Floats:
    """Each question's mean credit at that average cost, between the two points on both sides of it, as `_read` weighs them."""
    costs, level = np.maximum.accumulate(np.log(np.maximum(curve.costs, 1e-9))), math.log(tokens)
    right = int(np.clip((costs < level - 1e-12).sum(), 1, len(costs) - 1)) if len(costs) > 1 else 0
    left = max(right - 1, 0)
    width = float(costs[right] - costs[left])
    share = min(1.0, max(0.0, (level - float(costs[left])) / width)) if width > 0 else 0.0
    found: Floats = curve.right[:, left] + share * (curve.right[:, right] - curve.right[:, left])
    return found


def _interval(differences: Floats, here: float, there: float, n: int) -> tuple[float, float]:
    """Percentiles, expanded for few questions; Newcombe's interval where nothing varies."""
    if n == 1 or float(differences.std()) == 0:
        return newcombe(wilson(round(here * n), n), wilson(round(there * n), n))
    tail = NormalDist().cdf(-float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * math.sqrt(n / (n - 1)))
    low, high = np.quantile(differences, [tail, 1 - tail])
    return max(-1.0, float(low)), min(1.0, float(high))


def _drawn_again(n: int, seed: int) -> Floats:
    """How often each of n questions is drawn, [resamples, n]; by counting places, a multinomial is twenty times slower."""
    places = np.random.default_rng(seed).integers(0, n, size=(RESAMPLES, n)) + n * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n).astype(np.float64)


def _level(a: Curve, b: Curve, weights: Floats, tokens: float | None) -> Floats:
    """The cost to compare at, for each weighting of the questions [resamples, questions]."""
    scale = weights.sum(axis=1, keepdims=True)
    costs = [weights @ curve.tokens / scale for curve in (a, b)]
    single = [cost[:, curve.columns.index(("single", 1))] for cost, curve in zip(costs, (a, b), strict=True)]
    wanted = np.maximum(*single) if tokens is None else np.full(len(weights), tokens)
    level: Floats = np.clip(wanted, np.maximum(costs[0][:, 0], costs[1][:, 0]), np.minimum(costs[0][:, -1], costs[1][:, -1]))
    return level


def _read(curve: Curve, weights: Floats, tokens: Floats) -> Floats:
    """Accuracy at `tokens` [resamples] for each weighting of the questions [resamples, questions]; beyond its ends a curve stays level."""
    scale = weights.sum(axis=1, keepdims=True)
    costs = np.maximum.accumulate(np.log(np.maximum(weights @ curve.tokens / scale, 1e-9)), axis=1)
    heights, level = weights @ curve.right / scale, np.log(tokens)
    right = (
        np.clip((costs < level[:, None] - 1e-12).sum(axis=1), 1, costs.shape[1] - 1) if costs.shape[1] > 1 else np.zeros(len(costs), int)
    )
    rows, left = np.arange(len(costs)), np.maximum(right - 1, 0)
    width = costs[rows, right] - costs[rows, left]
    share = np.clip((level - costs[rows, left]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    value: Floats = heights[rows, left] + share * (heights[rows, right] - heights[rows, left])
    return value
