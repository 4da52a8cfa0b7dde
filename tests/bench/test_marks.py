"""Marks of thoughts, stop strings and budget forcing on text, whatever tokens it is made of; prompts; texts without room or number."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from o1exp.bench.engines import generate
from o1exp.bench.engines.count import positions
from o1exp.bench.engines.decode import decode
from o1exp.bench.engines.spec import ROWS, Continuation, GenerateSpec, parse_row
from o1exp.bench.finish import NO_ROOM
from o1exp.bench.grade import scores
from o1exp.bench.sampling import Sampling
from o1exp.chat.dialogue import Dialogue
from o1exp.chat.local.draw import NO_NUMBER, choose
from o1exp.chat.local.load import load_model
from o1exp.chat.local.marks import beginning
from o1exp.chat.local.prompt import Prompts, plain_ids
from o1exp.chat.local.rows import CannotSample, DecodeRequest, DecodeRules, NoNumber
from o1exp.chat.local.spell import Spelling, kept
from o1exp.records import Attempt, Problem
from tests.bench.tiny import TEMPLATE, save_tiny

OPENING = TEMPLATE + "<think>\n"
MARKS = ("<think>", "</think>", "<|im_end|>", "<|turn|>")


def writing(tokens: list[int], model: Any) -> Any:
    """The tiny model, made to write these tokens, all unlike, over and over from the first token on."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if "norm" in name else 0.0)
        for place, token in enumerate(tokens):
            model.model.embed_tokens.weight[tokens[place - 1], place % 32] = 1.0
            model.lm_head.weight[token, place % 32] = 1.0
    return model


def made(folder: Path, text: str, prompt: str = "?", **how: Any) -> Path:
    """A folder with a model that answers with `text`, again and again; special tokens and merges as `save_tiny` is told."""
    save_tiny(folder, **how)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    model = writing(ids, AutoModelForCausalLM.from_pretrained(folder))
    last = Prompts(tokenizer).of(prompt).ids[-1]
    with torch.no_grad():
        model.model.embed_tokens.weight[last, 0] = 1.0
    model.save_pretrained(folder)
    return folder


def answer(model: Path, out: Path, device: str = "cpu", **fields: Any) -> Continuation:
    spec = GenerateSpec(
        model=str(model), revision="", ids=("a",), prompts=("?",), sampling=Sampling(**{"max_tokens": 30, **fields}), device=device,
        threads=1, out=str(out),
    )  # fmt: skip
    generate.main(spec)
    return parse_row((out / ROWS).read_text())


def both(model: Path, out: Path, **fields: Any) -> Continuation:
    """The answer of chunks, which is that of pages too."""
    found = answer(model, out / "chunks", **fields)
    assert answer(model, out / "pages", device="cuda", **fields) == found
    return found


@pytest.fixture(scope="module")
def merging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It thinks ab, and its mark shares a token with the newlines behind it."""
    return made(tmp_path_factory.mktemp("merging"), "ab</think>\n\ncd<|end|>", merges=True)


@pytest.fixture(scope="module")
def special(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its marks are special tokens, and so is one that ends its turn without being named anywhere."""
    return made(tmp_path_factory.mktemp("special"), "<think>ab<|turn|></think>cd<|im_end|>ef<|end|>", special=MARKS)


def test_a_mark_that_merges_with_its_neighbour_ends_the_thought(merging: Path, tmp_path: Path) -> None:
    free = both(merging, tmp_path / "free")
    assert (free.text, free.thinking, free.tokens, free.finish_reason) == ("ab</think>\n\ncd", 5, 8, "stop")
    # It ends its thought by itself with the fifth token, so that nothing is forced behind the sixth.
    assert answer(merging, tmp_path / "most", max_thinking_tokens=6).text == free.text
    cut = both(merging, tmp_path / "cut", max_thinking_tokens=2, force_answer="cd", max_tokens=12)
    assert cut.text.startswith("ab</think>cd")


def test_a_mark_of_several_tokens_is_taken_back_whole(merging: Path, tmp_path: Path) -> None:
    longer = both(merging, tmp_path / "least", min_thinking_tokens=7, wait="ab")
    assert (longer.text, longer.thinking) == ("ababab</think>\n\ncd", 9)
    assert longer.tokens == 12
    # What is written instead may begin a mark itself: it is not taken back in its turn.
    again = answer(merging, tmp_path / "again", min_thinking_tokens=7, wait="</", max_tokens=20)
    assert again.text.startswith("ab</</")
    stopped = both(merging, tmp_path / "stop", min_thinking_tokens=7, wait="ab", stop=("nk>\n",))
    assert stopped.text == "ababab</thi"


def test_marks_that_are_special_tokens_stay_in_the_text(special: Path, tmp_path: Path) -> None:
    found = both(special, tmp_path / "free")
    assert (found.text, found.thinking, found.tokens) == ("<think>ab</think>cdef", 5, 11)
    held = both(special, tmp_path / "held", min_thinking_tokens=6, wait="b")
    assert (held.text, held.thinking) == ("<think>abb</think>cdef", 7)


def test_a_stop_string_that_is_a_special_token_stops(special: Path, tmp_path: Path) -> None:
    found = both(special, tmp_path / "x", stop=("<|im_end|>",))
    assert (found.text, found.finish_reason, found.tokens) == ("<think>ab</think>cd", "stop", 8)
    # A stop of a special token and letters, too.
    assert answer(special, tmp_path / "y", stop=("<|im_end|>e",)).text == "<think>ab</think>cd"


def test_which_special_tokens_are_text(special: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(special)
    ids = tokenizer("<|user|><think>a</think><|im_end|>b<|end|>", add_special_tokens=False)["input_ids"]
    assert Spelling(tokenizer).text(ids) == "<think>a</think>b"
    assert Spelling(tokenizer, kept("</think>", ("<|im_end|>",))).text(ids) == "<think>a</think><|im_end|>b"
    assert Spelling(tokenizer, kept("<|im_end|>", ())).text(ids) == "<think>a</think><|im_end|>b"
    assert Spelling(tokenizer).text([*ids, 5000, 100_000]) == "<think>a</think>b", "embeddings beyond the tokenizer spell nothing"


def test_slow_tokenizers_skip_what_they_do_not_know(special: Path) -> None:
    class Slow:
        """As a tokenizer in plain Python behaves."""

        is_fast, all_special_ids, all_special_tokens, added_tokens_decoder = False, [0], ["<pad>"], dict[int, Any]()

        def get_vocab(self) -> dict[str, int]:
            return {"<pad>": 0, "a": 1, "b": 3}

        def decode(self, ids: list[int], **_: Any) -> str:
            return "".join({0: "<pad>", 1: "a", 3: "b"}[token] for token in ids)

    assert Spelling(Slow()).text([1, 0, 2, 3, 9]) == "ab"


@pytest.mark.parametrize(
    ("end", "begin"),
    [
        ("</think>", "<think>"), ("</Thought>", "<Thought>"), ("<|end_of_thought|>", "<|begin_of_thought|>"), ("[/THINK]", "[THINK]"),
        ("<|END_THINKING|>", "<|START_THINKING|>"), ("#", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_beginning_of_a_thought_by_its_end(end: str, begin: str) -> None:
    assert beginning(end) == begin


def test_a_thought_that_the_template_opened_counts_all_its_tokens(tmp_path: Path) -> None:
    plain = made(tmp_path / "plain", "abcdefghijklmnopqrstuvwxyz#")
    opened = made(tmp_path / "opened", "abcdefghijklmnopqrstuvwxyz#", template=OPENING)
    for model, thinking in ((opened, 20), (plain, None)):
        found = answer(model, tmp_path / f"cut{thinking}", max_tokens=20)
        assert (found.tokens, found.finish_reason, found.thinking, found.marks) == (20, "length", thinking, (16,))
    closed = answer(opened, tmp_path / "closed", max_tokens=20, think_end="p")
    assert closed.thinking == 16
    tokenizer = AutoTokenizer.from_pretrained(opened)
    assert Prompts(tokenizer, "</think>").of("?").opened
    assert not Prompts(tokenizer, "").of("?").opened
    assert not Prompts(AutoTokenizer.from_pretrained(plain), "</think>").of("what is <think>?").opened
    tokenizer.chat_template = OPENING + "\n</think>\n\n"
    assert not Prompts(tokenizer, "</think>").of("?").opened, "a template that opens and closes it, as Qwen3's without thinking"


def test_without_a_mark_in_text_or_prompt_there_is_no_thought() -> None:
    text = "one two three four five"
    assert positions(lambda n: text[:n], text, len(text), "</think>") == ((16,), None)
    assert positions(lambda n: text[:n], text, len(text), "</think>", opened=True) == ((16,), len(text))
    assert positions(lambda n: text[:n], text, len(text), "", opened=True) == ((16,), None)


def bracketed(single: str) -> PreTrainedTokenizerFast:
    """Letters as tokens; `single` is what the tokenizer makes of a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    letters = {token: number for number, token in enumerate(("<s>", "</s>", *"abc "))}
    backend = Tokenizer(models.WordLevel(letters, unk_token=" "))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    backend.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("<s>", 0), ("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


@pytest.mark.parametrize(
    ("single", "before"), [("<s> $A </s>", (0,)), ("$A </s>", ()), ("<s> $A", (0,)), ("$A", ()), ("<s> $A </s> </s>", (0,))]
)  # fmt: skip
def test_an_end_behind_a_prompt_is_dropped_and_bos_stands_once(single: str, before: tuple[int, ...]) -> None:
    tokenizer = bracketed(single)
    assert plain_ids(tokenizer, "aba") == (*before, 2, 3, 2)
    assert plain_ids(tokenizer, "<s>aba") == (0, 2, 3, 2)
    tokenizer.chat_template = "{{ bos_token }}{{ messages[-1].content }}"
    assert Prompts(tokenizer).of("aba").ids == (0, 2, 3, 2)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_give_no_number_stop_the_stage_and_name_the_model(tmp_path: Path, value: float, device: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(save_tiny(tmp_path / "model"))
    with torch.no_grad():
        model.lm_head.weight[7, 3] = value
    model.save_pretrained(tmp_path / "model")
    for temperature in (0.0, 1.0):
        with pytest.raises(CannotSample, match=r"/model: its weights give logits that are no numbers") as stopped:
            answer(tmp_path / "model", tmp_path / "out", device=device, temperature=temperature)
        assert str(tmp_path / "model") in str(stopped.value)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_number_may_be_lost_on_the_way(tmp_path: Path, temperature: float) -> None:
    model = AutoModelForCausalLM.from_pretrained(made(tmp_path / "model", "abc"), attn_implementation="sdpa").eval()
    a, b = AutoTokenizer.from_pretrained(tmp_path / "model")("ab", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        model.model.embed_tokens.weight[b] = float("nan")
        model.lm_head.weight *= 1000  # so that a draw is as sure
    rules = DecodeRules(temperature=temperature, top_p=1.0, ends=frozenset(), stopped=lambda ids, new: False)
    request = DecodeRequest(prompt=(a,), limit=9, noise=torch.rand(9))
    with pytest.raises(NoNumber):
        decode(model, [request], rules, lambda tokens, finished: None)


def test_a_prompt_without_room_is_said_and_counts_as_cut(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "model", positions=8)
    spec = GenerateSpec(
        model=str(model), revision="", ids=("a", "b"), prompts=("1+1=?", "12+30=?"), sampling=Sampling(max_tokens=9), device="cpu",
        threads=1, out=str(tmp_path / "out"),
    )  # fmt: skip
    generate.main(spec)
    short, long = map(parse_row, (tmp_path / "out" / ROWS).read_text().splitlines())
    assert (short.finish_reason, short.tokens) == ("length", 1)
    assert (long.finish_reason, long.tokens, long.text) == (NO_ROOM, 0, "")
    attempt = Attempt(problem="b", draw=0, text="", tokens=0, finish_reason=NO_ROOM)
    (score,) = scores([attempt], [Problem(id="b", question="12+30=?", answer="42")])
    assert (score.correct, score.truncated) == (False, True)
    with pytest.raises(CannotSample, match=r"takes texts of 8 tokens, and the shortest prompt has 9"):
        generate.main(dataclasses.replace(spec, ids=("b",), prompts=("12+30=?",), out=str(tmp_path / "none")))


@pytest.mark.parametrize("temperature", [1e-6, 1e-30, 1e-45])
@pytest.mark.parametrize("top_p", [1.0, 0.9, 1e-9])
def test_tiny_temperatures_take_the_likeliest_token(temperature: float, top_p: float) -> None:
    logits = torch.randn(50, 300, generator=torch.Generator().manual_seed(0)) * 1e4
    drawn = choose(logits, torch.full((50,), 1 - 2**-24), temperature, top_p)
    assert drawn.equal(logits.argmax(-1))


@pytest.mark.parametrize(("temperature", "top_p"), [(0.0, 1.0), (1.0, 1.0), (1.0, 0.9)])
def test_rows_without_numbers_are_marked_and_others_are_not(temperature: float, top_p: float) -> None:
    logits = torch.zeros(4, 9)
    logits[0, 3], logits[1, 3], logits[2] = float("nan"), float("inf"), float("-inf")
    logits[3, 1:] = float("-inf")
    assert choose(logits, torch.full((4,), 0.5), temperature, top_p).tolist() == [NO_NUMBER, NO_NUMBER, NO_NUMBER, 0]


def test_a_folder_that_is_no_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotSample, match="it cannot be loaded: "):
        load_model(str(tmp_path), None, on_cpu=True)
    model = AutoModelForCausalLM.from_pretrained(save_tiny(tmp_path / "model"))
    model.config.pad_token_id = 99_999  # nobody pads with it
    model.config.save_pretrained(tmp_path / "model")
    assert load_model(str(tmp_path / "model"), None, on_cpu=True).config.pad_token_id is None
    state = {name: weight for name, weight in model.state_dict().items() if "layers.1.mlp" not in name}
    model.save_pretrained(tmp_path / "model", state_dict=state)
    with pytest.raises(CannotSample, match=r"it lacks the weights model\.layers\.1\.mlp\.down_proj\.weight, .* at random"):
        load_model(str(tmp_path / "model"), None, on_cpu=True)


def test_prompts_are_those_of_training_and_a_template_that_refuses_is_a_sentence(special: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(special)
    assert Prompts(tokenizer).of("1+1=? <|im_end|>").ids == Dialogue(tokenizer).prompt("1+1=? <|im_end|>")
    tokenizer.chat_template = TEMPLATE.replace("{{ m.content + ' ' }}", "{{ raise_exception('no system role') }}")
    with pytest.raises(CannotSample, match=r"^the chat template refuses a system prompt; set system=.* \(.*no system role"):
        Prompts(tokenizer).of("1+1=?", "be short")
    tokenizer.chat_template = "{% for m in messages %}"
    with pytest.raises(CannotSample, match="the chat template is no Jinja"):
        Prompts(tokenizer)
