"""What a chat template does with messages, tried without a tokenizer: for a plan, which loads no library and no model."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from o1exp.chat.templates import ANSWER, DAY, QUESTION, TAGS, Message, message, no_system, settled, user

USUAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
"""Tokens that a tokenizer has by its class, where its files do not say so."""


def refuses_system(template: str, system: str) -> str:
    """Why a model with this template cannot be told `system`; "" where it can, or where only the run knows."""
    try:
        parts = _parts(template, USUAL)
    except ValueError:
        return ""
    try:
        text = _written(template, [message("system", system), user(QUESTION)], parts, USUAL)
    except ValueError as refused:
        return f"{no_system('refuses')} ({refused})"
    return "" if system.strip() in text else no_system("leaves out")


def refuses_answers(template: str, named: Mapping[str, str], ends: Iterable[str] = ()) -> str:
    """Why no training text can be written with this template; "" where one can, or where only the run knows.

    `named` are the tokenizer's tokens by name (eos_token), `ends` all its end tokens, none where they are not known.
    """
    known = {**USUAL, **{name: token for name, token in named.items() if token}}
    try:
        parts = _parts(template, known)
        text = _written(template, [user(QUESTION), message("assistant", ANSWER)], parts, known, opens=False)
    except ValueError as wrong:
        return f"fails: {wrong}; mend it, or choose chat_template=plain"
    if ANSWER not in text:
        return "does not write the assistant's answer; mend it, or choose chat_template=plain"
    after, closing = text.partition(ANSWER)[2], [end for end in ends if end]
    if closing and not after.strip():
        return "closes the answer with no token; choose chat_template=plain"
    if closing and not any(end in after for end in closing):
        return (
            f"closes the answer with none of the end tokens {closing}, but with {after!r}; name one that it writes there: eos_token=..., "
            "or choose chat_template=plain"
        )
    return ""


def _parts(template: str, named: Mapping[str, str]) -> bool:
    """Does it want contents in parts? Errors: ValueError where it writes no question either way."""
    failed = ValueError("it does not write the question")
    for parts in (False, True):
        try:
            if QUESTION in _written(template, [user(QUESTION)], parts, named):
                return parts
        except ValueError as wrong:
            failed = failed if parts else wrong
    raise failed


def _written(template: str, messages: list[Message], parts: bool, named: Mapping[str, str], opens: bool = True) -> str:
    """As transformers renders it. Errors: ValueError with what the template raises."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(reason: str) -> None:
        raise TemplateError(reason)

    place = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    place.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    place.globals.update(raise_exception=refuse, strftime_now=DAY.strftime)
    said: list[dict[str, Any]] = [dict(one) for one in messages]
    if parts:
        said = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in said]
    try:
        made = place.from_string(TAGS.sub("", settled(template)))
        return str(made.render(messages=said, tools=None, documents=None, add_generation_prompt=opens, **named))
    except (TemplateError, TypeError, LookupError, AttributeError, ArithmeticError) as wrong:
        raise ValueError(str(wrong)) from None
