"""The ids that a model continues."""

from dataclasses import dataclass
from typing import Any

from o1exp.chat.local.marks import beginning


@dataclass(frozen=True)
class Prompt:
    """Ids to be continued; `opened`: they end inside a thought, whose beginning the answer therefore lacks."""

    ids: tuple[int, ...]
    opened: bool = False


def encode(tokenizer: Any, system: str, question: str, think_end: str = "") -> Prompt:
    """Through the chat template, or the plain text where the tokenizer has none."""
    if tokenizer.chat_template is None:
        text = f"{system}\n\n{question}" if system else question
        return Prompt(plain_ids(tokenizer, text), opened(text, "", think_end))
    messages = [{"role": "system", "content": system}] if system else []
    text = tokenizer.apply_chat_template([*messages, {"role": "user", "content": question}], add_generation_prompt=True, tokenize=False)
    # What the tokenizer puts before a text (BOS) and behind it stands in the template where it belongs.
    return Prompt(tuple(tokenizer(text, add_special_tokens=False)["input_ids"]), opened(text, question, think_end))


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
