"""pass@k, maj@k and token statistics against counting by hand."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o1exp.bench.metrics import Votes, pass_at_k, rm_at_k, sample_counts, token_statistics
from o1exp.records import Score


def brute_pass(credits: Sequence[float], k: int) -> float:
    subsets = list(itertools.combinations(credits, k))
    return sum(map(max, subsets)) / len(subsets)


def brute_majority(votes: Sequence[int], credits: Sequence[float], k: int) -> float:
    total, subsets = 0.0, list(itertools.combinations(range(len(votes)), k))
    for subset in subsets:
        counts = Counter(votes[place] for place in subset if votes[place] >= 0)
        top = {name for name, count in counts.items() if count == max(counts.values())}
        worth = {votes[place]: credits[place] for place in subset}
        total += sum(worth[name] for name in top) / len(top) if top else 0.0
    return total / len(subsets)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=9), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer(credits: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(credits)))
    n, right = len(credits), credits.count(1.0)
    assert pass_at_k(credits, k) == pytest.approx(brute_pass(credits, k))
    assert pass_at_k(credits, k) == pytest.approx(1 - math.comb(n - right, k) / math.comb(n, k))


def test_pass_at_k_of_judged_answers_is_the_best_of_k() -> None:
    assert pass_at_k([0.2, 0.9, 0.4, 0.4], 3) == pytest.approx(brute_pass([0.2, 0.9, 0.4, 0.4], 3))


@pytest.mark.parametrize("k", [0, 5])
def test_pass_at_k_refuses_what_cannot_be(k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k} of 4"):
        pass_at_k([1.0, 0.0, 0.0, 1.0], k)


def test_the_sample_counts_double_up_to_all() -> None:
    assert sample_counts(1) == [1]
    assert sample_counts(8) == [1, 2, 4, 8]
    assert sample_counts(12) == [1, 2, 4, 8, 12]


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=7), st.data())
def test_maj_at_k_is_the_mean_over_subsets(votes: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(votes)))
    gold = data.draw(st.sampled_from([0, 3]))
    credits = [float(vote == gold) for vote in votes]
    assert Votes.cast(votes, credits).maj_at(k) == pytest.approx(brute_majority(votes, credits, k))


def test_a_tie_is_shared_and_empty_answers_do_not_vote() -> None:
    assert Votes.cast([7, 8], [1, 0]).maj_at(2) == 0.5
    assert Votes.cast([7, -1, -1], [1, 0, 0]).maj_at(3) == 1.0
    assert Votes.cast([-1, -1], [0, 0]).maj_at(2) == 0.0


def test_answers_that_were_not_compared_do_not_vote_at_all() -> None:
    rows = [Score(problem="p", draw=draw, value=1.0, scale=(0.0, 1.0), label="safe") for draw in range(3)]
    assert Votes.of(rows) is None
    assert Votes.of([replace(row, vote=0) for row in rows]) == Votes((3,), (1.0,))


def test_many_samples_are_counted_exactly() -> None:
    chance = random.Random(3)
    votes = [chance.choice([0, 1, 2, -1]) for _ in range(16)]
    credits = [float(vote == 0) for vote in votes]
    assert Votes.cast(votes, credits).maj_at(7) == pytest.approx(brute_majority(votes, credits, 7), abs=1e-12)
    many = [chance.choice([7, 7, 7, 100 + chance.randrange(50)]) for _ in range(64)]
    rates = [Votes.cast(many, [float(vote == 7) for vote in many]).maj_at(k) for k in (1, 8, 32, 64)]
    assert rates[0] == pytest.approx(many.count(7) / 64)
    assert rates == sorted(rates)
    assert rates[-1] == 1.0


def brute_best(rewards: Sequence[float], right: Sequence[bool], k: int) -> float:
    total, subsets = 0.0, list(itertools.combinations(range(len(rewards)), k))
    for subset in subsets:
        best = [place for place in subset if rewards[place] == max(rewards[i] for i in subset)]
        total += sum(right[place] for place in best) / len(best)
    return total / len(subsets)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9, 2.0]), st.booleans()), min_size=1, max_size=7), st.data())
def test_rm_at_k_is_the_mean_over_subsets(pairs: list[tuple[float, bool]], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(pairs)))
    rewards, right = [reward for reward, _ in pairs], [verdict for _, verdict in pairs]
    assert rm_at_k(rewards, right, k) == pytest.approx(brute_best(rewards, right, k))


def test_rm_at_k_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="rm@3 of 2"):
        rm_at_k([1.0, 2.0], [True, False], 3)
    with pytest.raises(ValueError, match="one reward per answer"):
        rm_at_k([1.0], [True, False], 1)
    with pytest.raises(ValueError, match="not finite"):
        rm_at_k([1.0, float("nan")], [True, False], 1)


def test_maj_at_k_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="maj@3 of 2"):
        Votes.cast([1, 2], [1, 0]).maj_at(3)
    with pytest.raises(ValueError, match="one verdict per answer"):
        Votes.cast([1, 2], [1])


def graded(tokens: int, correct: bool | None) -> Score:
    return Score(problem="p", draw=0, correct=correct, extracted="", method="none", tokens=tokens, truncated=False)


def test_token_statistics_by_verdict() -> None:
    found = token_statistics([graded(10, True), graded(20, True), graded(60, False), graded(110, None)])
    assert (found.mean, found.median, found.right, found.wrong) == (50.0, 40.0, 15.0, 60.0)
    assert found.p90 == pytest.approx(95.0)  # 60 + 0.7 * 50
    assert token_statistics([graded(5, False)]).right is None
    with pytest.raises(ValueError, match="at least one"):
        token_statistics([])
