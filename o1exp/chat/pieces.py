"""A streamed answer, piece by piece as server-sent events, joined to the reply that a server gives at once."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from o1exp.chat.refused import BLOCKS
from o1exp.chat.reply import reason, said

PARTS = {"content parts": "thinking", "reasoning_details": "reasoning", "thinking_blocks": "thinking"}
"""Thoughts in parts, joined to a text under another name."""


def joined(lines: Iterable[str]) -> dict[str, Any]:
    """One chat.completion with the first choice; without choices where the stream had no end."""
    reply, message, ended, seen = dict[str, Any](), dict[str, str](), dict[str, Any](), False
    for piece in _pieces(lines):
        if piece.get("error"):
            return {"error": piece["error"]}
        reply |= {name: piece[name] for name in ("id", "model", "usage", *BLOCKS) if piece.get(name)}
        choices = piece.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        seen = seen or bool(choice)
        _add(message, choice.get("delta") or choice.get("message") or {})
        ended |= {name: value for name, value in choice.items() if name not in ("delta", "message", "index") and value}
    return {**reply, "choices": [{"index": 0, "message": message, **ended}]} if seen and (reason(ended) or "error" in ended) else reply


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


def _add(message: dict[str, str], delta: Any) -> None:
    """Add what a piece says, each thing under the name that a whole reply would have it under."""
    try:
        piece = said(delta)
    except ValueError:
        return
    for name, text in (("content", piece.text), (piece.field, piece.thought), ("refusal", piece.refusal)):
        if text:
            message[PARTS.get(name, name)] = message.get(PARTS.get(name, name), "") + text
