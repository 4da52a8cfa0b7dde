"""Masking by chat template: what is learned, what is refused, what is counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from o1exp.records import Example, Pair
from o1exp.train.data.encode import ARRAYS, CannotTrain, ChatEncoder, Document, Encoded, encode

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
        (TEMPLATE.replace("<e>", ""), [example()], "the chat template closes the answer with none of the end tokens"),
        (TEMPLATE.replace("<e>", "{{ oops"), [example()], "the chat template is no Jinja"),
        (TEMPLATE, [example(), example(response=" \n", problem="blank")], "blank#0 has no trainable token"),
    ],
)
def test_what_cannot_be_learned_is_refused(template: str | None, rows: list[Example], says: str) -> None:
    with pytest.raises(CannotTrain, match=says):
        run(rows, template)


def test_a_template_that_drops_thoughts_is_not_asked_for_the_answer() -> None:
    dropping = TEMPLATE.replace("m['content']", "m['content'].split('</think>')[-1]")
    rows = [example(response="<think>a</think>b")]
    assert run(rows, dropping).ids.tolist() == run(rows).ids.tolist()


def test_an_end_token_in_a_text_cuts_nothing_and_is_counted() -> None:
    quoted, words = [example(prompt="a<e>b", response="c<e>\nd<s>"), example()], tokenizer()
    encoder = ChatEncoder(words)
    data = encode(quoted, encoder, 1000, "drop")
    assert words.decode(data.document(0)[data.prompts[0] :]).replace(" ", "") == "c<e>\nd<s><e>"
    assert data.labels.tolist() == [len("c<e>\nd<s>") + 1, len("It is 3") + 1]
    assert data.document(0).tolist().count(words.eos_token_id) == data.document(1).tolist().count(words.eos_token_id) == 2
    assert encoder.specials == {"<e>": 2, "<s>": 1}


def test_by_choice_special_tokens_are_tokens_but_no_end_within_a_response() -> None:
    words = tokenizer()
    encoder = ChatEncoder(words, special_tokens="tokens")
    data = encode([example(prompt="a<e>b", response="c<s>d")], encoder, 1000, "drop")
    assert (data.document(0).tolist().count(words.eos_token_id), int(data.labels[0])) == (3, 4)
    assert encoder.specials == {"<e>": 1, "<s>": 1}
    says = r"row 1, example q#0: its response holds the end token <e>, where generation would stop; set special_tokens=text"
    with pytest.raises(CannotTrain, match=says):
        encode([example(), example(response="c<e>d", problem="q")], encoder, 1000, "drop")


def test_half_a_surrogate_pair_is_one_row_that_cannot_be_read() -> None:
    broken = [example(), example(response="a\ud800"), example(prompt="\udc00"), example()]
    data = run(broken)
    assert (data.rows.tolist(), data.unreadable.tolist()) == ([0, 3], [1, 2])
    with pytest.raises(CannotTrain, match=r"no example is left to train on.*\(1 were no text\)"):
        run(broken[1:2])
    pair = Pair(problem="p", prompt="1 + 2", chosen="3", rejected="\ud800")
    data = encode([pair], ChatEncoder(tokenizer()), 1000, "drop")
    assert (len(data), data.unreadable.tolist()) == (1, [0])


def test_a_response_that_the_template_cannot_begin_is_named_by_row() -> None:
    opens = TEMPLATE.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
    with pytest.raises(CannotTrain, match=r"row 1, example bare#0: the chat template opens a thought"):
        run([example(response="<think>\na</think>3"), example(problem="bare")], opens)
    pair = Pair(problem="p", prompt="1 + 2", chosen="a</think>3", rejected="4 and no end")  # as the model wrote them
    data, words = encode([pair], ChatEncoder(tokenizer(opens)), 1000, "drop"), tokenizer(opens)
    assert words.decode(data.document(1)).replace(" ", "").endswith("<think>\n4andnoend<e>")


def test_examples_of_one_question_are_of_one_problem() -> None:
    same = ["Find $x^{2}$, if x = 3.", "find  \\(x^2\\) if x=3", "Find $x^\u00b2$ if x = 3".replace("^\u00b2", "^{ 2 }")]
    rows = [example(prompt=text, problem=name) for text, name in zip(same, "abc", strict=True)]
    data = run([*rows, example(prompt="Find $x^2$ if x = 4", problem="d")])
    assert len(set(data.problems[:3].tolist())) == 1 < len(set(data.problems.tolist())) == 2
    again = run([rows[2], rows[0]])
    assert again.problems.tolist() == [int(data.problems[0])] * 2
    linked = run([example(prompt="one", problem="a"), example(prompt="two", problem="a"), example(prompt="two", problem="b")])
    assert len(set(linked.problems.tolist())) == 1


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


def test_after_a_kill_only_the_rows_behind_the_last_part_are_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o1exp.train.data.encode._PART", 10)
    rows = [example(prompt=f"{n} + <s>", response="x" * (n % 7) + f"{n}", problem=f"p{n % 40}") for n in range(57)]
    rows[31] = example(prompt="\ud800", problem="none")
    whole = ChatEncoder(tokenizer())
    expected = encode(rows, whole, 33, "drop")
    assert 0 < expected.dropped < 50
    assert expected.unreadable.tolist() == [31]

    def killed() -> Iterator[Example]:
        yield from rows[:44]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(killed(), ChatEncoder(tokenizer()), 33, "drop", tmp_path)
    with (tmp_path / "ids.npy").open("ab") as file:
        file.write(b"half of a part")
    asked: list[int] = []
    again = ChatEncoder(tokenizer())
    plainly = again._texts

    def texts(document: Document) -> tuple[str, str]:
        asked.append(document.row)
        return plainly(document)

    monkeypatch.setattr(again, "_texts", texts)
    found = encode(rows, again, 33, "drop", tmp_path)
    assert asked == [*range(40, 57)]
    assert again.specials == whole.specials == {"<s>": 56}
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    expected.save(tmp_path / "one")
    found.moved(tmp_path / "two")
    for name in (*ARRAYS, "counts"):
        assert (tmp_path / f"one/{name}.npy").read_bytes() == (tmp_path / f"two/{name}.npy").read_bytes(), name


def test_parts_whose_ids_are_lost_are_encoded_again(tmp_path: Path) -> None:
    rows = [example(prompt=str(n)) for n in range(5)]
    whole = encode(rows, ChatEncoder(tokenizer()), 1000, "drop")
    encode(rows, ChatEncoder(tokenizer()), 1000, "drop", tmp_path)
    (tmp_path / "ids.npy").unlink()
    assert encode(rows, ChatEncoder(tokenizer()), 1000, "drop", tmp_path).ids.tolist() == whole.ids.tolist()
