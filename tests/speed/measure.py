"""What a measurement is, and how two jobs are timed against each other."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """`ours` and `other` in `unit` per CPU-second of this process (medians of interleaved repeats); `ratio` = ours / other."""

    what: str
    against: str
    unit: str
    ours: float
    other: float

    @property
    def ratio(self) -> float:
        return self.ours / self.other


def interleaved(ours: Callable[[], int], other: Callable[[], int], repeats: int = 5) -> tuple[float, float]:
    """Median rates of two jobs that each return how many units they did; one warm-up each, then turn by turn."""
    rates: tuple[list[float], list[float]] = ([], [])
    for job in (ours, other):
        job()
    for _ in range(repeats):
        for job, found in zip((ours, other), rates, strict=True):
            started = time.process_time()
            units = job()
            found.append(units / (time.process_time() - started))
    return sorted(rates[0])[repeats // 2], sorted(rates[1])[repeats // 2]
