"""Masking by chat template: what is learned, what is refused, what is counted."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.records import Example
from o1exp.train.data.encode import ARRAYS, CannotTrain, ChatEncoder, Encoded, encode

TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}<e>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)  # fmt: skip
"""ChatML in short: like Qwen's, it writes a newline after the end token."""


def tokenizer(template: str | None = TEMPLATE) -> Any:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = ["<u>", "<s>", "<e>", *map(chr, range(10, 127))]
    characters = Tokenizer(models.WordLevel({token: at for at, token in enumerate(alphabet)}, unk_token="<u>"))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    made = PreTrainedTokenizerFast(tokenizer_object=characters, unk_token="<u>", eos_token="<e>", extra_special_tokens=["<s>"])
    made.chat_template = template
    return made


def example(prompt: str = "1 + 2", response: str = "It is 3", problem: str = "p") -> Example:
    return Example(problem=problem, prompt=prompt, response=response)


def run(rows: list[Example], template: str | None = TEMPLATE, max_length: int = 1000, overlong: str = "drop") -> Encoded:
    return encode(rows, ChatEncoder(tokenizer(template)), max_length, overlong)


def test_loss_is_on_the_answer_and_its_end_token() -> None:
    data, words = run([example(), example(response="So\n4")]), tokenizer()
    segments = []
    for start, stop, prompt in zip(data.starts, data.starts[1:], data.prompts, strict=False):
        segments.append((words.decode(data.ids[start : start + prompt]), words.decode(data.ids[start + prompt : stop])))
    squeezed = [tuple(text.replace(" ", "") for text in pair) for pair in segments]
    assert squeezed == [("<s>user\n1+2<e>\n<s>assistant\n", "Itis3<e>"), ("<s>user\n1+2<e>\n<s>assistant\n", "So\n4<e>")]
    assert data.labels.tolist() == [len("It is 3") + 1, len("So\n4") + 1]


@pytest.mark.parametrize(
    ("template", "rows", "says"),
    [
        (None, [example()], "no chat template"),
        (TEMPLATE.replace("m['content']", "m['content'].split('</think>')[-1]"), [example(response="<think>a</think>b")], "p#0 as written"),
        (TEMPLATE.replace("<e>", ""), [example(problem="open")], "open#0: the chat template closes the answer with none"),
        (TEMPLATE, [example(), example(response=" \n", problem="blank")], "blank#0 has no trainable token"),
    ],
)
def test_what_cannot_be_learned_is_refused(template: str | None, rows: list[Example], says: str) -> None:
    with pytest.raises(CannotTrain, match=says):
        run(rows, template)


def test_overlong_examples_are_dropped_and_counted() -> None:
    short, long = example(), example(response="x" * 100)
    length = len(run([long]).ids)
    data = run([short, long, short], max_length=length - 1)
    assert (len(data), data.dropped, data.cut, data.over, data.rows.tolist()) == (2, 1, 0, length, [0, 2])
    assert run([long], max_length=length).dropped == 0
    with pytest.raises(CannotTrain, match="no example is left"):
        run([long], max_length=length - 1)


def test_overlong_examples_are_cut_if_asked() -> None:
    long = example(response="x" * 100)
    whole = run([long])
    data = run([long], max_length=50, overlong="cut")
    assert (len(data), data.dropped, data.cut, data.over) == (1, 0, 1, len(whole.ids) - 50)
    assert data.ids.tolist() == whole.ids[:50].tolist()
    with pytest.raises(CannotTrain, match=r"p#0 has no trainable token: its prompt alone has \d+ tokens and max_length is 10"):
        run([long], max_length=10, overlong="cut")


def test_saved_and_loaded_alike(tmp_path: Path) -> None:
    data = run([example(), example(response="x" * 100), example()], max_length=60)
    data.save(tmp_path)
    again = Encoded.load(tmp_path)
    for name in ARRAYS:
        assert getattr(again, name).tolist() == getattr(data, name).tolist()
    assert (again.dropped, again.over) == (1, data.over)
