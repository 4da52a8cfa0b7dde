"""A difference over seeds and questions: both are drawn, so both are chance (two crossed random effects)."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from o1exp.bench.comparison import LEVEL, Contrast
from o1exp.bench.statistics import power_factor, sign_flip

Floats = NDArray[np.float64]


def contrast(differences: Floats) -> Contrast:
    """What differences [seeds, questions], each taken within one seed and one question, say of the mean for other seeds and questions.

    The variance of the mean is that of two crossed random effects without repetition, (MS of seeds + MS of questions - MS of the rest) /
    (seeds x questions), with Satterthwaite's degrees of freedom (Cornfield and Tukey 1956). A single seed says nothing of other seeds: its
    error is over questions, and p that of the sign-flip test. Of two, the mean has to stand out from their own difference too (t with one
    degree of freedom).
    """
    seeds, questions = differences.shape
    assert seeds > 0, "no seed"
    assert questions > 0, "no question"
    value = float(differences.mean())
    error, freedom = _error(differences)
    if error == 0:
        error = sqrt(min(1.0, 3 / questions) / questions)  # no question differed: the rate of those that do is at most about 3 / n
        p = 1.0 if value == 0 else 0.0
    else:
        p = _p(value, error, freedom)
    half = float(special.stdtrit(freedom, (1 + LEVEL) / 2)) * error
    if seeds == 1:
        p = sign_flip(differences[0].tolist())
    if seeds == 2:  # two seeds that agree by chance look as if seeds did nothing: 12 of 100 were in error without this
        alone = abs(float(differences[0].mean() - differences[1].mean())) / 2
        p = max(p, _p(value, alone, 1.0) if alone else 0.0)
        half = max(half, float(special.stdtrit(1.0, (1 + LEVEL) / 2)) * alone)
    return Contrast(
        value=value, low=max(-2.0, value - half), high=min(2.0, value + half), p=p, adjusted=p, seeds=seeds, questions=questions,
        detectable=min(1.0, power_factor() * error),
    )  # fmt: skip


def _p(value: float, error: float, freedom: float) -> float:
    return 2 * float(special.stdtr(freedom, -abs(value) / error))


def _error(differences: Floats) -> tuple[float, float]:
    """Standard error of the mean, and its degrees of freedom."""
    seeds, questions = differences.shape
    of_questions = differences.mean(axis=0)
    spread = float(of_questions.var(ddof=1)) if questions > 1 else 0.0
    if seeds == 1 or questions == 1:
        only = spread / questions if seeds == 1 else float(differences.mean(axis=1).var(ddof=1)) / seeds
        return sqrt(only), max(1.0, (questions if seeds == 1 else seeds) - 1.0)
    of_seeds = differences.mean(axis=1)
    rest = differences - of_questions[None, :] - of_seeds[:, None] + differences.mean()
    freedoms = np.array([seeds - 1.0, questions - 1.0, (seeds - 1.0) * (questions - 1.0)])
    squares = np.array([questions * of_seeds.var(ddof=1), seeds * spread, float((rest**2).sum()) / freedoms[2]])
    # Either effect alone is a lower bound: the estimate may come out below it, or below zero, by chance.
    total = max(squares[0] + squares[1] - squares[2], squares[0], squares[1])
    if total == 0:
        return 0.0, freedoms[1]
    freedom = total**2 / float((squares**2 / freedoms).sum())
    return sqrt(total / (seeds * questions)), max(1.0, min(freedom, float(freedoms[1])))
