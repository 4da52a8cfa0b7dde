"""The smallest difference between two arms that a study can detect, before it has made anything.

Nothing is known of the answers yet, so the page says what is assumed: an accuracy of one half (where chance is largest), half of its
variance between questions, and questions whose difficulty correlates by 0.7 between the arms.
"""

from math import sqrt
from statistics import NormalDist

ALPHA, POWER = 0.05, 0.8
BETWEEN, WITHIN, ALIKE = 0.125, 0.125, 0.7
"""Variance of a question's own rate, variance of one answer around it, and the correlation of a question's rates in two arms."""


def detectable(problems: float, samples: int, seeds: int, comparisons: int = 1, luck: float = 0.0) -> float:
    """The true difference that is found with 80 % power at p < 0.05, Bonferroni's share of it where several arms are compared.

    Arms answer the same problems. Seeds draw answers anew, and train models whose differences by question are other ones; `luck` is the
    standard deviation of a setting's true accuracy from one seed to the next, which more problems do not make smaller.
    """
    variance = (2 * BETWEEN * (1 - ALIKE) + 2 * WITHIN / samples) / seeds
    factor = NormalDist().inv_cdf(1 - ALPHA / max(1, comparisons) / 2) + NormalDist().inv_cdf(POWER)
    return min(1.0, factor * sqrt(variance / problems + 2 * luck**2 / seeds))
