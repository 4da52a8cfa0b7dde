"""A streamed answer, piece by piece as server-sent events, joined to the reply that a server gives at once."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
"""Fields of a piece that go on where the last piece ended."""


def joined(lines: Iterable[str]) -> dict[str, Any]:
    """One chat.completion with the first choice; without choices where the stream had no end."""
    reply, message, finish, seen = dict[str, Any](), dict[str, Any](), None, False
    for piece in _pieces(lines):
        if piece.get("error"):
            return {"error": piece["error"]}
        reply |= {name: piece[name] for name in ("id", "model", "usage") if piece.get(name)}
        choices = piece.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        seen = seen or bool(choice)
        _add(message, choice.get("delta") or choice.get("message") or {})
        finish = choice.get("finish_reason") or finish
    return {**reply, "choices": [{"index": 0, "message": message, "finish_reason": finish}]} if seen and finish else reply


def _pieces(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        found = line.partition("data:")[2].strip() if line.startswith("data:") else ""
        if found and found != "[DONE]":
            try:
                piece = json.loads(found)
            except ValueError:
                continue
            if isinstance(piece, dict):
                yield piece


def _add(message: dict[str, Any], delta: Any) -> None:
    for name in TEXTS:
        if isinstance(delta, dict) and isinstance(delta.get(name), str):
            message[name] = message.get(name, "") + delta[name]
