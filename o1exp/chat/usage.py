"""How many tokens an answer took, out of all that servers write about it."""

from typing import Any

MOST = 2**53
"""Tokens; a larger number is none, and no database takes it."""
INSIDE = ("reasoning_tokens", "text_tokens", "audio_tokens", "image_tokens")
"""Parts of an answer's tokens, as `completion_tokens_details` lists them."""


def counted(said: Any) -> tuple[int, int]:
    """Prompt and completion tokens that the usage field of a reply comes to, 0 where it says nothing.

    Servers leave reasoning out of one number or the other, so the largest counts: completion tokens, what the total leaves for them,
    the sum of their details, and completion with reasoning where that stands outside.
    """
    if not isinstance(said, dict):
        return 0, 0
    prompt = max(_number(said.get("prompt_tokens")), _number(said.get("input_tokens")))
    written = max(_number(said.get("completion_tokens")), _number(said.get("output_tokens")))
    found = said.get("completion_tokens_details") or said.get("output_tokens_details")
    details = found if isinstance(found, dict) else {}
    apart = _number(said.get("reasoning_tokens"))
    inside = _number(details.get("reasoning_tokens"))
    total = _number(said.get("total_tokens"))
    outside = apart if not (inside or total) or apart > written else 0
    outside = max(outside, inside if inside > written else 0)
    return prompt, max(written + outside, total - prompt if prompt else 0, sum(_number(details.get(name)) for name in INSIDE))


def _number(value: Any) -> int:
    """A count that is one; 0 for what is negative, absent, no number, or beyond all measure."""
    if isinstance(value, str):
        value = float(value) if value.isascii() and value.strip().isdigit() else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST < value < MOST:
        return 0
    return max(0, int(value))
