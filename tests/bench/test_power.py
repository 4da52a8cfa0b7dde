"""The smallest difference that a study can detect, against studies that were simulated with one."""

import numpy as np
import pytest

from o1exp.bench.power import ALIKE, BETWEEN, WITHIN, detectable


@pytest.mark.parametrize(("problems", "samples", "seeds"), [(500, 1, 1), (200, 4, 1), (200, 4, 3)])
def test_a_difference_of_that_size_is_found_four_times_in_five(problems: int, samples: int, seeds: int) -> None:
    luck, studies = np.random.default_rng(0), 4000
    effect = detectable(problems, samples, seeds)
    shape = (studies, problems)
    total = np.zeros(shape)
    for _ in range(seeds):
        common = luck.normal(0, np.sqrt(BETWEEN * ALIKE), shape)
        for sign in (1, -1):
            own = luck.normal(0, np.sqrt(BETWEEN * (1 - ALIKE)), shape)
            drawn = luck.normal(0, np.sqrt(WITHIN / samples), shape)
            total += sign * (common + own + drawn) / seeds
    total += effect
    z = total.mean(axis=1) / (total.std(axis=1, ddof=1) / np.sqrt(problems))
    assert np.mean(z > 1.96) == pytest.approx(0.8, abs=0.025)


def test_more_comparisons_need_a_larger_difference() -> None:
    assert detectable(200, 4, 1, comparisons=5) > detectable(200, 4, 1)
    assert detectable(1, 1, 1) == 1.0


@pytest.mark.parametrize(("problems", "samples", "seeds", "luck"), [(200, 4, 3, 0.03), (500, 1, 1, 0.01)])
def test_the_luck_of_trainings_is_counted(problems: int, samples: int, seeds: int, luck: float) -> None:
    """A study whose standard error is known finds the difference four times in five, where each training is lucky or not."""
    draws, studies = np.random.default_rng(1), 200_000
    effect = detectable(problems, samples, seeds, luck=luck)
    answers = (2 * BETWEEN * (1 - ALIKE) + 2 * WITHIN / samples) / seeds / problems
    lucks = draws.normal(0, luck, (studies, 2, seeds)).mean(axis=2)
    found = effect + lucks[:, 0] - lucks[:, 1] + draws.normal(0, np.sqrt(answers), studies)
    error = np.sqrt(answers + 2 * luck**2 / seeds)
    assert np.mean(found > 1.96 * error) == pytest.approx(0.8, abs=0.01)
    assert effect > detectable(problems, samples, seeds)
