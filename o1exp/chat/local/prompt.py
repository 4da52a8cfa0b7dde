"""The ids that a model continues."""

from dataclasses import dataclass
from typing import Any

from o1exp.chat.dialogue import Dialogue
from o1exp.chat.local.marks import beginning
from o1exp.chat.local.rows import CannotSample


@dataclass(frozen=True)
class Prompt:
    """Ids to be continued; `opened`: they end inside a thought, whose beginning the answer therefore lacks."""

    ids: tuple[int, ...]
    opened: bool = False


class Prompts:
    """Writes prompts by one tokenizer: through its chat template as training does, or as plain text where it has none.

    Errors: CannotSample where the template cannot be used.
    """

    def __init__(self, tokenizer: Any, think_end: str = "") -> None:
        self._tokenizer, self._think_end = tokenizer, think_end
        try:
            self._dialogue = None if tokenizer.chat_template is None else Dialogue(tokenizer)
        except ValueError as why:
            raise CannotSample(str(why)) from why

    def of(self, question: str, system: str = "") -> Prompt:
        """What the model continues. Errors: CannotSample where the template does not take it."""
        if self._dialogue is None:
            text = f"{system}\n\n{question}" if system else question
            return Prompt(plain_ids(self._tokenizer, text), opened(text, "", self._think_end))
        try:
            text = self._dialogue.prompt_text(question, system)
        except ValueError as why:
            raise CannotSample(str(why)) from why
        # What the tokenizer puts before a text (BOS) and behind it stands in the template where it belongs.
        ids = self._dialogue.tokens.ids([text])[0]
        return Prompt(tuple(ids), opened(self._dialogue.tokens.shown(text), question, self._think_end))


def plain_ids(tokenizer: Any, text: str) -> tuple[int, ...]:
    """A text with what the tokenizer puts before it, once, and without what it puts behind it: an end that would be continued."""
    whole, bare = (tokenizer(text, add_special_tokens=special)["input_ids"] for special in (True, False))
    last = len(whole) - len(bare)
    at = next((at for at in range(last, -1, -1) if whole[at : at + len(bare)] == bare), last)
    before = whole[: at if bare else 0]
    if before and bare and before[-1] == tokenizer.bos_token_id == bare[0]:
        before = before[:-1]
    return (*before, *bare)


def opened(text: str, question: str, think_end: str) -> bool:
    """Does a prompt open a thought and not close it, behind the question or as the last of it?"""
    mark = beginning(think_end)
    if not mark:
        return False
    behind = text.rpartition(question.strip())[2] if question.strip() else text
    return behind.rfind(mark) > behind.rfind(think_end) or text.rstrip().endswith(mark)
