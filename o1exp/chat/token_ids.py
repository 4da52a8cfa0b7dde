"""Texts as token ids, where the special tokens that stand in texts of data stay text: only a template writes tokens.

A special token in a text of data is hidden behind a stand-in before the template is filled, so that the two can be told apart afterwards.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

_ABOUT_THOUGHT = re.compile("think|thought|reason", re.IGNORECASE)
_DATA, _TEMPLATE, _FIRST = "\U0010fffd", "\U0010fffc", 0x100000
"""A stand-in is one of two letters of the last private plane, for data's token or the template's, and a letter for its number."""


def is_thought_mark(token: str) -> bool:
    """Does the token mark a thought, as <think> and </think> do? A model writes such tokens itself, so they stay tokens in data."""
    return bool(_ABOUT_THOUGHT.search(token))


class TokenIds:
    """How one tokenizer spells texts. `written` are texts that its template wrote: their added tokens are marks of turns and roles.

    With `as_text` false, special tokens in texts of data are the tokens that they look like.
    """

    def __init__(self, tokenizer: Any, written: str, ends: Iterable[int] = (), as_text: bool = True) -> None:
        self.tokenizer, self.as_text, ends = tokenizer, as_text, {*ends, tokenizer.eos_token_id}
        added = {number: str(token.content) for number, token in tokenizer.added_tokens_decoder.items() if token.content.strip()}
        special = {str(token.content) for token in tokenizer.added_tokens_decoder.values() if token.special} | set(
            tokenizer.all_special_tokens
        )
        self.marks = [token for number, token in added.items()
                      if not is_thought_mark(token) and (token in special or number in ends or token in written)]  # fmt: skip
        """Tokens that a template writes and data only quote: ends, turns, roles, and whatever the tokenizer calls special."""
        thoughts = [token for token in added.values() if is_thought_mark(token)]
        self._place = {token: place for place, token in enumerate(self.marks)}
        self._marks, self._any = _any_of(self.marks), _any_of([*self.marks, *thoughts])

    def special_in(self, text: str) -> Counter[str]:
        """The special tokens and marks of thoughts that a text of data holds."""
        return Counter(self._any.findall(text))

    def hide(self, text: str) -> str:
        """A text of data, to be put into a template."""
        return self._marks.sub(lambda found: _stand_in(_DATA, self._place[found[0]]), text) if self.as_text else text

    def shown(self, text: str) -> str:
        """The text again as a person reads it."""
        if _DATA not in text:
            return text
        return re.sub(f"{_DATA}(.)", lambda found: self.marks[ord(found[1]) - _FIRST], text, flags=re.DOTALL)

    def ids(self, texts: list[str]) -> list[list[int]]:
        """Token ids of texts from a template; what is hidden in them becomes ordinary tokens."""
        plain = [text for text in texts if _DATA not in text]
        found = iter(self.tokenizer(plain, add_special_tokens=False)["input_ids"] if plain else [])
        return [self._quoting(text) if _DATA in text else next(found) for text in texts]

    def continued(self, before: list[str], before_ids: list[list[int]], texts: list[str]) -> list[list[int]]:
        """Token ids of texts that go on where others end, which keep the ids that they have alone: a model that writes sees those.

        Some tokenizers (SentencePiece) begin every text with a space; here the text has begun before.
        """
        if not self._adds_space:
            return self.ids(texts)
        whole = self.ids([first + then for first, then in zip(before, texts, strict=True)])
        return [
            ids[len(first) :] if ids[: len(first)] == first else self._behind_a_line(text)
            for ids, first, text in zip(whole, before_ids, texts, strict=True)
        ]

    def _behind_a_line(self, text: str) -> list[int]:
        line, whole, alone = self.ids(["\n", "\n" + text, text])
        return whole[len(line) :] if whole[: len(line)] == line else alone

    @cached_property
    def _adds_space(self) -> bool:
        line, whole, alone = self.ids(["\n", "\naa", "aa"])
        return whole[len(line) :] != alone

    def _quoting(self, text: str) -> list[int]:
        """The template's tokens take the names of stand-ins, and the data's their own, which no longer are those of tokens."""
        reader, numbers = self._reader
        named = self._marks.sub(lambda found: _stand_in(_TEMPLATE, self._place[found[0]]), text)
        return [numbers.get(token, token) for token in reader.encode(self.shown(named), add_special_tokens=False).ids]

    @cached_property
    def _reader(self) -> tuple[Any, dict[int, int]]:
        """The same tokenizer with its marks renamed, and its numbers of added tokens as the tokenizer's own.

        Errors: ValueError where the tokenizer is none of the tokenizers library, which alone can be rebuilt.
        """
        from tokenizers import Tokenizer

        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ValueError(
                "special tokens stand in texts of the data, and this tokenizer (written in Python) cannot keep them as text; choose a "
                "model with a tokenizer.json, or special_tokens=tokens"
            )
        made, name = json.loads(backend.to_str()), self._renamed
        for token in made["added_tokens"]:
            token["normalized"] = token["normalized"] and token["content"] not in self._place
            token["content"] = name(token["content"])
        model = made["model"]
        if isinstance(model["vocab"], dict):
            model["vocab"] = {name(piece): number for piece, number in model["vocab"].items()}
        else:
            model["vocab"] = [[name(piece), *rest] for piece, *rest in model["vocab"]]
        if model.get("unk_token"):
            model["unk_token"] = name(model["unk_token"])
        reader = Tokenizer.from_str(json.dumps({**made, "post_processor": None, "truncation": None, "padding": None}))
        own = {number: name(str(token.content)) for number, token in self.tokenizer.added_tokens_decoder.items()}
        return reader, {known: number for number, content in own.items() if (known := reader.token_to_id(content)) is not None}

    def _renamed(self, piece: str) -> str:
        return _stand_in(_TEMPLATE, self._place[piece]) if piece in self._place else piece


def _stand_in(kind: str, place: int) -> str:
    return kind + chr(_FIRST + place)


def _any_of(tokens: list[str]) -> "re.Pattern[str]":
    """The longest that fits; no tokens: what is never found. A thousand of them cost no more than one, as each letter is looked at once."""
    return re.compile(_tree(tokens) if tokens else "(?!)")


def _tree(endings: Iterable[str]) -> str:
    """A pattern that branches where the texts differ."""
    by_letter: dict[str, list[str]] = {}
    for ending in sorted(endings):
        by_letter.setdefault(ending[:1], []).append(ending[1:])
    ends = by_letter.pop("", None)
    inner = "|".join(re.escape(letter) + _tree(rest) for letter, rest in by_letter.items())
    return f"(?:{inner})" + ("?" if ends else "") if inner else ""
