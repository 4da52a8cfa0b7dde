"""Filters: how each provider says that it will not answer a prompt, and in which words.

A new dialect is one line in DIALECTS.
"""

import re
from collections.abc import Iterator
from typing import Any

STATUSES = (200, 400, 403, 422, 451)
"""Of replies that may be a filter's; a server in trouble says others."""
DIALECTS = (
    # whose it is, the names in codes and types, the words in a message
    ("OpenAI", r"content_policy_violation|invalid_prompt|moderation_blocked", r"rejected as a result of our safety system"),
    ("Azure", r"content_filter|ResponsibleAIPolicyViolation", r"triggering .{0,30}content management policy"),
    ("DashScope", r"data_?inspection_?failed", r"(?:in|out)put data may contain inappropriate content"),
    ("OpenRouter", r"", r"(?:your )?input was flagged"),
    ("DeepSeek", r"", r"Content Exists Risk"),
    ("Moonshot", r"content_filter", r"request was rejected because it was considered high risk"),
    ("xAI", r"", r"violates usage guidelines|SAFETY_CHECK_TYPE|Failed check: SAFETY"),
    ("Gemini", r"PROHIBITED_CONTENT|BLOCKLIST", r"(?:prompt|request|response) was blocked|block_?reason"),
    ("Anthropic", r"", r"blocked by (?:our )?content filtering policy"),
    ("Bedrock", r"guardrail_intervened", r"blocked by (?:the |a )?guardrail"),
    ("Zhipu", r"1301|contentFilter", r"\u654f\u611f\u5185\u5bb9|\u4e0d\u5b89\u5168"),
    ("Volcengine", r"\w*SensitiveContentDetected(?:\.\w+)?", r""),
)
_CODES = re.compile("|".join(code for _, code, _ in DIALECTS if code), re.IGNORECASE)
_WORDS = re.compile("|".join(words for *_, words in DIALECTS if words), re.IGNORECASE)
BLOCKS = ("promptFeedback", "prompt_feedback", "prompt_filter_results", "blockReason", "block_reason")
"""What stands beside choices that are none where the prompt was blocked."""
_NAMES = ("code", "type", "status")
_TELLING = ("message", "msg", "error", "detail", "reason", "blockReason", "block_reason", "blockReasonMessage")
DEEP = 6
"""Levels of an error that are looked at."""


def refusal(status: int, error: Any) -> str:
    """The provider's words where an error is a filter's, "" for any other error."""
    if status not in STATUSES:
        return ""
    names = [word for name, word in leaves(error) if name in _NAMES]
    words = [word for name, word in leaves(error) if name in _TELLING or not name]
    if not (any(_CODES.fullmatch(name) for name in names) or any(_WORDS.search(word) for word in words)):
        return ""
    return told(error)


def blocked(reply: dict[str, Any]) -> str:
    """The provider's words where a reply without choices says that the prompt was blocked; "" where it says nothing of the kind.

    Choices that are an empty list are one too, if no token was written and the prompt was counted.
    """
    found = {name: reply[name] for name in BLOCKS if reply.get(name)}
    if found and (set(found) != {"prompt_filter_results"} or _categories(found)):  # that one tells also what was not filtered
        return told(found) or "the prompt was blocked"
    usage = reply.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    unwritten = reply.get("choices") == [] and counts.get("prompt_tokens") and not counts.get("completion_tokens")
    return "no choices, and no token was written" if unwritten else ""


def filtered(choice: dict[str, Any]) -> str:
    """What a filter found in an answer that it ended, e.g. "content_filter: violence"."""
    results = choice.get("content_filter_results") or choice.get("content_filter_result") or {}
    found = [name for name, result in results.items() if isinstance(result, dict) and result.get("filtered")] if results else []
    return ": ".join(["content_filter", *([", ".join(found)] if found else [])])


def told(error: Any) -> str:
    """What an error says: the message, and what was found: categories that were filtered, reasons that were flagged."""
    telling = [word for name, word in leaves(error) if name in (*_TELLING, "reasons") or not name]
    names = [word for name, word in leaves(error) if name in _NAMES and not word.isdigit()]
    found = _categories(error)
    return "; ".join(dict.fromkeys([*(telling or names), *found]))


def _categories(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _categories(item)]
    if not isinstance(node, dict):
        return []
    own = [str(name) for name, value in node.items() if isinstance(value, dict) and value.get("filtered") is True]
    return own + [name for value in node.values() for name in _categories(value)]


def leaves(node: Any, name: str = "", deep: int = 0) -> Iterator[tuple[str, str]]:
    """Names and words of an error, however nested."""
    if isinstance(node, str | int) and not isinstance(node, bool):
        yield name, str(node)
    elif isinstance(node, list) and deep < DEEP:
        for item in node:
            yield from leaves(item, name, deep + 1)
    elif isinstance(node, dict) and deep < DEEP:
        for key, value in node.items():
            yield from leaves(value, str(key), deep + 1)
