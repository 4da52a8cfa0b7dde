"""Order and packs: everything once an epoch, full packs, and no say for the number of ranks."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from o1exp.train.data.encode import Ints
from o1exp.train.data.pack import LOOK_AHEAD, Pack, Shape, document_order, steps


def in_order(lengths: Ints, epochs: float, max_tokens: int | None, seed: int) -> list[int]:
    return [int(document) for part in document_order(lengths, epochs, max_tokens, seed) for document in part]


def packs_of(order: list[int], lengths: Ints, shape: Shape) -> list[list[Pack]]:
    return list(steps(iter([np.array(order)]), lengths, shape))


lengths_of = some.lists(some.integers(2, 40), min_size=1, max_size=60).map(np.array)


@given(lengths_of, some.floats(0.1, 4), some.integers(1, 5), some.integers(0, 9))
def test_every_document_of_the_order_is_packed_once(lengths: Ints, epochs: float, packs: int, seed: int) -> None:
    order = in_order(lengths, epochs, None, seed)
    packed = packs_of(order, lengths, Shape(packs, 40))
    assert Counter(d for step in packed for pack in step for d in pack) == Counter(order)
    assert all(len(step) <= packs and all(lengths[pack].sum() <= 40 for pack in step) for step in packed)
    assert all(step for step in packed)


def test_each_epoch_is_a_shuffle_of_its_own() -> None:
    order = in_order(np.full(50, 7), 2.5, None, seed=1)
    first, second, rest = order[:50], order[50:100], order[100:]
    assert sorted(first) == sorted(second) == list(range(50))
    assert len({tuple(first), tuple(second), tuple(range(50))}) == 3
    assert len(set(rest)) == len(rest) == 25
    assert order == in_order(np.full(50, 7), 2.5, None, seed=1) != in_order(np.full(50, 7), 2.5, None, seed=2)


@given(lengths_of, some.integers(1, 3000))
def test_a_token_budget_ends_with_the_document_that_reaches_it(lengths: Ints, max_tokens: int) -> None:
    order = in_order(lengths, 3, max_tokens, seed=0)
    assert lengths[order].sum() >= max_tokens > lengths[order[:-1]].sum()
    assert order == in_order(lengths, 99, None, seed=0)[: len(order)] or len(order) > 99 * len(lengths)


def test_packs_of_short_documents_are_nearly_full_and_steps_a_fair_sample() -> None:
    lengths = np.random.default_rng(0).integers(60, 200, 600)
    packed = packs_of(in_order(lengths, 2, None, 0), lengths, Shape(4, 1024))[:-1]
    fill = [lengths[pack].sum() / 1024 for step in packed for pack in step]
    assert np.mean(fill) > 0.93
    means = [lengths[[d for pack in step for d in pack]].mean() for step in packed]
    assert np.std(means) < 1.5 * lengths.std() / np.sqrt(31)  # as 31 documents drawn at random would vary


@pytest.mark.parametrize("packs", [1, 2, 8])
def test_heavy_tails_pack_well_too_however_small_the_step(packs: int) -> None:
    lengths = np.minimum(8192, np.random.default_rng(0).lognormal(8, 0.7, 3000).astype(int) + 20)
    packed = packs_of(in_order(lengths, 1, None, 0), lengths, Shape(packs, 8192))[:-1]
    assert np.mean([sum(lengths[pack].sum() for pack in step) / (packs * 8192) for step in packed]) > 0.95


@given(lengths_of, some.integers(1, 3), some.integers(0, 9))
def test_what_was_passed_over_opens_the_next_step(lengths: Ints, packs: int, seed: int) -> None:
    order = in_order(lengths, 1, None, seed)
    for step in packs_of(order, lengths, Shape(packs, 40)):
        taken = {document for pack in step for document in pack}
        assert order[0] in taken
        assert taken <= set(order[: len(taken) + LOOK_AHEAD])
        order = [document for document in order if document not in taken]
