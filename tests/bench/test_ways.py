"""How rows may be decoded together is found out on the model: whatever is found gives what generate() gives for each text alone."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from o1exp.bench.engines import generate
from o1exp.bench.engines.decode import Way, cache_cost, decode
from o1exp.bench.engines.paged.attention import NotPaged
from o1exp.bench.engines.paged.fit import paged
from o1exp.bench.engines.ways import way_of
from o1exp.chat.local.plain import only_logits
from o1exp.chat.local.rows import CannotSample, Decoded, DecodeRequest, DecodeRules, Forcing, NoNumber
from o1exp.chat.local.window import regime, window
from tests.bench.kinds import KINDS, RARE, tiny

PROMPTS = [(5, 9, 3), (2, 8, 9, 10, 11, 3, 40, 50, 60, 61, 62, 80), (7, 7, 33, 12)]
GREEDY = DecodeRules(temperature=0.0, top_p=1.0, ends=frozenset(), stopped=lambda ids, new: False)
LONGEST = 40


def by_generate(model: Any, prompt: tuple[int, ...], limit: int) -> list[int]:
    ids = torch.tensor([prompt])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False, pad_token_id=0, eos_token_id=None
    )  # fmt: skip
    found: list[int] = out[0, len(prompt) :].tolist()
    return found


def ours(model: Any, limit: int, rules: DecodeRules, way: Way) -> list[Decoded]:
    luck = torch.Generator().manual_seed(0)
    asked = [DecodeRequest(prompt=prompt, limit=limit, noise=torch.rand(limit, generator=luck)) for prompt in PROMPTS]
    return decode(model, asked, rules, lambda tokens, finished: None, way)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in RARE else []) for kind in KINDS])
def test_greedy_answers_are_those_of_generate(kind: str) -> None:
    """Sliding windows are shorter than a prompt here; rows of one batch have prompts of unlike lengths."""
    torch.set_num_threads(1)
    model = tiny(kind)
    with only_logits(model):
        way = way_of(model, LONGEST)
        found = [got.ids for got in ours(model, 20, GREEDY, way)]
    assert found == [by_generate(model, prompt, 20) for prompt in PROMPTS]
    if kind in ("qwen2", "mistral", "gpt_oss", "gemma2", "mixtral", "gpt2", "bloom"):
        assert way is Way.PADDED, "the fast way"
    if kind == "mamba":
        with pytest.raises(AssertionError):  # it is not right for all: the trial has something to find
            assert [got.ids for got in ours(model, 20, GREEDY, Way.PADDED)] == found


def test_the_ways_draw_alike() -> None:
    """Our own loop, generate() with our drawing, and single rows: the same numbers give the same texts, with stops and ends too."""
    model = tiny("qwen2")
    rules = DecodeRules(temperature=1.0, top_p=0.9, ends=frozenset({3, 20, 21}), stopped=lambda ids, new: ids[-1] in (40, 41))
    padded, alike, alone = ([(got.ids, got.tokens, got.ended) for got in ours(model, 40, rules, way)] for way in Way)
    assert padded == alike == alone
    # Every third number completes a mark of two tokens, which is taken back while the text is short.
    force = Forcing(end=(33,), answer=(34,), wait=(36,), least=12, most=25, closed=lambda ids, token: 2 * (token % 3 == 0))
    padded, alike, alone = (
        [(got.ids, got.tokens, got.ended) for got in ours(model, 40, replace(rules, forcing=force), way)] for way in Way
    )
    assert padded == alike == alone
    assert all(36 in ids for ids, _, _ in padded)
    assert {ended for _, _, ended in padded} == {True, False} or len({len(ids) for ids, _, _ in padded}) > 1


class Broken(torch.nn.Module):
    """A layer that cannot run."""

    def forward(self, *_: Any, **__: Any) -> Any:
        raise KeyError("no such thing\nand more")


def test_a_model_that_cannot_generate_is_refused_in_a_sentence() -> None:
    model = tiny("qwen2")
    model.model.layers[1] = Broken()
    with pytest.raises(CannotSample, match=r"^Qwen2ForCausalLM \(qwen2\) cannot generate text: 'no such thing"):
        way_of(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_without_numbers_are_found_before_anything_is_drawn(value: float) -> None:
    model = tiny("qwen2")
    with torch.no_grad():
        model.lm_head.weight[5] = value
    with pytest.raises(NoNumber, match="NaN or infinite"):
        way_of(model)


def test_long_rotary_factors_change_the_rows_beside_them() -> None:
    """Phi-3 has other positions behind its first window: alone, a short text would never have met them."""
    scaled = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [4.0] * 4}
    model = tiny("phi3", original_max_position_embeddings=16, rope_parameters={**scaled, "original_max_position_embeddings": 16})
    assert regime(model) == 16
    assert way_of(model, 16) is Way.PADDED
    assert way_of(model, 32) is Way.ALIKE
    assert [got.ids for got in ours(model, 20, GREEDY, Way.ALIKE)] == [by_generate(model, prompt, 20) for prompt in PROMPTS]
    assert ours(model, 20, GREEDY, Way.PADDED) != ours(model, 20, GREEDY, Way.ALIKE)
    with pytest.raises(NotPaged, match="more than 16 tokens change"):
        paged(model, 32)


def test_recurrent_states_take_memory_however_long_a_row_is() -> None:
    token, row = cache_cost(tiny("jamba"))
    assert token == 2 * 2 * 8 * 4, "one layer of attention: keys and values of two heads of 8 floats"
    assert row == 64 * 4 * 4 + 64 * 8 * 4, "one layer of Mamba: a convolution of four and a state of eight, 64 wide"
    assert generate.cost(tiny("mamba"), Way.ALIKE) == (2 * 2 * 32 * 4, 64 * 2 * 2 * 32 * 4)


def test_positions_that_can_run_out_make_a_window() -> None:
    unlimited = window(tiny("bloom"))
    assert unlimited > 2**40
    assert [window(tiny(kind)) for kind in ("qwen2", "mistral", "gpt2", "mpt")] == [128] * 4
    assert window(tiny("falcon alibi")) == window(tiny("mamba")) == unlimited
    old = tiny("bloom")
    old.config.seq_length = 64  # as old files say, where nothing is laid out for so many
    assert window(old) == unlimited


def test_nothing_is_computed_beside_the_logits() -> None:
    model = tiny("mixtral", output_router_logits=True)
    model.config.output_hidden_states = True
    ids = torch.tensor([[5, 9, 3]])
    with only_logits(model):
        plain = model(ids)
    assert plain.router_logits is None
    assert plain.aux_loss is None
    assert plain.hidden_states is None
    assert model(ids).router_logits is not None
    model.config.return_dict = False
    with only_logits(model):
        assert way_of(model) is Way.PADDED
    assert model.config.return_dict is False
