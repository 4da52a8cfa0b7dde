"""Answers that were cut off or refused, by whatever name a server gives that."""

from pathlib import Path
from typing import Any

from o1exp.chat.request import Answer, Request
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.records import Completion, Usage
from tests.chat.parts import Answers, Ask, quiet_store
from tests.chat.test_client import teacher

REASONS = ["stop", "end_turn", "MAX_TOKENS", "model_length", "SAFETY", "", "insufficient_system_resource"]


class Ending(Answers):
    """Question n ends for the n-th reason."""

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        reason = REASONS[int(question.split()[1])]
        return Reply("text", finish_reason=reason, prompt_tokens=10, completion_tokens=body["max_tokens"] if not reason else 20)


def test_answers_are_counted_as_cut_or_refused_by_every_name(tmp_path: Path) -> None:
    store, lines = quiet_store(tmp_path)
    with Loopback(Ending()) as server:
        stage = Ask(teacher=teacher(server), count=len(REASONS))
        store.get(stage)
    manifest = store.manifest(stage)
    assert manifest is not None
    assert (manifest.facts["truncated"], manifest.facts["refused"]) == (4, 1)
    assert "4 of 7 answers of" in lines.getvalue()
    assert "cut off at their limit (max_tokens=" in lines.getvalue()


def test_only_a_whole_answer_is_usable() -> None:
    def usable(reason: str) -> bool:
        completion = Completion(text="text", finish_reason=reason, usage=Usage(), model="m")
        return Answer(Request.user("?"), completion, "", cached=False, estimated=False).usable

    assert [reason for reason in REASONS if usable(reason)] == ["stop", "end_turn"]
