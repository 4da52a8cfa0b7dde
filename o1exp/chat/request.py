"""One question to a model, what names it in the request cache, and its answer."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

from o1exp.answers.thought import Parts, mark, parted
from o1exp.chat.teacher import Teacher
from o1exp.flow.check import plain
from o1exp.records import Completion
from o1exp.records.finish import ending

MARKS = ("<think>\n", "\n</think>\n\n")
"""What stands round a thought, unless a setting says otherwise."""
MARKS_PER_MESSAGE = 16
"""Tokens that a chat template may add around one message."""


@dataclass(frozen=True)
class Message:
    role: str
    content: str


@dataclass(frozen=True)
class Request:
    """A conversation to be continued; `draw` tells repeated samples of the same one apart. The system text is the teacher's.

    `place` is the asker's own mark, no part of what is asked.
    """

    messages: tuple[Message, ...]
    draw: int = 0
    place: int = field(default=0, compare=False)

    @classmethod
    def user(cls, text: str, draw: int = 0, place: int = 0) -> Self:
        """A conversation of one user message."""
        return cls((Message("user", text),), draw, place)


@dataclass(frozen=True)
class Came:
    """How an answer came: from which address ("" for a server started for it), in which field its thought, refused in which words, and how
    many halves of characters were mended in it.
    """

    address: str = ""
    field: str = ""
    refusal: str = ""
    mended: int = 0


@dataclass(frozen=True)
class Answer:
    """What a model wrote, now or earlier.

    `completion.text` and `reasoning` are as the server gave them; `thought` and `text` are the two apart, whatever form they came in.
    `cached` answers were not paid for now; `estimated` ones came without usage, so their tokens are a guess. `failure` says why there is
    no answer, and then never will be one in this making. A `twin` is the same answer once more, to a request that was asked twice.
    """

    request: Request
    completion: Completion
    reasoning: str
    cached: bool
    estimated: bool
    failure: str = ""
    twin: bool = False
    came: Came = Came()

    @cached_property
    def _parts(self) -> Parts:
        return parted(self.completion.text)

    @cached_property
    def form(self) -> str:
        """Where the thought was: a field, or the mark that it had in the text; "" for an answer without one."""
        if self.reasoning.strip():
            return self.came.field or "reasoning"
        return mark(self.completion.text) if self._parts.thought or self._parts.unclosed else ""

    @property
    def thought(self) -> str:
        """The thought as it was written, without marks; "" for none."""
        return self.reasoning.strip() or self._parts.thought

    @property
    def text(self) -> str:
        """The answer proper: all of a text without thought marks as it was written."""
        return self._parts.answer if mark(self.completion.text) else self.completion.text

    @property
    def thinking(self) -> str:
        """All as it was written; a thought that the server gave apart stands before it as `<think>`, thought, `</think>`."""
        return self.apart(*MARKS)

    def apart(self, opening: str, closing: str) -> str:
        """All as it was written; a thought that the server gave apart stands before it between these marks."""
        written = self.completion.text
        return f"{opening}{self.reasoning.strip()}{closing}{written}" if self.reasoning.strip() else written

    def marked(self, opening: str, closing: str) -> str:
        """Thought and answer with these marks round the thought, whatever form it came in; the answer alone where there is none."""
        return f"{opening}{self.thought}{closing}{self.text}" if self.thought else self.text

    @property
    def cut(self) -> bool:
        """Was it cut off, or stopped within its thought?"""
        return ending(self.completion.finish_reason) in ("length", "timeout") or (self.whole and self._parts.unclosed)

    @property
    def whole(self) -> bool:
        """Did it end for a reason that means so?"""
        return ending(self.completion.finish_reason) == "stop" and not self.failure

    @property
    def usable(self) -> bool:
        """Is it whole, with an answer behind its thought (neither cut off nor refused nor empty, nor ended for a reason nobody knows)?"""
        return self.whole and not self._parts.unclosed and bool(self.text.strip())


def messages_sent(teacher: Teacher, request: Request) -> list[dict[str, str]]:
    system = [Message("system", teacher.system)] if teacher.system else []
    return [asdict(message) for message in (*system, *request.messages)]


def asked(teacher: Teacher, request: Request) -> dict[str, Any]:
    """All that decides the answer: model, messages, sampling, draw. Neither the endpoint nor the key is part of it."""
    sampling = {"temperature": teacher.temperature, "top_p": teacher.top_p, "max_tokens": teacher.max_tokens, "seed": teacher.seed}
    thinking = {"reasoning_effort": teacher.reasoning_effort} if teacher.reasoning_effort else {}
    return {
        "model": teacher.model,
        "messages": messages_sent(teacher, request),
        "sampling": {**sampling, **({"stop": list(teacher.stop)} if teacher.stop else {}), **thinking},
        "draw": request.draw,
        **({"extra": plain(teacher.extra)} if teacher.extra else {}),
        **({"teacher": own} if (own := teacher.own_settings()) else {}),
    }


def cache_key(question: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(question, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def seed_sent(teacher: Teacher, request: Request) -> int:
    """A seed in [0, 2^31) of its own for every (teacher seed, messages, draw)."""
    parts = [teacher.seed, request.draw, messages_sent(teacher, request)]
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:4], "big") >> 1


def most_prompt_tokens(teacher: Teacher, request: Request) -> int:
    """No tokenizer makes more: one token a byte, and the template's marks."""
    return sum(len(m["content"].encode()) + MARKS_PER_MESSAGE for m in messages_sent(teacher, request))


def likely_tokens(text: str) -> int:
    """A guess for a text whose tokens nobody counted: one per three bytes."""
    return -(-len(text.encode()) // 3)


def likely_prompt_tokens(teacher: Teacher, request: Request) -> int:
    return sum(likely_tokens(m["content"]) + 4 for m in messages_sent(teacher, request))
