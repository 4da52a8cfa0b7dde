"""Intervals and tests against independent references, and by simulation."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from o1exp.bench import statistics
from o1exp.bench.comparison import verdict
from o1exp.bench.contrast import contrast
from o1exp.bench.statistics import (
    Estimate,
    Marks,
    bootstrap,
    counts,
    detectable,
    family,
    fraction,
    holm,
    mcnemar,
    mean,
    paired,
    sign_flip,
    unpaired,
    wilson,
)

Rates = NDArray[np.float64]


@pytest.fixture
def draws() -> np.random.Generator:
    return np.random.default_rng(20260101)


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation over thousands of data sets needs no ten thousand resamples of each."""
    monkeypatch.setattr(statistics, "RESAMPLES", 600)


def sampled(draws: np.random.Generator, rates: Rates, samples: int) -> list[Marks]:
    return [Marks.counted(int(right), samples) for right in draws.binomial(samples, rates)]


def accuracy(marks: list[Marks]) -> Estimate:
    return fraction([one.rate for one in marks])


@pytest.mark.parametrize(("right", "n"), [(0, 30), (13, 30), (30, 30), (427, 500)])
def test_wilson_agrees_with_scipy(right: int, n: int) -> None:
    reference = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert (wilson(right, n).low, wilson(right, n).high) == pytest.approx((reference.low, reference.high), abs=1e-9)


def test_one_sample_each_is_wilson_and_equal_samples_count_once() -> None:
    """Eight identical samples of a question are one piece of evidence, not eight."""
    single = accuracy([Marks.counted(1, 1)] * 20 + [Marks.counted(0, 1)] * 10)
    repeated = accuracy([Marks.counted(8, 8)] * 20 + [Marks.counted(0, 8)] * 10)
    assert single == wilson(20, 30)
    assert repeated.value == single.value
    assert repeated.high - repeated.low == pytest.approx(single.high - single.low, rel=0.06)


def test_an_interval_has_width_where_every_answer_was_right() -> None:
    assert accuracy([Marks.counted(4, 4)] * 30).low == pytest.approx(0.88, abs=0.01)
    low, high = bootstrap([Marks.counted(1, 1)] * 30, [Marks.counted(1, 1)] * 30)
    assert low < -0.05 < 0.05 < high


@pytest.mark.parametrize(("n", "samples", "shape"), [(30, 1, (2, 2)), (30, 4, (1, 1)), (100, 8, (9, 1)), (30, 16, (0.5, 4))])
def test_the_interval_of_an_accuracy_covers_it(draws: np.random.Generator, n: int, samples: int, shape: tuple[float, float]) -> None:
    truth, hits = shape[0] / sum(shape), 0
    for _ in range(2000):
        found = accuracy(sampled(draws, draws.beta(*shape, n), samples))
        hits += found.low <= truth <= found.high
    assert hits / 2000 == pytest.approx(0.95, abs=0.02)


def test_a_mean_has_students_interval(draws: np.random.Generator) -> None:
    values = draws.normal(1000, 300, 40).tolist()
    reference = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (mean(values).low, mean(values).high) == pytest.approx((reference.low, reference.high))


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(("n", "samples"), [(40, 1), (30, 4), pytest.param(60, 8, marks=pytest.mark.slow)])
def test_the_interval_of_a_paired_difference_covers_it(draws: np.random.Generator, n: int, samples: int) -> None:
    hits, trials = 0, 400
    for trial in range(trials):
        ours = draws.beta(2, 1, n)
        theirs = ours * draws.beta(5, 2, n)  # mean 2/3 * 5/7: the true difference is 2/3 * 2/7
        low, high = bootstrap(sampled(draws, ours, samples), sampled(draws, theirs, samples), seed=trial)
        hits += low <= 4 / 21 <= high
    assert hits / trials == pytest.approx(0.95, abs=0.02)


@pytest.mark.usefixtures("few_resamples")
def test_the_interval_of_rated_answers_covers_their_difference(draws: np.random.Generator) -> None:
    """Four ratings a question, on a scale of ten steps: their spread within a question is that of the ratings, not of right and wrong."""
    hits, trials = 0, 300
    for trial in range(trials):
        rates = draws.beta(4, 2, 30)
        ours, theirs = rated(draws, rates), rated(draws, rates * draws.beta(5, 2, 30))  # the second ones' mean is 2/3 * 5/7
        low, high = bootstrap(ours, theirs, seed=trial)
        hits += low <= 4 / 21 <= high
    assert hits / trials == pytest.approx(0.95, abs=0.03)
    assert paired(ours, theirs).test == "exact sign-flip"


def rated(draws: np.random.Generator, rates: Rates) -> list[Marks]:
    return [Marks.of((draws.binomial(10, rate, 4) / 10).tolist()) for rate in rates]


def test_marks_of_right_and_wrong_are_counts() -> None:
    assert Marks.of([1.0, 0.0, 1.0]) == Marks.counted(2, 3)
    assert Marks.counted(2, 3).counts
    assert Marks.counted(1, 4).variance == pytest.approx(0.25 * 0.75)
    ratings = Marks.of([0.5, 0.7])
    assert ratings.rate == pytest.approx(0.6)
    assert ratings.variance == pytest.approx(0.01)
    assert not ratings.counts


def test_the_permutation_test_errs_in_five_of_a_hundred(draws: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    found, trials = 0, 3000
    for trial in range(trials):
        rates = draws.beta(2, 2, 60)
        differences = (draws.binomial(8, rates) - draws.binomial(8, rates)) / 8
        found += sign_flip(differences.tolist(), seed=trial) < 0.05
    assert found / trials == pytest.approx(0.05, abs=0.01)


def test_exact_tests_never_err_more_often_than_they_say(draws: np.random.Generator) -> None:
    flips = binary = 0
    for _ in range(2000):
        rates = draws.beta(2, 2, 30)
        flips += sign_flip(((draws.binomial(16, rates) - draws.binomial(16, rates)) / 16).tolist()) < 0.05
        ours, theirs = draws.binomial(1, rates), draws.binomial(1, rates)
        binary += mcnemar(int((ours > theirs).sum()), int((ours < theirs).sum())) < 0.05
    assert 0.03 <= flips / 2000 <= 0.06
    assert 0.01 <= binary / 2000 <= 0.055


def test_sign_flip_counts_every_pattern(draws: np.random.Generator) -> None:
    differences = (draws.integers(-4, 5, 11) / 4).tolist()
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in itertools.product((1, -1), repeat=11)]
    share = sum(total >= abs(sum(differences)) - 1e-12 for total in sums) / 2**11
    assert sign_flip(differences) == pytest.approx(share)
    assert sign_flip([0.0, 0.0]) == 1.0


def test_thirty_questions_are_exact_and_one_sided_ones_cannot_be_chance() -> None:
    assert sign_flip([0.5] * 30) == pytest.approx(2 / 2**30)


def test_mcnemar_and_the_published_counts() -> None:
    assert mcnemar(10, 2) == pytest.approx(0.0386, abs=1e-4)
    assert mcnemar(0, 0) == 1.0
    published = counts(13, 30, 12, 30)
    assert published.p == 1.0
    assert not published.paired
    assert published.low < -0.2 < 0.25 < published.high


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    first = family([counts(20, 30, 5, 30), counts(13, 30, 12, 30)])[0]
    assert first.adjusted == pytest.approx(2 * counts(20, 30, 5, 30).p)


def test_paired_chooses_the_test_by_the_samples() -> None:
    ones, many = [Marks.counted(1, 1), Marks.counted(0, 1)] * 20, [Marks.counted(2, 4)] * 40
    assert paired(ones, ones[::-1]).test == "exact McNemar"
    assert paired(ones[:30], many[:30]).test == "exact sign-flip"
    assert paired(ones, many).test == "sign-flip permutation"
    assert paired(ones, many) == paired(ones, many), "seeded"


def test_no_right_answer_of_twenty_questions_is_no_certainty() -> None:
    """0 of 20 x 2 against 3.9 % of 200 x 4, the regime of AIME: what the first arm has no spread of, it has no proof of."""
    few = [Marks.counted(0, 2)] * 20
    many = [Marks.counted(1, 4)] * 31 + [Marks.counted(0, 4)] * 169
    for found in (unpaired(few, many), unpaired(many, few)):
        assert found.p > 0.1
        assert found.low < 0 < found.high
        assert found.detectable > 0.1
    assert unpaired(few, [Marks.counted(3, 4)] * 200).p < 1e-6


@pytest.mark.parametrize(("ours", "theirs"), [((20, 2), (200, 4)), ((30, 1), (30, 16)), ((5, 8), (300, 2)), ((30, 64), (30, 64))])
@pytest.mark.parametrize("p", [0, 0.005, 0.02, 0.1, 0.5, 0.96, 1])
@pytest.mark.parametrize("spread", [None, 1])
def test_one_model_in_both_arms_is_told_apart_in_at_most_five_of_a_hundred(
    draws: np.random.Generator, ours: tuple[int, int], theirs: tuple[int, int], p: float, spread: float | None
) -> None:
    """Questions x samples of each arm; all questions as hard as each other, or some all right and some all wrong."""
    found = covered = 0
    trials = 150
    for _ in range(trials):
        one = unpaired(*(sampled(draws, hardness(draws, p, spread, n), k) for n, k in (ours, theirs)))
        found += one.p < 0.05
        covered += one.low <= 0 <= one.high
    assert found / trials <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / trials) + 0.01
    assert covered / trials >= 0.95 - 2.6 * np.sqrt(0.05 * 0.95 / trials) - 0.02


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(("n", "k", "other_k"), [(30, 1, 16), (30, 4, 4), (60, 2, 8)])
@pytest.mark.parametrize("p", [0, 0.005, 0.02, 0.1, 0.96])
def test_the_same_model_on_the_same_questions_is_told_apart_in_at_most_five_of_a_hundred(
    draws: np.random.Generator, n: int, k: int, other_k: int, p: float
) -> None:
    """One sample is right or wrong where sixteen are a little of both: signs alone called that a difference in half of the cases."""
    found = covered = 0
    trials = 60
    for trial in range(trials):
        rates = hardness(draws, p, None, n)
        one = paired(sampled(draws, rates, k), sampled(draws, rates, other_k), seed=trial)
        found += one.p < 0.05
        covered += one.low <= 0 <= one.high
    assert found / trials <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / trials) + 0.01
    assert covered / trials >= 0.95 - 2.6 * np.sqrt(0.05 * 0.95 / trials) - 0.02


@pytest.mark.usefixtures("few_resamples")
def test_a_handful_of_right_answers_is_an_interval_wide_enough(draws: np.random.Generator) -> None:
    """30 questions of 4 samples at 2 %: two or three right answers in an arm, drawn again, covered 90 of 100 times."""
    covered, trials = 0, 400
    for trial in range(trials):
        ours, theirs = (sampled(draws, np.full(30, 0.02), 4) for _ in range(2))
        one = paired(ours, theirs, seed=trial)
        covered += one.low <= 0 <= one.high
    assert covered / trials >= 0.95


def hardness(draws: np.random.Generator, p: float, spread: float | None, n: int) -> Rates:
    """How often each of n questions is answered right, p on average."""
    return np.full(n, p) if spread is None or p in (0, 1) else draws.beta(p * spread, (1 - p) * spread, n)


def test_unpaired_averages_use_welch(draws: np.random.Generator) -> None:
    ours, theirs = sampled(draws, draws.beta(4, 2, 50), 4), sampled(draws, draws.beta(2, 4, 70), 4)
    found = unpaired(ours, theirs)
    assert found.test == "Welch"
    assert found.low < found.difference < found.high
    assert found.p == pytest.approx(stats.ttest_ind([t.rate for t in ours], [t.rate for t in theirs], equal_var=False).pvalue)
    assert unpaired([Marks.counted(1, 1)] * 5, [Marks.counted(0, 1)] * 5).test == "Fisher exact"


def test_the_detectable_difference_is_found_four_times_in_five(draws: np.random.Generator) -> None:
    size = detectable((draws.binomial(8, 0.5, 4000) / 8 - draws.binomial(8, 0.5, 4000) / 8).tolist()) * np.sqrt(4000 / 60)
    found = 0
    for _ in range(600):
        differences = draws.binomial(8, 0.5 + size / 2, 60) / 8 - draws.binomial(8, 0.5 - size / 2, 60) / 8
        found += stats.ttest_1samp(differences, 0).pvalue < 0.05
    assert found / 600 == pytest.approx(0.8, abs=0.06)


def test_verdicts_say_what_was_found_and_what_could_not_be() -> None:
    clear = verdict(paired([Marks.counted(1, 1)] * 40, [Marks.counted(0, 1)] * 40), "long", "short")
    assert clear.startswith("long is above short: +100.0 points")
    assert "p < 0.0001" in clear
    open_question = verdict(counts(13, 30, 12, 30), "Ours-72B", "o1-preview")
    assert open_question.startswith("No difference shown between Ours-72B and o1-preview: +3.3 points")
    assert "unpaired, Fisher exact p = 1.00" in open_question
    assert "30 questions show a true difference of 36 points or more in four cases of five" in open_question


def test_the_interval_of_two_counts_covers_their_difference(draws: np.random.Generator) -> None:
    hits, trials = 0, 1500
    for _ in range(trials):
        here, there = draws.uniform(0.2, 0.9, 2)
        found = counts(int(draws.binomial(30, here)), 30, int(draws.binomial(40, there)), 40)
        hits += found.low <= here - there <= found.high
    assert hits / trials == pytest.approx(0.95, abs=0.02)


def test_two_samples_of_averages_err_in_five_of_a_hundred(draws: np.random.Generator) -> None:
    found, covered, trials = 0, 0, 1500
    for _ in range(trials):
        one = unpaired(sampled(draws, draws.beta(2, 2, 50), 8), sampled(draws, draws.beta(2, 2, 70), 8))
        found += one.p < 0.05
        covered += one.low <= 0 <= one.high
    assert found / trials == pytest.approx(0.05, abs=0.01)
    assert covered / trials == pytest.approx(0.95, abs=0.02)


def test_a_family_errs_in_at_most_five_of_a_hundred(draws: np.random.Generator) -> None:
    """Six comparisons without any true difference: at least one is called shown in at most 5 % of families after Holm, in 25 % before."""
    before = after = 0
    for _ in range(6000):
        ps = draws.uniform(size=6).tolist()  # what p-values are where nothing differs
        before += min(ps) < 0.05
        after += min(holm(ps)) < 0.05
    assert after / 6000 == pytest.approx(0.05, abs=0.01)
    assert before / 6000 > 0.2


@pytest.mark.parametrize(("seeds", "questions", "k"), [(2, 200, 4), (3, 30, 1), (3, 200, 4), (5, 60, 1)])
@pytest.mark.parametrize("moved", [0.0, 0.3, 1.0])
def test_seeds_and_questions_are_both_chance(draws: np.random.Generator, seeds: int, questions: int, k: int, moved: float) -> None:
    """One recipe in both arms, each seed of which is a little better or worse, and on some questions more than on others."""
    found = covered = 0
    trials = 400
    for _ in range(trials):
        hard = draws.normal(-0.5, 1.5, questions)

        def arm(hard: Rates = hard) -> Rates:
            seed, both = draws.normal(0, moved, (seeds, 1)), draws.normal(0, moved / 2, (seeds, questions))
            rates: Rates = draws.binomial(k, 1 / (1 + np.exp(-(hard + seed + both)))) / k
            return rates

        one = contrast(arm() - arm())
        found += one.p < 0.05
        covered += one.low <= 0 <= one.high
    assert found / trials <= 0.06 + 2.6 * np.sqrt(0.05 * 0.95 / trials)
    assert covered / trials >= 0.93 - 2.6 * np.sqrt(0.05 * 0.95 / trials)


def test_a_contrast_finds_what_is_there_and_names_what_it_could_find(draws: np.random.Generator) -> None:
    one = contrast((draws.binomial(1, 0.7, (3, 200)) - draws.binomial(1, 0.4, (3, 200))).astype(np.float64))
    assert one.shown
    assert one.low < 0.3 < one.high
    assert 0.02 < one.detectable < 0.3
    assert contrast(np.zeros((3, 30))).p == 1.0
    assert contrast(np.zeros((3, 30))).high > 0.1, "thirty equal answers are no proof of equality"
    alone = (draws.binomial(1, 0.6, (1, 40)) - draws.binomial(1, 0.5, (1, 40))).astype(np.float64)
    assert contrast(alone).p == sign_flip(alone[0].tolist())
