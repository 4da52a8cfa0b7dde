"""How often tests err and intervals cover where nothing differs, over a grid: python -m tests.bench.null [TRIALS [KIND ...]]."""

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from o1exp.bench import statistics
from o1exp.bench.contrast import contrast
from o1exp.bench.statistics import Marks, paired, unpaired

Rates = NDArray[np.float64]
Found = tuple[float, float, float]
"""p, and both ends of the interval, of a difference that is none."""
RATES = (0.0, 0.005, 0.02, 0.1, 0.3, 0.5, 0.9, 0.96, 1.0)
SPREADS = (None, 1.0)
"""All questions as hard as each other, or some nearly always right and some nearly never."""
APART = (((20, 1), (20, 1)), ((20, 2), (200, 4)), ((30, 1), (30, 16)), ((30, 64), (30, 64)), ((5, 8), (300, 2)), ((60, 4), (60, 4)))
"""Questions x samples of each arm."""
TOGETHER = ((20, 1, 1), (30, 1, 16), (30, 4, 4), (60, 1, 1), (60, 2, 8), (60, 8, 8), (200, 4, 4))
"""Questions, samples of one arm, samples of the other."""
SEEDS = ((1, 60, 4), (2, 30, 1), (2, 200, 4), (3, 30, 1), (3, 200, 4), (5, 60, 1), (5, 60, 4), (10, 30, 4))
"""Seeds, questions, samples of each."""
WORST = 4
"""Cells that are drawn again, ten times as often: the worst of many is partly luck."""


@dataclass(frozen=True)
class Cell:
    """One place of the grid, and how to draw a study there."""

    kind: str
    name: str
    study: Callable[[np.random.Generator], Found]

    def simulated(self, trials: int, seed: int) -> tuple[float, float]:
        """How often p is below 0.05, and how often the interval holds zero."""
        draws = np.random.default_rng(seed)
        found = [self.study(draws) for _ in range(trials)]
        return float(np.mean([p < 0.05 for p, _, _ in found])), float(np.mean([low <= 0 <= high for _, low, high in found]))


def marks(draws: np.random.Generator, rates: Rates, samples: int) -> list[Marks]:
    return [Marks.counted(int(right), samples) for right in draws.binomial(samples, rates)]


def hardness(draws: np.random.Generator, p: float, spread: float | None, n: int) -> Rates:
    """How often each of n questions is answered right, p on average."""
    return np.full(n, p) if spread is None or p in (0, 1) else draws.beta(p * spread, (1 - p) * spread, n)


def cells() -> Iterator[Cell]:
    """The whole grid."""
    for p, spread in itertools.product(RATES, SPREADS):
        if spread and p in (0, 1):
            continue
        word = f"p={p:g}{', spread' if spread else ''}"
        for arms in APART:
            (n, k), (m, j) = arms
            yield Cell("unpaired", f"{n} x {k} against {m} x {j}, {word}", _apart(arms, p, spread))
        for n, k, j in TOGETHER:
            yield Cell("paired", f"{n} x {k} against {j}, {word}", _together((n, k, j), p, spread))
    for size, moved, mean in itertools.product(SEEDS, (0.0, 0.3, 1.0), (-5.0, -0.5, 3.0)):
        seeds, n, k = size
        if seeds == 1 and moved:
            continue  # one seed says nothing of others, and does not claim to
        yield Cell("seeds x questions", f"{seeds} x {n} x {k}, seeds moved by {moved:g}, mean logit {mean:g}", _seeds(size, moved, mean))


def _apart(arms: tuple[tuple[int, int], tuple[int, int]], p: float, spread: float | None) -> Callable[[np.random.Generator], Found]:
    def study(draws: np.random.Generator) -> Found:
        one = unpaired(*(marks(draws, hardness(draws, p, spread, n), k) for n, k in arms))
        return one.p, one.low, one.high

    return study


def _together(size: tuple[int, int, int], p: float, spread: float | None) -> Callable[[np.random.Generator], Found]:
    n, k, j = size

    def study(draws: np.random.Generator) -> Found:
        rates = hardness(draws, p, spread, n)
        one = paired(marks(draws, rates, k), marks(draws, rates, j), seed=int(draws.integers(2**31)))
        return one.p, one.low, one.high

    return study


def _seeds(size: tuple[int, int, int], moved: float, mean: float) -> Callable[[np.random.Generator], Found]:
    """One recipe in both arms: each seed is a little better or worse, and on some questions more than on others."""
    seeds, n, k = size

    def study(draws: np.random.Generator) -> Found:
        hard = draws.normal(mean, 1.5, n)

        def arm() -> Rates:
            logits = hard + draws.normal(0, moved, (seeds, 1)) + draws.normal(0, moved / 2, (seeds, n))
            rates: Rates = draws.binomial(k, 1 / (1 + np.exp(-logits))) / k
            return rates

        one = contrast(arm() - arm())
        return one.p, one.low, one.high

    return study


def main(trials: int, kinds: list[str]) -> None:
    statistics.RESAMPLES = 600  # thousands of data sets need no ten thousand resamples of each
    grid = list(cells())
    for kind in kinds or dict.fromkeys(cell.kind for cell in grid):
        found = {cell: cell.simulated(trials, seed) for seed, cell in enumerate(grid) if cell.kind == kind}
        errs, covers = ([told[place] for told in found.values()] for place in (0, 1))
        print(f"{kind}: {len(found)} cells of {trials} studies; errs in {_range(errs)}, covers {_range(covers)}", flush=True)
        worst = [*sorted(found, key=lambda cell: -found[cell][0])[:WORST], *sorted(found, key=lambda cell: found[cell][1])[:WORST]]
        for cell in dict.fromkeys(worst):
            again = cell.simulated(10 * trials, 10**6)
            print(f"  {cell.name}: {10 * trials} more err in {100 * again[0]:.1f} %, cover {100 * again[1]:.1f} %", flush=True)


def _range(values: list[float]) -> str:
    return f"{100 * min(values):.1f} to {100 * max(values):.1f} %"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, sys.argv[2:])
