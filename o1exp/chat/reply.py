"""What a reply says, in whatever dialect: its text, the thought apart from it, how it ended, and a refusal.

A dialect that gives thoughts in a field of its own is a name in THOUGHTS; one that names its parts otherwise is a name in THINKING.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "reasoning_details", "thinking_blocks")
"""Fields of a message that hold a thought, as text or in parts. The first that says something counts: some servers give it twice."""
THINKING = ("thinking", "thought", "reasoning", "reasoning.text", "reasoning.summary", "reasoning_text", "summary_text")
"""Types of parts that are a thought where they stand in a list of contents."""
TEXTS = ("text", "thinking", "reasoning", "summary", "content", "value")
"""Where a part has its text."""


@dataclass(frozen=True)
class Said:
    """What stands in a message. `field` is where the thought was found; `refusal` the words of a model that will not answer."""

    text: str = ""
    thought: str = ""
    field: str = ""
    refusal: str = ""


def said(message: Any) -> Said:
    """A message, or a piece of one. Errors: ValueError where its content is no text in any known form."""
    if not isinstance(message, dict):
        raise ValueError("the reply has no message")
    text, inside, refusal = _content(message.get("content"))
    fields = ((name, _joined(message.get(name))) for name in THOUGHTS)
    field, thought = next(((name, found) for name, found in fields if found), ("content parts" if inside else "", inside))
    return Said(text, thought, field, refusal or _joined(message.get("refusal")))


def _content(content: Any) -> tuple[str, str, str]:
    """Text, thought and refusal of a content, which is a text or a list of parts."""
    if content is None or isinstance(content, str):
        return content or "", "", ""
    if not isinstance(content, list):
        raise ValueError("the reply's content is no text")
    texts, thoughts, refusals = list[str](), list[str](), list[str]()
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else ""
        if kind == "refusal":
            refusals.append(_joined(part.get("refusal")))
        else:
            (thoughts if kind in THINKING else texts).append(_joined(part))
    return "".join(texts), "".join(thoughts), "".join(refusals)


def _joined(part: Any) -> str:
    """The text of a part, or of several; "" where it has none, as encrypted thoughts have not."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(map(_joined, part))
    return next((found for name in TEXTS if (found := _joined(part.get(name)))), "") if isinstance(part, dict) else ""


def reason(choice: dict[str, Any]) -> str:
    """Why the model stopped, as the server names it; "" where it does not."""
    found = choice.get("finish_reason") or choice.get("stop_reason") or choice.get("finishReason") or ""
    return str(found.get("type") or found) if isinstance(found, dict) else str(found)


def decoded(raw: bytes, charset: str | None = None) -> str:
    """A body as text: UTF-8 whatever the header says, without a byte order mark; where it is none, in the header's encoding."""
    for name in ("utf-8-sig", charset or "", "cp1252"):
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("utf-8", "replace")


def lines(body: str) -> Iterator[str]:
    """The lines of server-sent events, which end in a line feed alone: a text may hold all other separators."""
    yield from (line.removesuffix("\r") for line in body.split("\n"))


def mended(text: str) -> tuple[str, int]:
    """The text with halves of surrogate pairs joined, and how many stood alone and are now the sign for an unknown character."""
    if text.isascii():
        return text, 0
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole, whole.count("\ufffd") - text.count("\ufffd")
