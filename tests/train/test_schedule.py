"""Learning rates, and how ranks share a step."""

import tracemalloc

import numpy as np
import pytest

from o1exp.records import Example, Pair
from o1exp.train.data.encode import ChatEncoder, encode
from o1exp.train.data.schedule import Batches, Feed, held_out, held_out_facts, learning_rate, micro_batches_per_step, units_of
from tests.chat.shapes import SHAPES
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


SPELLINGS = ("What is ${0}+{1}$?", "what is {0} + {1}", "What is \\({0}+{1}\\) ?", "WHAT IS {0}+{1}?")


def questions(count: int, ids: str = "{2}") -> list[Example]:
    """Each question four times, in four spellings, with another answer and (by default) under another id each time."""
    spelt = [(number, place, SPELLINGS[place].format(number, number + 1)) for number in range(count) for place in range(4)]
    return [
        Example(problem=ids.format(number, place, f"{number}/{place}"), prompt=text, response=f"{place}") for number, place, text in spelt
    ]


def test_all_solutions_of_a_question_stand_on_one_side() -> None:
    tokenizer = SHAPES["Qwen2.5"].tokenizer()
    rows = questions(40)
    data = encode(rows, ChatEncoder(tokenizer), 1000, "drop")
    learned, held = held_out(data, 0.3)
    sides = [{data.rows[document] // 4 for document in side} for side in (learned, held)]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 40
    assert 4 < len(sides[1]) < 24
    facts = held_out_facts(data, 0.3)
    assert (facts["held_out"], facts["held_out_problems"]) == (4 * len(sides[1]), len(sides[1]))
    # Another order, other ids and other answers hold out the same questions, and say so.
    again = encode(reversed(questions(40, ids="q{1}{0}")), ChatEncoder(tokenizer), 1000, "drop")
    assert held_out_facts(again, 0.3)["held_out_digest"] == facts["held_out_digest"] != held_out_facts(again, 0.2)["held_out_digest"]
    assert held_out_facts(data, 0.0) == {"held_out": 0, "held_out_problems": 0, "held_out_digest": ""}


def test_pairs_of_a_question_stand_on_one_side() -> None:
    pairs = [Pair(problem=row.problem, prompt=row.prompt, chosen="3", rejected=f"{row.response} no") for row in questions(20)]
    data = encode(pairs, ChatEncoder(SHAPES["Qwen2.5"].tokenizer()), 1000, "drop")
    sides = [units_of(a_spec(objective="dpo"), data, documents) for documents in held_out(data, 0.3)]
    rows = [{int(data.rows[document]) // 4 for document in units.members.ravel()} for units in sides]
    assert not rows[0] & rows[1]
    assert sum(len(units.members) for units in sides) == 80
    facts = held_out_facts(data, 0.3)
    assert (facts["held_out"], facts["held_out_problems"]) == (4 * len(rows[1]), len(rows[1]))


def test_a_plan_holds_a_few_bytes_of_a_document() -> None:
    count = 20_000
    data = encoded(np.zeros(0), np.arange(0, 4 * count + 1, 4), np.full(count, 2))
    spec = a_spec(epochs=2)
    units = every_unit(spec, data)
    assert units.sizes.sum() == 4 * count
    tracemalloc.start()
    todo = the_plan(spec, data)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(todo.units) == 2 * count
    assert held < 32 * count  # twice 4 bytes, beside those of the units
    assert peak < 48 * count + 1_000_000
    assert len(todo[-1].packs) == len(todo[len(todo) - 1].packs) > 0
    assert [step.tokens for step in todo[2:4]] == todo.tokens[2:4].tolist()


def test_held_out_micro_batches_are_made_when_they_are_asked_for() -> None:
    data = encoded(np.arange(400) % 50, np.arange(0, 401, 10), np.full(40, 4))
    spec = a_spec(devices=3)
    shares = [Batches(spec, every_unit(spec, data), rank) for rank in range(3)]
    assert {len(share) for share in shares} == {3}
    assert sorted(d for share in shares for batch in share for d in batch.documents) == list(range(40))
    assert shares[0][1] is not shares[0][1]
    assert shares[2][-1].ids.equal(shares[2][2].ids)
