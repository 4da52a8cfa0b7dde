"""Why answers ended, in the words of many servers."""

from typing import Any

import pytest

from o1exp.records.finish import ending, is_cut

NAMES: dict[str, list[Any]] = {
    "stop": ["stop", "STOP", "end_turn", "eos", "eos_token", "COMPLETE", "stop_sequence", "FinishReason.STOP", {"type": "stop"}, False],
    "length": [
        "length", "max_tokens", "MAX_TOKENS", "maxTokens", "model_length", "insufficient_system_resource", "error", "ERROR_LIMIT", "abort",
        "FinishReason.length", "FINISH_REASON_MAX_TOKENS", "max_output_tokens", "model_context_window_exceeded", "incomplete", "truncated",
        "token_limit", {"type": "length", "length": 4096}, True, "True",
    ],
    "timeout": ["timeout", "timed_out", "TIME_LIMIT"],
    "refused": ["content_filter", "SAFETY", "RECITATION", "refusal", "guardrail_intervened", "ERROR_TOXIC", "LANGUAGE"],
    "": [None, "", "whatever", 3, "OTHER", "FINISH_REASON_UNSPECIFIED"],
}  # fmt: skip


@pytest.mark.parametrize(("reason", "known"), [(reason, known) for known, reasons in NAMES.items() for reason in reasons])
def test_a_reason_means_the_same_by_every_name(reason: Any, known: str) -> None:
    assert ending(reason) == known
    assert is_cut(reason) == (known == "length")


def test_without_a_reason_the_limit_tells() -> None:
    assert is_cut(None, tokens=512, limit=512)
    assert not is_cut(None, tokens=511, limit=512)
    assert not is_cut(None, tokens=512)
    assert not is_cut("stop", tokens=512, limit=512)
