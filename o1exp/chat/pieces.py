"""A streamed answer, piece by piece as server-sent events, joined to the reply that a server gives at once."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from o1exp.chat.refused import BLOCKS
from o1exp.chat.reply import reason, said

PARTS = {"content parts": "thinking", "reasoning_details": "reasoning", "thinking_blocks": "thinking"}
"""Thoughts in parts, joined to a text under another name."""


def joined(lines: Iterable[str]) -> dict[str, Any]:
    """One chat.completion with the choices that came to their end.

    Errors: ValueError where a piece before the end cannot be read: what stood in it would be missing.
    """
    reply, found = dict[str, Any](), dict[int, tuple[dict[str, str], dict[str, Any]]]()
    for piece in _pieces(lines):
        if piece is None:
            if found and all(reason(ended) for _, ended in found.values()):
                continue
            raise ValueError("a piece of the answer cannot be read")
        if piece.get("error"):
            return {"error": piece["error"]}
        reply |= {name: piece[name] for name in ("id", "model", "usage", *BLOCKS) if piece.get(name)}
        for number, choice in numbered(piece.get("choices")):
            message, ended = found.setdefault(number, ({}, {}))
            _add(message, choice.get("delta") or choice.get("message") or {})
            ended |= {name: value for name, value in choice.items() if name not in ("delta", "message", "index") and value}
    whole = [
        {"index": number, "message": message, **ended} for number, (message, ended) in found.items() if reason(ended) or "error" in ended
    ]
    return {**reply, "choices": whole} if whole else reply


def numbered(choices: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The choices of a reply or a piece with their numbers, 0 for one that has none."""
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            number = choice.get("index")
            yield number if isinstance(number, int) else 0, choice


def _pieces(lines: Iterable[str]) -> Iterator[dict[str, Any] | None]:
    """The pieces, None for one that is no JSON. Errors come as one with an `error`, also where only the event says so."""
    event = ""
    for line in lines:
        name, _, found = (part.strip() for part in line.partition(":"))
        if not line:
            event = ""
        elif name == "event":
            event = found
        elif name == "data" and found and found != "[DONE]":
            try:
                piece = json.loads(found)
            except (ValueError, RecursionError):
                piece = None
            if event == "error" and not (isinstance(piece, dict) and piece.get("error")):
                piece = {"error": piece}
            if piece is None or isinstance(piece, dict):
                yield piece


def _add(message: dict[str, str], delta: Any) -> None:
    """Add what a piece says, each thing under the name that a whole reply would have it under."""
    piece = said(delta)
    for name, text in (("content", piece.text), (piece.field, piece.thought), ("refusal", piece.refusal)):
        if text:
            message[PARTS.get(name, name)] = message.get(PARTS.get(name, name), "") + text
