"""Token ids as the text that is graded and shown, and what is found in it while it is written."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from o1exp.chat.local.marks import beginning, is_thought_mark
from o1exp.chat.local.rows import Forcing


class Spelling:
    """Spells ids by one tokenizer.

    Special tokens are left out (ends, turns, padding), but for the marks of thoughts and those that stand in a string of `kept`: what is
    looked for must be there to be found.
    """

    def __init__(self, tokenizer: Any, kept: Iterable[str] = ()) -> None:
        named = [text for text in kept if text]
        special = {number: token.content for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        special |= dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=False))
        self._tokenizer = tokenizer
        self._left_out = {
            number for number, token in special.items() if not is_thought_mark(token) and not any(token in text for text in named)
        }
        # A fast tokenizer leaves out what it does not know by itself; models may have more embeddings than their tokenizer has tokens.
        self._known = None if tokenizer.is_fast else set(tokenizer.get_vocab().values())

    def text(self, ids: Sequence[int]) -> str:
        """The text of these ids."""
        spelt = [token for token in ids if token not in self._left_out and (self._known is None or token in self._known)]
        written: str = self._tokenizer.decode(spelt, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return written

    def stopped(self, stops: Sequence[str]) -> Callable[[list[int], int], bool]:
        """Does a stop string end within the last so many tokens? Those and a few before suffice: each one is at least a byte."""
        if not stops:
            return lambda ids, new: False
        reach = max(map(_tokens, stops))

        def stopped(ids: list[int], new: int) -> bool:
            tail = self.text(ids[-reach - new :])
            return any(stop in tail for stop in stops)

        return stopped

    def closed(self, mark: str) -> Callable[[Sequence[int], int], int]:
        """For Forcing: how many of the last tokens reach into the mark that the newest one completes, however they share its letters."""
        reach = _tokens(mark)

        def closed(ids: Sequence[int], token: int) -> int:
            tail = [*ids[-reach:], token]
            if not mark or mark not in self.text(tail):
                return 0
            return next(count for count in range(1, len(tail) + 1) if mark in self.text(tail[-count:]))

        return closed


def _tokens(text: str) -> int:
    """As many as it may be at most, and a character of several bytes before it."""
    return len(text.encode()) + 3


def kept(think_end: str, stops: Sequence[str]) -> tuple[str, ...]:
    """Strings whose special tokens stay in the text."""
    return (think_end, beginning(think_end), *stops)


def forcing(tokenizer: Any, spelling: Spelling, marks: tuple[str, str, str], budget: tuple[int, int]) -> Forcing | None:
    """`marks`: the end of a thought, what follows one that was ended by force, what stands for an end that comes too early.

    `budget`: tokens of a thought at least and at most, 0: any number.
    """
    if budget == (0, 0):
        return None
    end, answer, wait = (tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in marks)
    return Forcing(end=end, answer=answer, wait=wait, least=budget[0], most=budget[1], closed=spelling.closed(marks[0]))


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer, as the model's generation settings and its tokenizer name them."""
    named = model.generation_config and model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
