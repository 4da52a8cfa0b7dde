"""Learning rates, and how ranks share a step."""

import numpy as np
import pytest

from o1exp.train.data.schedule import Feed, learning_rate, micro_batches_per_step
from tests.train.parts import a_spec, documents_of, encoded, every_unit, the_plan


def test_learning_rate_warms_up_and_decays() -> None:
    rates = {
        name: [learning_rate(a_spec(lr_scheduler_type=name, warmup_ratio=0.2), at, 10) for at in range(10)]
        for name in ("cosine", "linear", "constant")
    }
    assert all(found[:2] == [0.5, 1.0] for found in rates.values())
    assert rates["constant"][2:] == [1.0] * 8
    assert rates["linear"][2:] == pytest.approx([1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert rates["cosine"][6] == pytest.approx(0.5)
    assert rates["cosine"] == sorted(rates["cosine"][:2]) + sorted(rates["cosine"][2:], reverse=True)


@pytest.mark.parametrize(("ranks", "micro_batch_tokens"), [(1, 64), (1, 1000), (2, 64), (3, 128), (8, 64)])
def test_ranks_and_micro_batches_share_each_step(ranks: int, micro_batch_tokens: int) -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 70)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.repeat(np.arange(70), lengths)  # every token of a document is its own number
    data = encoded(ids, starts, np.full(70, 3))
    spec = a_spec(devices=ranks, micro_batch_tokens=micro_batch_tokens, epochs=2)
    todo = the_plan(spec, data)
    assert sorted(documents_of(todo)) == sorted(2 * list(range(70)))
    facts = Feed(spec, every_unit(spec, data), todo, 0).facts()
    assert (facts["rows"], facts["epochs_done"]) == (70, 2.0)
    feeds = [list(Feed(spec, every_unit(spec, data), todo, rank)) for rank in range(ranks)]
    assert {len(feed) for feed in feeds} == {len(todo) * micro_batches_per_step(spec)}
    for at, step in enumerate(todo):
        batches = [batch for feed in feeds for batch in feed if batch.step == at]
        assert sum(len(batch.targets) for batch in batches) == step.weight
        found = sorted(int(token) for batch in batches for token in batch.targets)
        assert found == sorted(token for d in documents_of([step]) for token in [d] * (int(lengths[d]) - 3))
        assert {batch.scale for batch in batches} == {ranks / step.weight}
    assert [batch.last for batch in feeds[0]] == ([False] * (micro_batches_per_step(spec) - 1) + [True]) * len(todo)


def test_a_resumed_feed_goes_on_with_the_same_batches() -> None:
    data = encoded(np.arange(400) % 50, np.arange(0, 401, 10), np.full(40, 4))
    spec = a_spec(epochs=3)
    todo = the_plan(spec, data)
    whole, rest = Feed(spec, every_unit(spec, data), todo, 0), Feed(spec, every_unit(spec, data), todo, 0)
    rest.first = 2
    after = [batch for batch in whole if batch.step >= 2]
    assert len(after) == len(rest) > 0
    assert all(a.ids.equal(b.ids) and a.targets.equal(b.targets) and a.step == b.step for a, b in zip(after, rest, strict=True))


def test_rows_are_the_examples_that_were_used() -> None:
    data = encoded(np.arange(400) % 50, np.arange(0, 401, 10), np.full(40, 4), dropped=3)
    spec = a_spec(max_tokens=95)
    facts = Feed(spec, every_unit(spec, data), the_plan(spec, data), 0).facts()
    assert (facts["rows"], facts["examples"], facts["tokens"], facts["label_tokens"], facts["epochs_done"]) == (10, 43, 100, 60, 0.25)
