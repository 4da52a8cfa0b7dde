"""pass@k, maj@k and token statistics against counting by hand."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o1exp.bench.metrics import maj_at_k, pass_at_k, rm_at_k, token_statistics
from o1exp.records import Score


def brute_pass(n: int, right: int, k: int) -> float:
    subsets = list(itertools.combinations(range(n), k))
    return sum(any(place < right for place in subset) for subset in subsets) / len(subsets)


def brute_majority(answers: Sequence[str], right: Sequence[bool], k: int) -> float:
    total, subsets = 0.0, list(itertools.combinations(range(len(answers)), k))
    for subset in subsets:
        votes = Counter(answers[place] for place in subset if answers[place])
        top = {name for name, count in votes.items() if count == max(votes.values())}
        verdict = {answers[place]: right[place] for place in subset}
        total += sum(verdict[name] for name in top) / len(top) if top else 0.0
    return total / len(subsets)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer(case: tuple[int, int, int]) -> None:
    assert pass_at_k(*case) == pytest.approx(brute_pass(*case))


@pytest.mark.parametrize(("n", "right", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)])
def test_pass_at_k_refuses_what_cannot_be(n: int, right: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k} of {n}"):
        pass_at_k(n, right, k)


@given(st.lists(st.sampled_from(["1", "2", "3", "x", ""]), min_size=1, max_size=7), st.data())
def test_maj_at_k_is_the_mean_over_subsets(answers: list[str], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(answers)))
    gold = data.draw(st.sampled_from(["1", "x"]))
    right = [answer == gold for answer in answers]
    assert maj_at_k(answers, right, k) == pytest.approx(brute_majority(answers, right, k))


def test_a_tie_is_shared_and_empty_answers_do_not_vote() -> None:
    assert maj_at_k(["7", "8"], [True, False], 2) == 0.5
    assert maj_at_k(["7", "", ""], [True, False, False], 3) == 1.0
    assert maj_at_k(["", "  "], [False, False], 2) == 0.0


def test_two_spellings_of_one_number_vote_together() -> None:
    assert maj_at_k(["0.5", "1/2", "3", "3", "0.50"], [True, True, False, False, True], 5) == 1.0


def test_many_samples_are_counted_exactly_and_fast() -> None:
    chance = random.Random(3)
    answers = [chance.choice(["1", "2", "3", ""]) for _ in range(16)]
    right = [answer == "1" for answer in answers]
    assert maj_at_k(answers, right, 7) == pytest.approx(brute_majority(answers, right, 7), abs=1e-12)
    many = [str(chance.choice([7, 7, 7, chance.randrange(50)])) for _ in range(64)]
    started = time.process_time()
    rates = [maj_at_k(many, [answer == "7" for answer in many], k) for k in (1, 8, 32, 64)]
    assert time.process_time() - started < 5
    assert rates[0] == pytest.approx(many.count("7") / 64)
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
        maj_at_k(["1", "2"], [True, False], 3)
    with pytest.raises(ValueError, match="one verdict per answer"):
        maj_at_k(["1", "2"], [True], 1)


def graded(tokens: int, correct: bool | None) -> Score:
    return Score(problem="p", draw=0, correct=correct, extracted="", method="none", tokens=tokens, truncated=False)


def test_token_statistics_by_verdict() -> None:
    found = token_statistics([graded(10, True), graded(20, True), graded(60, False), graded(110, None)])
    assert (found.mean, found.median, found.right, found.wrong) == (50.0, 40.0, 15.0, 60.0)
    assert found.p90 == pytest.approx(95.0)  # 60 + 0.7 * 50
    assert token_statistics([graded(5, False)]).right is None
    with pytest.raises(ValueError, match="at least one"):
        token_statistics([])
