"""Does a tokenizer know the letters of a text? Each letter is tried once; only words with a letter that failed are looked at again."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from o1exp.chat.token_ids import TokenIds

_USUAL = "".join(map(chr, range(32, 127)))
_UNUSUAL, _ANY = re.compile(r"[^\n -~]"), re.compile(r"[\s\S]")
"""Long texts are mostly letters that are tried at once."""


class Letters:
    """What one tokenizer cannot write: letters that it drops or replaces by its unknown token.

    Compared is what its own normaliser makes of a text, so that a letter which it writes in another form (U+2126, the Ohm sign, as omega)
    or in lower case is no unknown one. Spaces do not count.
    """

    def __init__(self, tokens: TokenIds) -> None:
        self.tokens, self.tokenizer = tokens, tokens.tokenizer
        self._known: set[str] = set()
        self._failed: set[str] = set()
        self._unknown, self._unknown_token = _unknown_token(self.tokenizer)
        self._try(_USUAL)
        self._seen = _ANY if self._failed else _UNUSUAL

    def unknown(self, text: str, ids: list[int], written: str) -> list[str]:
        """Letters, or else words, of a text of data that its ids do not spell; `written` is the text that became the ids."""
        letters = set(self._seen.findall(text))
        if new := letters - self._known - self._failed:
            self._try(new)
        found: list[str] = []
        if letters & self._failed:
            words = [word for word in dict.fromkeys(text.split()) if not self._failed.isdisjoint(word)]
            found = sorted({letter for word in self._misspelt(words) for letter in self._failed & set(word)})
        if not found and self._unknown is not None and ids.count(self._unknown) > written.count(self._unknown_token):
            return self._replaced(text) or self._misspelt(dict.fromkeys(text.split())) or self._replaced(written) or [self._unknown_token]
        return found

    def _replaced(self, text: str) -> list[str]:
        """Letters for which the unknown token stands."""
        return sorted(letter for letter in set(text) if self._unknown in self._ids(letter))

    def _try(self, letters: Iterable[str]) -> None:
        wrong = set(self._misspelt(sorted(letter for letter in letters if not letter.isspace())))
        self._known.update(set(letters) - wrong)
        self._failed.update(wrong)

    def _misspelt(self, texts: Iterable[str]) -> list[str]:
        """Those that come back as something else."""
        given = [text for text in texts if text]
        return [text for text, ids in zip(given, self.tokens.ids(list(map(self.tokens.hide, given))), strict=True)
                if self._plain(self._decoded(ids)) != self._plain(text)]  # fmt: skip

    def _ids(self, text: str) -> list[int]:
        return self.tokens.ids([text])[0]

    def _decoded(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))

    def _plain(self, text: str) -> str:
        normalised = self._normaliser.normalize_str(text) if self._normaliser else text
        return "".join(normalised.replace("▁", " ").split())

    @cached_property
    def _normaliser(self) -> Any:
        return getattr(getattr(self.tokenizer, "backend_tokenizer", None), "normalizer", None)


def _unknown_token(tokenizer: Any) -> tuple[int | None, str]:
    """The token for what is not known, of the tokenizer or of the model in it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    named = getattr(getattr(backend, "model", None), "unk_token", None) or tokenizer.unk_token
    number = tokenizer.convert_tokens_to_ids(named) if named else None
    return (number, str(named)) if isinstance(number, int) else (None, "")


def named(letter: str) -> str:
    """A letter as a message names it: 'ẞ' (U+1E9E)."""
    if len(letter) != 1:
        return repr(letter)
    sign = letter if letter.isprintable() and not unicodedata.combining(letter) else letter.encode("unicode_escape").decode()
    return f"'{sign}' (U+{ord(letter):04X})"


def sentence(unknown: dict[str, list[int]], rows: int) -> str:
    """Which letters in which rows of the data; so many `rows` have one of them."""
    shown = list(_listed(unknown))
    more = f" and {len(unknown) - len(shown)} more" if len(unknown) > len(shown) else ""
    return (
        f"the tokenizer cannot write {rows} of the rows: it lacks {', '.join(shown)}{more}; leave these rows out, or choose a model "
        "whose tokenizer knows these letters"
    )


def _listed(unknown: dict[str, list[int]]) -> Iterator[str]:
    for letter, rows in list(unknown.items())[:8]:
        yield f"{named(letter)} in row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:5]))}{' ...' if len(rows) > 5 else ''}"
