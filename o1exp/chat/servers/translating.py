"""A procedural translator: a program that puts a Chinese letter for each word, so that bilingual runs go whole without a model."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from o1exp.chat.endpoint import LocalServer
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.chat.teacher import Teacher
from o1exp.flow import Above, AtLeast, Work, how

_KEPT = re.compile(r"(\\boxed\{[^{}]*\}|\$[^$]*\$|</?think>)")
_WORD = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, kw_only=True)
class ProceduralTranslator(LocalServer, Teacher):
    """Keeps numbers, formulas and marks of the text behind "Text:" and writes 字 for every word: the form of a translation, no meaning."""

    model: str = "procedural translator"
    temperature: float | None = 0.0
    max_tokens: Annotated[int, AtLeast(1)] = 4096
    expected_tokens_per_second: Annotated[float, Above(0)] = how(1000.0)

    @contextmanager
    def started(self, work: Work) -> Iterator[str]:
        with Loopback(answer) as server:
            yield server.base_url


def answer(body: Mapping[str, Any]) -> Reply:
    """The reply to a chat completion request."""
    asked = str(body["messages"][-1]["content"])
    parts = _KEPT.split(asked.partition("Text:\n")[2])
    text = "".join(part if place % 2 else _WORD.sub("字", part) for place, part in enumerate(parts))
    return Reply(text, "stop", len(asked.encode()), len(text.encode()))
