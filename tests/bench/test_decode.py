"""The decode loop against transformers' own generate, and drawing against the softmax."""

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from o1exp.bench.engines.decode import cache_cost, decode
from o1exp.chat.local.draw import choose
from o1exp.chat.local.rows import DecodeRequest, DecodeRules
from tests.bench.tiny import save_tiny

PROMPTS = [(2, 9, 3), (2, 8, 9, 10, 11, 3), (2, 9, 3), (5,), (2, *range(6, 40), 3)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(save_tiny(tmp_path_factory.mktemp("tiny")), attn_implementation="sdpa").eval()


def greedy(*ends: int) -> DecodeRules:
    return DecodeRules(temperature=0.0, top_p=1.0, ends=frozenset(ends), stopped=lambda ids, new: False)


def asked(prompt: tuple[int, ...], limit: int, seed: int = 0) -> DecodeRequest:
    return DecodeRequest(prompt=prompt, limit=limit, noise=torch.rand(limit, generator=torch.Generator().manual_seed(seed)))


def silent(tokens: int, finished: int) -> None:
    pass


def reference(model: Any, prompt: tuple[int, ...], limit: int, end: int) -> list[int]:
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False, eos_token_id=end, pad_token_id=0)
    new: list[int] = out[0, len(prompt) :].tolist()
    return new


def test_a_padded_batch_gives_what_generate_gives_one_by_one(model: Any) -> None:
    # Past 64 tokens the cache has had to grow; the end token is one that some rows reach and others do not.
    alone = [reference(model, prompt, 90, end=1) for prompt in PROMPTS]
    end = alone[0][20]
    expected = [reference(model, prompt, 90, end) for prompt in PROMPTS]
    assert len({len(ids) for ids in expected}) > 1
    found = decode(model, [asked(prompt, 90) for prompt in PROMPTS], greedy(end), silent)
    for written, ids in zip(found, expected, strict=True):
        assert written.ended == (ids[-1] == end)
        assert written.tokens == len(ids)
        assert written.ids == (ids[:-1] if written.ended else ids)


def test_each_row_keeps_to_its_own_limit(model: Any) -> None:
    limits = [0, 3, 70, 1, 20]
    found = decode(model, [asked(prompt, limit) for prompt, limit in zip(PROMPTS, limits, strict=True)], greedy(), silent)
    assert [written.tokens for written in found] == limits
    assert not any(written.ended for written in found)
    assert decode(model, [asked((5,), 0)], greedy(), silent)[0].tokens == 0


def test_a_draw_does_not_depend_on_its_neighbours(model: Any) -> None:
    rules = DecodeRules(temperature=1.0, top_p=0.95, ends=frozenset({7}), stopped=lambda ids, new: False)
    requests = [asked(prompt, 60, seed) for seed, prompt in enumerate(PROMPTS * 3)]
    together = decode(model, requests, rules, silent)
    assert len({tuple(written.ids) for written in together}) > len(PROMPTS)
    for request, written in zip(requests, together, strict=True):
        assert decode(model, [request], rules, silent)[0] == written


def test_equal_prompts_are_read_once_and_finished_rows_leave(model: Any) -> None:
    sizes: list[tuple[int, int]] = []
    hook = model.register_forward_pre_hook(lambda module, args: sizes.append(tuple(args[0].shape)))
    decode(model, [asked((2, 9, 3), limit) for limit in (1, 1, 1, 4)], greedy(), silent)
    hook.remove()
    assert sizes == [(1, 3), (1, 1), (1, 1), (1, 1)]


def test_stop_is_asked_at_every_token(model: Any) -> None:
    rules = DecodeRules(temperature=0.0, top_p=1.0, ends=frozenset(), stopped=lambda ids, new: len(ids) == 5)
    (written,) = decode(model, [asked((2, 9, 3), 50)], rules, silent)
    assert (written.ended, written.tokens, len(written.ids)) == (True, 5, 5)


def test_steps_report_every_token(model: Any) -> None:
    seen: list[tuple[int, int]] = []
    decode(model, [asked((2, 9, 3), 2), asked((5,), 3)], greedy(), lambda tokens, finished: seen.append((tokens, finished)))
    assert seen == [(2, 0), (2, 1), (1, 2)]


def test_cache_bytes_are_those_of_keys_and_values(model: Any) -> None:
    layers, kv_heads, head, floats = 2, 2, 8, 4
    assert cache_cost(model) == (layers * 2 * kv_heads * head * floats, 0)


def frequencies(logits: list[float], temperature: float, top_p: float) -> list[float]:
    grid = 10_000
    noise = (torch.arange(grid) + 0.5) / grid
    drawn = choose(torch.tensor([logits]).expand(grid, -1), noise, temperature, top_p)
    return [float(count) / grid for count in torch.bincount(drawn, minlength=len(logits))]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax(temperature: float) -> None:
    logits = [0.3, -1.0, 2.0, 0.0, float("-inf")]
    expected = torch.softmax(torch.tensor(logits) / temperature, -1).tolist()
    assert frequencies(logits, temperature, 1.0) == pytest.approx(expected, abs=2e-4)


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    logits = torch.log(torch.tensor([0.05, 0.5, 0.15, 0.3])).tolist()
    assert frequencies(logits, 1.0, 0.7) == pytest.approx([0, 0.5 / 0.8, 0, 0.3 / 0.8], abs=2e-4)
    assert frequencies(logits, 1.0, 0.4) == [0, 1, 0, 0]
    assert frequencies(logits, 1.0, 0.95) == pytest.approx([0, 0.5 / 0.95, 0.15 / 0.95, 0.3 / 0.95], abs=2e-4)


@pytest.mark.parametrize("top_p", [1.0, 0.999])
def test_noise_close_to_one_never_picks_an_impossible_token(top_p: float) -> None:
    logits = torch.cat([torch.randn(50, 300, generator=torch.Generator().manual_seed(0)), torch.full((50, 5), float("-inf"))], 1)
    drawn = choose(logits, torch.full((50,), 1 - 2**-24), 1.0, top_p)
    assert int(drawn.max()) < 300
