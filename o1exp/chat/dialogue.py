"""A question and its answer as a model reads them: one place for training and sampling, so that both see the same token ids."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from o1exp.chat.templates import ANSWER, QUESTION, Message, chosen, message, no_system, user
from o1exp.chat.token_ids import TokenIds

_AROUND = " \t"
"""Spaces around the answer that a template is tried with, to see whether it keeps them."""
_OPENS = re.compile(r"(?:<(?!\|?end)[^<>/\n]*(?:think|thought|reason)[^<>/\n]*>|\[THINK\]|◁think▷)\s*$", re.IGNORECASE)
_EMPTY_THOUGHT = re.compile(r"<think>\s*</think>\s*|\[THINK\]\s*\[/THINK\]\s*")


@dataclass(frozen=True)
class Form:
    """What a template writes around an answer: `before` and `after`, which ends in the end token; does it keep spaces at its ends?"""

    before: str
    after: str
    keeps: tuple[bool, bool]

    def around(self, answer: str) -> str:
        kept = answer if self.keeps[0] else answer.lstrip()
        return self.before + (kept if self.keeps[1] else kept.rstrip()) + self.after


class Dialogue:
    """One tokenizer and its chat template. `ends` are the token ids that end an answer, beside the tokenizer's own.

    The template writes the prompt up to where the model goes on; the answer follows as it stands in the data, closed as the template
    closes one. So a prompt and an answer meet without a gap, also where a template would rewrite the answer of a finished dialogue.

    Errors: ValueError in one sentence where the template cannot be used.
    """

    def __init__(self, tokenizer: Any, ends: Iterable[int] = (), as_text: bool = True) -> None:
        self.tokenizer, self.template = tokenizer, chosen(tokenizer.chat_template, "")
        self.ends = {*ends, tokenizer.eos_token_id} - {None}
        self._parts = False
        self._prompt = self._tried()
        try:
            written = self._prompt + self._finished
        except ValueError:  # prompts can be written all the same
            written = self._prompt
        self.tokens = TokenIds(tokenizer, written, self.ends, as_text)

    @cached_property
    def opened(self) -> str:
        """The beginning of a thought that the prompt ends with, e.g. "<think>\\n"; "" for none."""
        found = _OPENS.search(self._prompt)
        return found[0] if found else ""

    def prompt_text(self, question: str, system: str = "") -> str:
        """The prompt up to where the model goes on, special tokens of the question hidden (`TokenIds.shown` shows them)."""
        asked, told = self.tokens.hide(question), self.tokens.hide(system)
        try:
            text = self._written([*([message("system", told)] if told else []), user(asked)], True)
        except ValueError as refused:
            if not told:
                raise
            self._written([user(asked)], True)
            raise ValueError(f"{no_system('refuses')} ({refused})") from None
        if told.strip() not in text:
            raise ValueError(no_system("leaves out"))
        if asked.strip() not in text:
            raise ValueError("the chat template does not write the question as it is; mend it, or choose chat_template=plain")
        return text

    def prompt(self, question: str, system: str = "") -> tuple[int, ...]:
        """The token ids that the model continues."""
        return tuple(self.tokens.ids([self.prompt_text(question, system)])[0])

    def answer_text(self, response: str, drawn: bool = False) -> str:
        """What follows the prompt: the response as it is, without the beginning of a thought that the prompt has, and its end token.

        `drawn`: the model itself wrote it behind such a prompt. Errors: ValueError where the prompt opens a thought that another
        response neither begins nor ends.
        """
        answer = self.tokens.hide(response)
        return self.form.around(self._behind_opened(answer, drawn) if self.opened else answer)

    def _behind_opened(self, answer: str, drawn: bool) -> str:
        mark = self.opened.rstrip()
        begun = answer.lstrip()
        if begun.startswith(mark):
            rest, gap = begun[len(mark) :], self.opened[len(mark) :]
            return rest[len(gap) :] if rest.startswith(gap) else rest
        if drawn or _closing(mark) in answer:
            return answer
        raise ValueError(
            f"the chat template opens a thought ({self.opened!r}) that the response neither begins nor ends; write thoughts as "
            f"{mark}...{_closing(mark)}, or choose a template that opens none: chat_template=plain"
        )

    def ids(self, prompts: list[str], answers: list[str]) -> Iterator[tuple[list[int], list[int]]]:
        """Token ids of texts that `prompt_text` and `answer_text` gave."""
        asked = self.tokens.ids(prompts)
        yield from zip(asked, self.tokens.continued(prompts, asked, answers), strict=True)

    @cached_property
    def end_names(self) -> list[str]:
        """The end tokens as they are written."""
        names = [self.tokenizer.convert_ids_to_tokens(number) for number in sorted(self.ends) if number >= 0]
        return [str(name) for name in names if name]

    @cached_property
    def form(self) -> Form:
        """How the template writes an answer. Errors: ValueError where it writes none, or closes it with no end token."""
        before, _, after = self._finished.partition(ANSWER)
        keeps = before.endswith(_AROUND), after.startswith(_AROUND[::-1])
        before, after = before[: -len(_AROUND)] if keeps[0] else before, after[len(_AROUND) :] if keeps[1] else after
        turn = self._prompt.removesuffix(self.opened)
        # A thought that the template would put there is the template's: what is thought, the data say.
        before = _EMPTY_THOUGHT.sub("", before[len(turn) :]) if before.startswith(turn) else ""
        return Form(before, self._closed(after), keeps)

    def _closed(self, after: str) -> str:
        """Up to its first end token, where generation stops: what a template writes behind it is never learned."""
        ends = self.end_names
        places = [(after.index(end) + len(end), end) for end in ends if end in after]
        if not places:
            raise ValueError(f"the chat template closes the answer with none of the end tokens {ends}: {self._remedy(after)}")
        return after[: min(places)[0]]

    def _remedy(self, after: str) -> str:
        written = sorted((after.index(mark), mark) for mark in self.tokens.marks if mark in after)
        if written:
            return f"name the one that it writes there: eos_token={written[0][1]}"
        if self.ends:
            return f"it ends in {after!r}; choose a template that writes {self.tokenizer.eos_token!r}: chat_template=plain"
        some = ", ".join(self.tokens.marks[:5])
        return (
            f"the tokenizer names none; name one of its tokens ({some}): eos_token=..., and a template that writes it: chat_template=plain"
        )

    @cached_property
    def _finished(self) -> str:
        text = self._written([user(QUESTION), message("assistant", _AROUND + ANSWER + _AROUND[::-1])], False)
        if ANSWER not in text:
            raise ValueError("the chat template does not write the assistant's answer; mend it, or choose chat_template=plain")
        return text

    def _tried(self) -> str:
        """The prompt of a question, its content as text or, where a template wants that, in parts. Errors: ValueError for neither."""
        failed = ValueError("the chat template does not write the question; mend it, or choose chat_template=plain")
        for self._parts in (False, True):
            try:
                text = self._written([user(QUESTION)], True)
            except ValueError as wrong:
                failed = failed if self._parts else wrong
                continue
            if QUESTION in text:
                return text
        raise failed

    def _written(self, messages: list[Message], opens: bool) -> str:
        from jinja2 import TemplateError, TemplateSyntaxError

        if self._parts:
            messages = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in messages]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages, chat_template=self.template, tokenize=False, add_generation_prompt=opens
                )
            )  # fmt: skip
        except TemplateSyntaxError as wrong:
            raise ValueError(
                f"the chat template is no Jinja (line {wrong.lineno}: {wrong.message}); mend it, or choose chat_template=plain"
            ) from None
        except (TemplateError, TypeError, KeyError, AttributeError) as wrong:
            raise ValueError(f"the chat template fails: {wrong}; mend it, or choose chat_template=plain") from None


def _closing(mark: str) -> str:
    """The mark that ends the thought which this one begins."""
    for begins, ends in (("begin", "end"), ("START", "END"), ("start", "end")):
        if begins in mark:
            return mark.replace(begins, ends)
    return mark[0] + "/" + mark[1:]
