"""Decoding in pages against the plain loop: the same numbers give the same texts, whatever comes, goes or waits beside a row."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from o1exp.bench.engines.decode import decode
from o1exp.bench.engines.paged import answer as answering
from o1exp.bench.engines.paged import draw as drawing
from o1exp.bench.engines.paged import fit
from o1exp.bench.engines.paged.answer import Asked, answer
from o1exp.bench.engines.paged.attention import NotPaged, attend_pages
from o1exp.bench.engines.paged.fit import Paged, check_kernel, paged
from o1exp.bench.engines.paged.rows import Told
from o1exp.bench.engines.paged.serve import Server
from o1exp.bench.engines.paged.step import Stepper
from o1exp.chat.local.draw import choose
from o1exp.chat.local.rows import Decoded, DecodeRequest, DecodeRules, Forcing, NoNumber
from tests.bench.tiny import save_tiny

PROMPTS = [(2, 9, 3), (2, 8, 9, 10, 11, 3), (2, 9, 3), (5,), (2, *range(6, 40), 3), (7, 7), (2, *range(60, 190), 3)]
LIMITS = [60, 3, 41, 0, 90, 17, 100]
DRAWN = DecodeRules(temperature=1.0, top_p=1.0, ends=frozenset({7, 30, 31, *range(100, 110)}), stopped=lambda ids, new: False)
GREEDY = replace(DRAWN, temperature=0.0)


def closed(ids: Sequence[int], token: int) -> int:
    """A mark of one token, and one of two."""
    return 1 if token == 33 else 2 if (*ids[-1:], token) == (40, 41) else 0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(save_tiny(tmp_path_factory.mktemp("tiny")), attn_implementation="sdpa").eval()


@pytest.fixture(scope="module")
def found(model: Any) -> Paged:
    return paged(model)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of these tests then have several."""
    monkeypatch.setattr(answering, "PAGE", 16)
    monkeypatch.setattr(fit, "PAGE", 16)


def request(number: int) -> DecodeRequest:
    limit = LIMITS[number % len(LIMITS)]
    noise = torch.rand(limit, generator=torch.Generator().manual_seed(number))
    return DecodeRequest(prompt=PROMPTS[number % len(PROMPTS)], limit=limit, noise=noise)


def plain(model: Any, count: int, rules: DecodeRules) -> dict[int, Decoded]:
    model.set_attn_implementation("sdpa")
    texts = decode(model, [request(number) for number in range(count)], rules, lambda tokens, finished: None)
    model.set_attn_implementation("o1exp_paged")
    return dict(enumerate(texts))


def served(model: Any, found: Paged, count: int, rules: DecodeRules, slots: int = 0) -> dict[int, Decoded]:
    got: dict[int, Decoded] = {}
    asked = Asked(rows=range(count), ask=request, rules=rules, longest=(240, 100), slots=slots)
    answer(model, found, asked, Told(got.update, lambda tokens: None))
    return got


def same(ours: dict[int, Decoded], theirs: dict[int, Decoded]) -> None:
    assert sorted(ours) == sorted(theirs)
    for number, row in theirs.items():
        assert (ours[number].ids, ours[number].tokens, ours[number].ended) == (row.ids, row.tokens, row.ended), number


@pytest.mark.parametrize("slots", [0, 1, 2, 5])
@pytest.mark.parametrize("rules", [GREEDY, DRAWN, replace(DRAWN, temperature=0.7, top_p=0.9)])
def test_rows_are_those_of_the_plain_loop(model: Any, found: Paged, rules: DecodeRules, slots: int) -> None:
    expected = plain(model, 21, rules)
    assert sum(len(set(row.ids)) for row in expected.values()) > 100, "texts that could go wrong"
    assert {row.ended for row in expected.values()} == {True, False}
    same(served(model, found, 21, rules, slots), expected)


def test_a_tiny_temperature_is_greedy(model: Any, found: Paged) -> None:
    same(served(model, found, 21, replace(DRAWN, temperature=1e-30, top_p=0.9), 4), plain(model, 21, GREEDY))


@pytest.mark.parametrize("rules", [GREEDY, DRAWN, replace(DRAWN, top_p=0.9)])
def test_logits_that_are_no_numbers_are_found_in_any_step(model: Any, found: Paged, rules: DecodeRules) -> None:
    weight = model.model.embed_tokens.weight
    longest = max((row.ids for row in plain(model, 21, rules).values()), key=len)
    lost = longest[len(longest) // 2]  # the model reads this token some steps after a prompt
    kept = weight[lost].clone()
    with torch.no_grad():
        weight[lost] = float("nan")
    try:
        with pytest.raises(NoNumber):
            served(model, found, 21, rules, 4)
    finally:
        with torch.no_grad():
            weight[lost] = kept


@pytest.mark.parametrize("likely", [3, *(pytest.param(other, marks=pytest.mark.slow) for other in (1, 40))])
def test_a_nucleus_of_more_than_the_likeliest_tokens_is_drawn_whole(
    model: Any, found: Paged, likely: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = replace(DRAWN, top_p=0.97)
    expected = plain(model, 21, rules)
    monkeypatch.setattr(drawing, "LIKELY", likely)
    same(served(model, found, 21, rules, 4), expected)
    forcing = replace(rules, forcing=Forcing(end=(33,), answer=(34, 35), wait=(36, 37), least=12, most=25, closed=closed))
    same(served(model, found, 21, forcing, 4), plain(model, 21, forcing))


def test_equal_chances_are_drawn_in_one_order() -> None:
    logits = torch.randn(64, 300, generator=torch.Generator().manual_seed(0)).round()
    noise = torch.rand(64, generator=torch.Generator().manual_seed(1))
    tokens, sure = drawing.choose_likely(logits, noise, 0.7, 0.9)
    assert sure.all()
    assert tokens.equal(choose(logits, noise, 0.7, 0.9))


def test_every_token_is_counted_once(model: Any, found: Paged) -> None:
    got: dict[int, Decoded] = {}
    tokens, asked = list[int](), Asked(rows=range(21), ask=request, rules=DRAWN, longest=(240, 100), slots=4)
    spent = answer(model, found, asked, Told(got.update, tokens.append))
    assert sum(tokens) == sum(row.tokens for row in got.values())
    # Three prompts have no room for an answer and are not read; a text's first token comes with its prompt.
    assert spent.read == sum(len(request(number).prompt) for number in range(21) if request(number).limit)
    assert spent.wrote == sum(tokens) - 18


def test_no_rows_are_no_work(model: Any, found: Paged) -> None:
    assert served(model, found, 0, DRAWN) == {}


def test_rows_that_have_no_page_left_wait_and_go_on(model: Any, found: Paged, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = plain(model, 21, DRAWN)
    monkeypatch.setattr(answering, "room", lambda *call: (8, 17))  # 16 pages of 16 tokens: hardly more than the longest text
    back, put_back = list[int](), Server._put_back

    def counted(self: Server) -> None:
        back.append(1)
        put_back(self)

    monkeypatch.setattr(Server, "_put_back", counted)
    same(served(model, found, 21, DRAWN), expected)
    assert back


@pytest.mark.parametrize("stop", [(40,), (41, 42), (50,)])
def test_a_stop_string_ends_a_row_at_its_token(model: Any, found: Paged, stop: tuple[int, ...]) -> None:
    def stopped(ids: list[int], new: int) -> bool:
        tail = ids[-new - len(stop) + 1 :]
        return any(tuple(tail[at : at + len(stop)]) == stop for at in range(len(tail)))

    rules = replace(DRAWN, stopped=stopped)
    same(served(model, found, 21, rules, 4), plain(model, 21, rules))


@pytest.mark.parametrize("force", [(0, 9), (20, 0), (12, 25)])
def test_thoughts_are_forced_as_in_the_plain_loop(model: Any, found: Paged, force: tuple[int, int]) -> None:
    rules = replace(DRAWN, forcing=Forcing(end=(33,), answer=(34, 35), wait=(36, 37), least=force[0], most=force[1], closed=closed))
    same(served(model, found, 21, rules, 4), plain(model, 21, rules))


def test_less_memory_means_fewer_rows_at_a_time(
    model: Any, found: Paged, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected, sizes, read = plain(model, 21, DRAWN), list[int](), Stepper.run

    def run(self: Any, slots: Any, *call: Any) -> Any:
        sizes.append(slots.count)
        if slots.count > 4 and len(sizes) > 3:
            raise torch.OutOfMemoryError("full")
        return read(self, slots, *call)

    monkeypatch.setattr(Stepper, "run", run)
    got, tokens = dict[int, Decoded](), list[int]()
    asked = Asked(rows=range(21), ask=request, rules=DRAWN, longest=(240, 100), slots=12)
    answer(model, found, asked, Told(got.update, tokens.append))
    same(got, expected)
    assert "out of memory with 12 rows at a time; going on with 6" in capsys.readouterr().err
    assert sizes[-1] <= 4
    assert sum(tokens) == sum(row.tokens for row in got.values()), "nothing is written twice"


def test_the_formula_agrees_with_itself_and_a_wrong_kernel_is_found() -> None:
    def shifted(query: Tensor, keys: Tensor, values: Tensor, table: Tensor, lengths: Tensor, call: tuple[float, int, int]) -> Tensor:
        return attend_pages(query, keys, values, table, (lengths - 1).clamp(min=1), call)

    like = torch.zeros(1)
    check_kernel(attend_pages, 4, (2, 8), like)
    with pytest.raises(NotPaged, match="attention over"):
        check_kernel(shifted, 4, (2, 8), like)


def test_models_of_another_attention_are_left_to_the_plain_loop(tmp_path: Any) -> None:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, MambaConfig, MambaForCausalLM, MistralConfig, MistralForCausalLM

    sizes: dict[str, Any] = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2}
    heads: dict[str, Any] = {"num_attention_heads": 2, "intermediate_size": 16}
    paged(GPTNeoXForCausalLM(GPTNeoXConfig(**sizes, **heads)).eval())
    for other in (
        MistralForCausalLM(MistralConfig(**sizes, **heads, num_key_value_heads=2, sliding_window=8)),
        MambaForCausalLM(MambaConfig(**sizes)),
    ):
        before = other.config._attn_implementation
        with pytest.raises(NotPaged):
            paged(other.eval())
        assert other.config._attn_implementation == before


def test_kernel_needs_no_gpu_to_be_left_out() -> None:
    assert "o1exp.bench.engines.paged.kernel" not in sys.modules


def on_a_gpu(free_gib: float, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model of Qwen2.5-1.5B's sizes without weights, and a GPU of 80 GB with so much free."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    monkeypatch.setattr(fit, "PAGE", 256)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free_gib * 2**30), int(79.2 * 2**30)))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    config = Qwen2Config(
        hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2, vocab_size=151_936,
        dtype=torch.bfloat16,
    )  # fmt: skip
    with torch.device("meta"):
        return Qwen2ForCausalLM(config).to(torch.bfloat16)


def test_the_cache_takes_what_the_device_has(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Paged([(2, 128)] * 28, attend_pages, "torch")
    model = on_a_gpu(75, monkeypatch)
    assert found.bytes_per_token(model) == 28_672
    slots, pages = fit.room(model, found, texts=1000, longest=32_768, most_slots=fit.MOST_SLOTS)
    assert slots == fit.MOST_SLOTS
    assert pages * 256 >= 64 * 32_768, "64 whole answers of 32,768 tokens at a time"
    assert pages * 256 * 28_672 < 72 * 2**30
    assert fit.room(model, found, texts=3, longest=1000, most_slots=256) == (3, 3 * 5 + 1), "no more than is needed"
    with pytest.raises(ValueError, match=r"a text of 32,768 tokens needs 0\.9 GiB .* set a smaller max_tokens"):
        fit.room(on_a_gpu(5, monkeypatch), found, texts=1000, longest=32_768, most_slots=256)
