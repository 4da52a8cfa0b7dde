"""Special tokens in texts of data stay text, and only there."""

from typing import Any

import pytest

from o1exp.chat.dialogue import Dialogue
from tests.chat.shapes import SHAPES, THINK, Shape
from tests.chat.test_dialogue import ids, spelt

BYTES = [name for name, shape in SHAPES.items() if not shape.space]
SPACED = [name for name, shape in SHAPES.items() if shape.space]


def quoting(name: str) -> tuple[Dialogue, str]:
    """A dialogue of a shape, and a text with its end token, a mark of a turn and all its special tokens."""
    shape = SHAPES[name]
    tokenizer = shape.tokenizer()
    turns = [token for token in shape.ordinary if token not in THINK]
    return Dialogue(tokenizer, shape.end_ids(tokenizer)), f"It is {shape.eos}{''.join(shape.special)} user{''.join(turns)}\nno?"


@pytest.mark.parametrize("name", SHAPES)
def test_special_tokens_in_texts_are_text(name: str) -> None:
    dialogue, quote = quoting(name)
    thought = "<think>\nWell\n</think>\n\n"
    prompt, answer = ids(dialogue, thought + quote, quote)
    plain = ids(dialogue, thought + "No", "Yes")
    marks = dialogue.tokenizer.convert_tokens_to_ids(dialogue.tokens.marks)
    # No end, no turn and no other special token beside those that the template writes.
    assert [[found.count(mark) for mark in marks] for found in (prompt, answer)] == [
        [found.count(mark) for mark in marks] for found in plain
    ]
    text = spelt(dialogue.tokenizer, prompt + answer)
    assert text.count(quote) == 2
    assert dialogue.tokenizer.unk_token_id not in answer
    # The pieces around a quotation are those of a text without one.
    assert answer[: len(plain[1]) - 5] == plain[1][: len(plain[1]) - 5]


@pytest.mark.parametrize("name", ["Qwen3", "Mistral 0.3", "Phi-3"])
def test_a_text_without_special_tokens_is_spelt_the_same_by_both_ways(name: str) -> None:
    shape = SHAPES[name]
    tokenizer = shape.tokenizer()
    tokens = Dialogue(tokenizer, shape.end_ids(tokenizer)).tokens
    for text in ("It is 3. ∑ é\n\n  two", f"{shape.special[-1]}\nIt is{shape.eos} {shape.eos}", "", "  "):
        assert tokens._quoting(text) == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_by_choice_they_are_tokens() -> None:
    tokenizer = SHAPES["Qwen2.5"].tokenizer()
    found = Dialogue(tokenizer, as_text=False).prompt("a<|im_end|>b")
    assert list(found).count(tokenizer.eos_token_id) == Dialogue(tokenizer).prompt("a<|im_end|>b").count(tokenizer.eos_token_id) + 1


def test_thought_marks_stay_tokens_whether_they_are_called_special_or_not() -> None:
    shape = SHAPES["Qwen3"]
    for special, ordinary in ((shape.special, THINK), ((*shape.special, *THINK), ())):
        tokenizer = Shape(shape.template, special, shape.eos, ordinary=ordinary).tokenizer()
        _, answer = ids(Dialogue(tokenizer), "<think>\na<|im_end|>\n</think>\n\nb")
        assert [answer.count(tokenizer.convert_tokens_to_ids(token)) for token in (*THINK, "<|im_end|>")] == [1, 1, 1]


def test_they_are_counted() -> None:
    tokens = Dialogue(SHAPES["Qwen3"].tokenizer()).tokens
    assert tokens.special_in("<think>a<|im_end|></think><|im_start|>user<|im_end|>") == {
        "<think>": 1, "</think>": 1, "<|im_end|>": 2, "<|im_start|>": 1,
    }  # fmt: skip


def test_tokens_that_begin_alike_are_told_apart() -> None:
    tokens = ("<a>", "<ab>", "<ab", "[control_1]", "[control_12]", "(.*)")
    spelling = Dialogue(Shape(SHAPES["SmolLM2"].template, (*SHAPES["SmolLM2"].special, *tokens), "<|im_end|>").tokenizer()).tokens
    text = "<ab><ab <a[control_12][control_1](.*)<ac>"
    assert spelling.special_in(text) == {"<ab>": 1, "<ab": 1, "[control_12]": 1, "[control_1]": 1, "(.*)": 1}
    assert spelling.shown(spelling.hide(text)) == text


def unigram() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -3.0), *((chr(letter), -4.0) for letter in range(33, 127)), ("▁It", -5.0)]
    made = Tokenizer(models.Unigram(pieces, unk_id=0))
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return made


def test_a_vocabulary_that_holds_its_end_token_as_a_piece_does_not_find_it_in_text() -> None:
    from transformers import PreTrainedTokenizerFast

    backend = unigram()
    assert backend.encode("a</s>b").ids.count(1) == 1
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] + eos_token }}{% endfor %}"
    prompt, answer = ids(Dialogue(tokenizer), "a</s>b", "c")
    assert (prompt.count(1), answer.count(1), answer[-1]) == (1, 1, 1)
    assert 0 not in answer
