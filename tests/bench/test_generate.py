"""The generating process: templates, ends, stop strings, chunks, draws."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from o1exp.bench.engines import generate
from o1exp.bench.engines.count import positions
from o1exp.bench.engines.paged.attention import NotPaged
from o1exp.bench.engines.spec import ROWS, Continuation, GenerateSpec, parse_row, read_rows
from o1exp.bench.finish import NO_ROOM
from o1exp.bench.sampling import Sampling
from o1exp.chat.local.prompt import Prompts
from o1exp.chat.local.spell import end_tokens
from o1exp.flow.process import PROGRESS
from tests.bench.tiny import save_tiny

SAMPLING = {field.name for field in dataclasses.fields(Sampling)}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def spec(tiny: Path, tmp_path: Path) -> GenerateSpec:
    sampling = Sampling(samples=2, temperature=1.0, max_tokens=12, think_end="")
    return GenerateSpec(
        model=str(tiny), revision="", ids=("a", "b", "c"), prompts=("1+1=?", "12+30=?", "7+7=?"), sampling=sampling, device="cpu",
        threads=1, out=str(tmp_path / "out"),
    )  # fmt: skip


@pytest.fixture
def reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the rows go that are reported in this process."""
    monkeypatch.setenv(PROGRESS, str(tmp_path / "reported.rows"))
    return tmp_path / "reported.rows"


def answers(spec: GenerateSpec, out: Path, **fields: Any) -> list[Continuation]:
    own = {name: value for name, value in fields.items() if name not in SAMPLING}
    sampling = dataclasses.replace(spec.sampling, **{name: value for name, value in fields.items() if name in SAMPLING})
    generate.main(dataclasses.replace(spec, out=str(out), sampling=sampling, **own))
    return [parse_row(line) for line in (out / ROWS).read_text().splitlines()]


def test_spec_survives_its_file(spec: GenerateSpec, tmp_path: Path) -> None:
    spec = dataclasses.replace(spec, sampling=Sampling(stop=("\n\n", "加油"), batch_size=3))
    spec.save(tmp_path / "spec.json")
    assert GenerateSpec.load(tmp_path / "spec.json") == spec


def test_prompt_goes_through_the_chat_template(tiny: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    assert tokenizer.decode(Prompts(tokenizer).of("1+1=?").ids) == "<|user|>1+1=?<|assistant|>"
    assert tokenizer.decode(Prompts(tokenizer).of("1+1=?", "be short").ids) == "be short <|user|>1+1=?<|assistant|>"
    plain = AutoTokenizer.from_pretrained(save_tiny(tmp_path, template=False))
    assert plain.decode(Prompts(plain).of("1+1=?", "be short").ids) == "be short\n\n1+1=?"


def test_every_row_is_answered_once_in_order(spec: GenerateSpec, tmp_path: Path, reported: Path) -> None:
    rows = answers(spec, tmp_path / "x")
    assert [found.row for found in rows] == list(range(6))
    assert all(1 <= found.tokens <= 12 and (found.finish_reason == "length") <= (found.tokens == 12) for found in rows)
    assert json.loads(reported.read_text().splitlines()[-1]) == {"rows": 6, "tokens": sum(found.tokens for found in rows), "of": 6}


def test_more_samples_keep_the_first_draws_and_other_seeds_do_not(spec: GenerateSpec, tmp_path: Path) -> None:
    two = answers(spec, tmp_path / "two")
    four = answers(spec, tmp_path / "four", samples=4, batch_size=3)
    other = answers(spec, tmp_path / "other", seed=1)
    assert [found.text for found in two] == [four[4 * (row // 2) + row % 2].text for row in range(6)]
    assert len({found.text for found in two}) == 6
    assert not {found.text for found in two} & {found.text for found in other}


def test_a_problem_keeps_its_draws_when_others_come_or_go(spec: GenerateSpec, tmp_path: Path) -> None:
    rows = answers(spec, tmp_path / "all")
    last = answers(spec, tmp_path / "one", ids=("c",), prompts=("7+7=?",))
    assert [found.text for found in last] == [found.text for found in rows[4:]]


def test_finished_chunks_are_kept_and_the_rest_is_made(spec: GenerateSpec, tmp_path: Path, reported: Path) -> None:
    whole = answers(spec, tmp_path / "whole", batch_size=2)
    out = tmp_path / "broken"
    assert answers(spec, out, batch_size=2) == whole
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    chunks = sorted(folder.iterdir())
    assert len(chunks) == 3
    chunks[1].rename(chunks[1].with_suffix(".part"))  # as if it had been killed while writing
    (out / ROWS).unlink()
    assert answers(spec, out, batch_size=2) == whole
    made_now = json.loads(reported.read_text().splitlines()[-1])["tokens"]
    assert made_now == sum(found.tokens for found in read_rows(folder) if found.row in _rows_of(chunks[1]))


def test_in_pages_the_answers_are_those_of_chunks(spec: GenerateSpec, tmp_path: Path, reported: Path) -> None:
    """The way of a GPU, which a machine without one runs in plain torch."""
    chunks = answers(spec, tmp_path / "chunks", max_tokens=40)
    assert answers(spec, tmp_path / "pages", max_tokens=40, device="cuda") == chunks
    facts = json.loads(reported.read_text().splitlines()[-1])["facts"]
    assert facts["attention_kernel"] == "torch"
    assert facts["tokens_read_per_second"] > 0
    stop = (chunks[0].text[6:8],)
    cut = answers(spec, tmp_path / "cut", max_tokens=40, stop=stop)
    assert cut != chunks
    assert answers(spec, tmp_path / "pages_cut", max_tokens=40, stop=stop, device="cuda") == cut


def test_in_pages_a_killed_process_goes_on_with_the_missing_answers(spec: GenerateSpec, tmp_path: Path, reported: Path) -> None:
    out = tmp_path / "x"
    whole = answers(spec, out, device="cuda")
    kept, lines = out / "cuda" / ROWS, (out / "cuda" / ROWS).read_text().splitlines(keepends=True)
    assert len(lines) == 6
    kept.write_text("".join(lines[:2]) + lines[2][:20])  # as if it had been killed while writing the third
    (out / ROWS).unlink()
    assert answers(spec, out, device="cuda") == whole
    again = kept.read_text().splitlines(keepends=True)
    assert again[:2] == lines[:2]
    assert sorted(again) == sorted(lines)
    last = json.loads(reported.read_text().splitlines()[-2])
    assert (last["rows"], last["tokens"]) == (6, sum(parse_row(line).tokens for line in lines[2:]))
    assert answers(spec, out, device="cuda") == whole


def test_a_model_that_has_no_pages_is_answered_in_chunks(spec: GenerateSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(model: Any, longest: int) -> None:
        raise NotPaged("it has none")

    whole = answers(spec, tmp_path / "pages", device="cuda")
    monkeypatch.setattr(generate, "paged", none)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**30, 2**30))
    assert answers(spec, tmp_path / "chunks", device="cuda") == whole
    assert not (tmp_path / "chunks" / "cuda").exists()


def _rows_of(chunk: Path) -> set[int]:
    return {json.loads(line)["row"] for line in chunk.read_text().splitlines()}


def test_text_ends_before_a_stop_string(spec: GenerateSpec, tmp_path: Path) -> None:
    free = answers(spec, tmp_path / "free", max_tokens=40)[0]
    stop = free.text[6:8]
    cut = answers(spec, tmp_path / "cut", max_tokens=40, stop=(stop,))[0]
    assert cut.text == free.text[: free.text.find(stop)]
    assert cut.finish_reason == "stop"
    assert cut.tokens < free.tokens


def test_a_full_window_leaves_no_room(spec: GenerateSpec, tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "short", positions=8)  # the prompts have 7, 9 and 7 tokens
    rows = answers(spec, tmp_path / "x", model=str(model))
    assert answers(spec, tmp_path / "pages", model=str(model), device="cuda") == rows
    assert [found.tokens for found in rows[2:4]] == [0, 0]
    assert [(found.text, found.finish_reason) for found in rows[2:4]] == [("", NO_ROOM)] * 2
    assert [found.tokens for found in (*rows[:2], *rows[4:])] == [1] * 4


def test_ends_come_from_generation_settings_and_tokenizer(tiny: Path, spec: GenerateSpec) -> None:
    model, tokenizer = generate.load(spec)
    assert end_tokens(model, tokenizer) == {1}
    model.generation_config.eos_token_id = [5, 6]
    assert end_tokens(model, tokenizer) == {1, 5, 6}
    model.generation_config.eos_token_id, tokenizer.eos_token = None, None
    assert end_tokens(model, tokenizer) == frozenset()


def test_the_end_token_counts_but_is_no_text(spec: GenerateSpec, tmp_path: Path) -> None:
    model, tokenizer = generate.load(spec)
    with torch.no_grad():
        model.lm_head.weight.zero_()  # every token is equally likely, so the end comes soon
    model.save_pretrained(tmp_path / "level")
    tokenizer.save_pretrained(tmp_path / "level")
    rows = answers(spec, tmp_path / "x", model=str(tmp_path / "level"), max_tokens=400, samples=4)
    ended = [found for found in rows if found.finish_reason == "stop"]
    assert len(ended) > 6
    assert all("<|end|>" not in found.text for found in ended)
    # Special tokens in between are no text either.
    assert all(len(found.text) <= found.tokens - 1 for found in ended)


def test_chunks_hold_every_row_once_within_the_memory(spec: GenerateSpec) -> None:
    lengths = [30, 500, 20, 100]
    sampling = dataclasses.replace(spec.sampling, samples=100, max_tokens=100)
    cost = generate.CACHE_BYTES // 20_000
    plan = generate.chunks(sampling, lengths, (cost, 0), generate.CACHE_BYTES)
    assert sorted(row for rows in plan for row in rows) == list(range(400))
    for rows in plan:
        assert len(rows) <= generate.MOST_ROWS
        assert len(rows) * (max(lengths[row // 100] for row in rows) + 100) * cost <= generate.CACHE_BYTES
    states = generate.chunks(sampling, lengths, (0, generate.CACHE_BYTES // 50), generate.CACHE_BYTES)
    assert {len(rows) for rows in states} == {50}, "states that take the same however long a row is"
    sevens = generate.chunks(dataclasses.replace(sampling, batch_size=7), lengths, (cost, 0), generate.CACHE_BYTES)
    assert {len(rows) for rows in sevens} == {7, 400 % 7}
    assert [len(rows) for rows in generate.chunks(sampling, lengths, (generate.CACHE_BYTES, 0), generate.CACHE_BYTES)] == [1] * 400


def test_marks_show_where_a_token_budget_would_cut(spec: GenerateSpec, tmp_path: Path) -> None:
    rows = answers(spec, tmp_path / "x", max_tokens=70)
    short = answers(spec, tmp_path / "y", max_tokens=32)
    for whole, cut in zip(rows, short, strict=True):
        assert len(whole.marks) == sum(size < whole.tokens for size in (16, 32, 64))
        if len(whole.marks) > 1:
            assert whole.text[: whole.marks[1]] == cut.text.rstrip("\ufffd")


def ending(text: str, model: Path, folder: Path) -> Path:
    """The tiny model, made to write `text` (one token a letter) over and over from the first token on."""
    from transformers import AutoModelForCausalLM

    model_, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        for name, weight in model_.named_parameters():
            weight.fill_(1.0 if "norm" in name else 0.0)
        for place, token in enumerate(ids):
            before = ids[place - 1]
            model_.model.embed_tokens.weight[before, place % 32] = 1.0
            model_.lm_head.weight[token, place % 32] = 1.0
        start = tokenizer("<|assistant|>", add_special_tokens=False)["input_ids"][-1]
        model_.model.embed_tokens.weight[start, 0] = 1.0
    model_.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_thought_is_counted_ended_and_extended(tiny: Path, spec: GenerateSpec, tmp_path: Path) -> None:
    """A model that thinks abcd and ends it with #: as it is, cut off after two tokens, and held open for six."""
    model = ending("abcd#<|end|>", tiny, tmp_path / "model")
    one: dict[str, Any] = {
        "model": str(model), "ids": ("a",), "prompts": ("?",), "samples": 1, "temperature": 0.0, "think_end": "#", "wait": "ab",
        "force_answer": "cd",
    }  # fmt: skip
    free = answers(spec, tmp_path / "free", **one)[0]
    assert answers(spec, tmp_path / "pages", **one, device="cuda")[0] == free
    assert (free.text, free.thinking, free.tokens, free.finish_reason) == ("abcd#", 5, 6, "stop")
    forced = answers(spec, tmp_path / "forced", **one, max_thinking_tokens=2)[0]
    assert forced.text.startswith("ab#cd#")
    assert forced.thinking == 3
    extended = answers(spec, tmp_path / "extended", **one, min_thinking_tokens=6)[0]
    assert answers(spec, tmp_path / "pages_forced", **one, max_thinking_tokens=2, device="cuda")[0] == forced
    assert answers(spec, tmp_path / "pages_extended", **one, min_thinking_tokens=6, device="cuda")[0] == extended
    assert (extended.text, extended.thinking) == ("abcdabcd#", 9)
    # A mark of several tokens is taken back whole; the model, which knows only the last token, goes on from there.
    two = {**one, "think_end": "d#", "wait": "b"}
    taken = answers(spec, tmp_path / "taken", **two, min_thinking_tokens=6)[0]
    assert (taken.text, taken.thinking) == ("abcbcd#", 7)
    assert answers(spec, tmp_path / "pages_taken", **two, min_thinking_tokens=6, device="cuda")[0] == taken
    whole = answers(spec, tmp_path / "whole", **{**one, "think_end": ""}, min_thinking_tokens=7)[0]
    assert (whole.text, whole.thinking) == ("abcd#abcd#", None)


def test_an_unfinished_thought_is_all_thinking() -> None:
    text = "<think>one two three"
    assert positions(lambda n: text[:n], text, len(text), "</think>") == ((16,), len(text))
    assert positions(lambda n: text[:n], text, len(text), "") == ((16,), None)
    assert positions(lambda n: "x" * n, "x" * 40, 40, "</think>") == ((16, 32), None)
