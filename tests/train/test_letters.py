"""Letters that a tokenizer does not know, found in every example; what its normaliser writes in another way is known."""

from typing import Any

import pytest

from o1exp.records import Example
from o1exp.train.data.encode import CannotTrain, ChatEncoder, encode
from tests.chat.shapes import bytewise, spaced

TEMPLATE = "{% for m in messages %}{{ m['role'] + ':' + m['content'] + eos_token }}{% endfor %}{{ 'assistant:' if add_generation_prompt }}"
OHM, ANGSTROM, DECOMPOSED, WIDE = "\u2126", "\u212b", "e\u0301", "\uff11\uff12"


def encoder(backend: Any, **settings: Any) -> ChatEncoder:
    from transformers import PreTrainedTokenizerFast

    settings = {"eos_token": "</s>", **settings}
    backend.add_special_tokens([settings["eos_token"]])
    made = PreTrainedTokenizerFast(tokenizer_object=backend, **settings)
    made.chat_template = TEMPLATE
    return ChatEncoder(made)


def refusal(made: ChatEncoder, rows: list[Example]) -> str:
    try:
        encode(rows, made, 10**6, "drop")
    except CannotTrain as wrong:
        return str(wrong)
    return ""


def rows(*texts: str) -> list[Example]:
    return [Example(problem=str(number), prompt="1 + 2?", response=text) for number, text in enumerate(texts)]


def without_bytes(normalizer: Any = None, letters: str = "") -> Any:
    made = spaced("first", bytes_too=False, letters=letters)
    made.normalizer = normalizer
    return made


def normaliser(name: str) -> Any:
    from tokenizers import normalizers

    made: Any = {
        "NFC": normalizers.NFC(), "NFKC": normalizers.NFKC(), "lower": normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
        "bare": normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents()]),
    }[name]  # fmt: skip
    return made


def test_unknown_letters_are_named_by_row_also_behind_the_first_512() -> None:
    plain = ["It is 3"] * 600
    says = refusal(encoder(without_bytes()), rows(*plain, "It ẞ 3", "Ω", "and ẞ again", "\x00"))
    assert says == (
        "the tokenizer cannot write 4 of the rows: it lacks 'ẞ' (U+1E9E) in rows 600, 602, 'Ω' (U+03A9) in row 601, "
        "'\\x00' (U+0000) in row 603; leave these rows out, or choose a model whose tokenizer knows these letters"
    )
    asked = [Example(problem="p", prompt="What is ẞ?", response="3")]
    assert "'ẞ' (U+1E9E) in row 0" in refusal(encoder(without_bytes()), asked)
    assert refusal(encoder(without_bytes()), rows(*plain)) == ""


def test_letters_that_are_dropped_without_a_word_are_found_too() -> None:
    backend = bytewise()
    alphabet = {piece: at for piece, at in backend.get_vocab().items() if piece not in ("z", "Ã")}
    from tokenizers import models

    backend.model = models.BPE(vocab={piece: at for at, piece in enumerate(alphabet)}, merges=[])
    assert "'z' (U+007A) in row 1, 'é' (U+00E9) in row 2" in refusal(encoder(backend, eos_token="<e>"), rows("a", "az", "é"))


@pytest.mark.parametrize(("name", "letters", "text"), [
    ("NFC", "éÅΩ", DECOMPOSED + ANGSTROM + OHM), ("NFKC", "Ω", OHM + WIDE), ("lower", "ω", OHM + "ABC" + WIDE),
    ("bare", "", DECOMPOSED + "é"),
])  # fmt: skip
def test_what_the_normaliser_writes_otherwise_is_known(name: str, letters: str, text: str) -> None:
    assert refusal(encoder(without_bytes(normaliser(name), letters)), rows("a", text, f"a {text} b")) == ""
    assert refusal(encoder(without_bytes(None, letters)), rows(text)) != ""
    assert "'Ж'" in refusal(encoder(without_bytes(normaliser("NFC"), letters)), rows("a Ж"))


@pytest.mark.parametrize("scheme", ["first", "always", "never", "prepend"])
def test_bytes_for_letters_and_a_space_before_a_text_are_no_loss(scheme: str) -> None:
    assert refusal(encoder(spaced(scheme)), rows("It is ∑ é 数 \x00 \u200b", "\n\n  It\t", DECOMPOSED)) == ""
    assert refusal(encoder(bytewise(), eos_token="<e>"), rows("It is ∑ é 数 \x00 \u200b", "\n\n  It\t", DECOMPOSED)) == ""


def test_the_unknown_token_is_told_from_the_same_token_as_an_end() -> None:
    """GPT-2's tokenizer has one token for both."""
    backend = bytewise()
    backend.add_special_tokens(["<|endoftext|>"])
    assert refusal(encoder(backend, eos_token="<|endoftext|>", unk_token="<|endoftext|>"), rows("a", "a <|endoftext|> b")) == ""


def test_unknown_words_and_unknown_spaces() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<u>", "user", "assistant", ":", "1", "+", "2", "?", "It", "is", "I", "t", "i", "s", "</s>"]
    backend = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<u>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    assert "it lacks 'Itis' in row 1;" in refusal(encoder(backend, unk_token="<u>"), rows("It is", "Itis"))
    assert "'\\n' (U+000A) in row 1" in refusal(encoder(without_bytes(), unk_token="<unk>"), rows("a b", "a\nb"))
