"""Why a model stopped writing, by whatever name a server or a published file gives it: one list for all who ask."""

import re
from typing import Any, Literal

Ending = Literal["stop", "length", "timeout", "refused", ""]
"""The answer is whole; it was cut off (by a limit, an error, or someone who stopped it); it came too late; it was refused; nobody knows."""

_WHOLE = """
stop stopped end_turn end_of_turn eos eos_token eos_token_id eot eom end_id endoftext end_of_text im_end stop_sequence stop_word stop_words
stop_token stop_str stop_string matched_stop complete completed done end ended finish finished normal natural success word false
tool_calls tool_call tool_use function_call
"""
AT_LIMIT = "stop_at_max_tokens"
"""Of an answer that is said to have stopped by itself with exactly as many tokens as it might have: some servers say so of all."""
_CUT = f"""
{AT_LIMIT} length limit max_tokens max_token max_length max_len max_new_tokens max_output_tokens max_completion_tokens max_output
max_context max_context_length model_length model_max_length model_context_window_exceeded context_length context_length_exceeded
context_window_exceeded token_limit token_limit_reached length_limit length_capped cutoff cut_off truncated truncation true incomplete
not_finished unfinished repetition_truncation insufficient_system_resource error error_limit network_error server_error internal_error
abort aborted cancel cancelled canceled user_cancel interrupted pause_turn preempted malformed_function_call malformed_tool_use
malformed_model_output malformed_response unexpected_tool_call too_many_tool_calls
"""
_LATE = "timeout timed_out time_out time_limit deadline deadline_exceeded"
_REFUSED = """
content_filter content_filtered content_policy_violation filtered refusal refused safety blocked blocklist prohibited_content spii sensitive
recitation image_safety image_recitation image_prohibited_content language guardrail guardrail_intervened error_toxic
moderation invalid_prompt
"""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_NAMES: dict[Ending, str] = {"stop": _WHOLE, "length": _CUT, "timeout": _LATE, "refused": _REFUSED}
_ENDINGS = {_plain(name): ending for ending, names in _NAMES.items() for name in names.split()}


def ending(reason: Any) -> Ending:
    """What a finish reason means: `length`, `MAX_TOKENS`, `FinishReason.length`, `{"type": "length"}`, or true in a field `truncated`.

    "" for null and for a name that nobody knows: that is neither whole nor cut off.
    """
    if isinstance(reason, dict):
        return ending(reason.get("type"))
    if isinstance(reason, bool):
        return "length" if reason else "stop"
    if not isinstance(reason, str):
        return ""
    name = _plain(reason.rsplit(".", 1)[-1])
    return _ENDINGS.get(name) or _ENDINGS.get(re.sub(r"^(?:finish)?reason", "", name), "")


def is_cut(reason: Any, tokens: float | None = None, limit: int | None = None) -> bool:
    """Was the answer cut off? One that names no reason was, where its `tokens` are as many as the limit allows."""
    known = ending(reason)
    return known == "length" or (not known and tokens is not None and limit is not None and tokens >= limit)
