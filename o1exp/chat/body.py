"""The body of a request: which fields are sent, and what to set where a server refuses one of them."""

from typing import Any
from urllib.parse import urlsplit

from o1exp.chat.endpoint import OPENAI
from o1exp.chat.request import Request, messages_sent, seed_sent
from o1exp.chat.teacher import Teacher

REMEDIES = {
    "temperature": "temperature=null leaves it out",
    "top_p": "top_p=null leaves it out",
    "seed": "send_seed=false leaves it out",
    "stop": "stop=[] leaves it out",
    "reasoning_effort": "reasoning_effort='' leaves it out",
    "max_tokens": "token_limit=max_completion_tokens sends it under the other name",
    "max_completion_tokens": "token_limit=max_tokens sends it under the other name",
}
"""By field of the body: the setting that mends a refusal of it. A new field is one line."""


def body(teacher: Teacher, request: Request, address: str) -> dict[str, Any]:
    """What is sent to /chat/completions. What is null in the settings is left out."""
    limit = teacher.token_limit
    if limit == "auto":
        limit = "max_completion_tokens" if urlsplit(address).hostname == urlsplit(OPENAI).hostname else "max_tokens"
    optional = {
        "temperature": teacher.temperature, "top_p": teacher.top_p, "seed": seed_sent(teacher, request) if teacher.send_seed else None,
        "stop": list(teacher.stop) or None, "reasoning_effort": teacher.reasoning_effort or None,
    }  # fmt: skip
    given = {name: value for name, value in optional.items() if value is not None}
    return {"model": teacher.model, "messages": messages_sent(teacher, request), limit: teacher.max_tokens, **given, **teacher.extra}


def remedy(teacher: Teacher, sent: dict[str, Any], error: Any, message: str) -> str:
    """What to set where an error names a field that was sent, after a semicolon; "" where it names none."""
    inner = error.get("error", error) if isinstance(error, dict) else {}
    named = inner.get("param") if isinstance(inner, dict) else None
    if named not in sent:
        found = [(message.index(name), name) for name in sent if name not in ("model", "messages") and name in message]
        named = min(found)[1] if found else None
    if named in teacher.extra:
        return f"; teacher.extra has it: ~teacher.extra.{named} leaves it out"
    return f"; teacher.{REMEDIES[named]}" if named in REMEDIES else ""
