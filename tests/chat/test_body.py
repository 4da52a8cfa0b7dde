"""What is sent: fields that can be left out, fields of one's own, and what is said where a server refuses one."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.body import REMEDIES
from o1exp.chat.request import Request, asked, cache_key
from o1exp.chat.teacher import Teacher
from o1exp.config.compose import composed, study_of
from o1exp.flow import SettingsError, StageFailed
from o1exp.thoughts.distil import Distil
from tests.chat.parts import Ask, quiet_store
from tests.chat.wire import Out, completion, wire


def sent(root: Path, **fields: Any) -> dict[str, Any]:
    """The body of the one request that such a teacher is asked."""
    bodies = list[dict[str, Any]]()

    def speak(body: dict[str, Any], out: Out) -> None:
        bodies.append(body)
        out.whole(completion("text"))

    with wire(speak) as address:
        quiet_store(root)[0].get(Ask(teacher=Teacher(**{"model": "m", "base_url": address, **fields}), count=1))
    return bodies[0]


def test_what_is_null_is_left_out_and_what_is_added_is_sent(tmp_path: Path) -> None:
    plain = sent(tmp_path / "plain")
    assert {"temperature", "top_p", "seed", "max_tokens"} < plain.keys()
    extra = {"top_k": 20, "chat_template_kwargs": {"enable_thinking": True}}
    bare = sent(tmp_path / "bare", temperature=None, top_p=None, send_seed=False, reasoning_effort="high", extra=extra)
    assert bare.keys() == {"model", "messages", "max_tokens", "reasoning_effort", *extra}
    assert (bare["reasoning_effort"], bare["top_k"], bare["chat_template_kwargs"]) == ("high", 20, {"enable_thinking": True})


def test_each_of_them_is_part_of_what_is_asked() -> None:
    changes: list[dict[str, Any]] = [{}, {"temperature": None}, {"top_p": None}, {"reasoning_effort": "low"}, {"extra": {"top_k": 1}}]
    keys = [cache_key(asked(Teacher(model="m", **change), Request.user("hi"))) for change in changes]
    assert len(set(keys)) == len(changes)
    assert Teacher(model="m", reasoning_effort="", extra={}).what() == Teacher(model="m").what()


@pytest.mark.parametrize(
    ("extra", "words"), [({"temperature": 1}, "which the client sends itself"), ({"x": object()}, "x is no JSON value"),
     ({"a": "sk-proj-" + "a1B2" * 12}, "put it into an env")]
)  # fmt: skip
def test_extra_fields_are_looked_at(extra: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Teacher(model="m", extra=extra)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"message": "Unsupported value: 'temperature' does not support 0.7", "param": "temperature"}, "teacher.temperature=null leaves"),
        ({"message": "'max_tokens' is not supported. Use 'max_completion_tokens' instead."}, "teacher.token_limit=max_completion_tokens"),
        ({"message": "unknown field seed"}, "teacher.send_seed=false"),
        ({"message": "Unrecognized request argument supplied: top_k"}, "~teacher.extra.top_k leaves it out"),
    ],
)
def test_a_field_that_is_refused_is_named_with_the_setting_that_mends_it(tmp_path: Path, error: dict[str, Any], words: str) -> None:
    def speak(body: dict[str, Any], out: Out) -> None:
        out.whole({"error": error}, 400)

    with wire(speak) as address, pytest.raises(StageFailed, match=words):
        quiet_store(tmp_path)[0].get(Ask(teacher=Teacher(model="m", base_url=address, extra={"top_k": 3}), count=2))


def test_what_a_remedy_names_are_settings() -> None:
    assert {remedy.partition("=")[0] for remedy in REMEDIES.values()} <= Teacher.__dataclass_fields__.keys()


def test_they_are_set_on_the_command_line() -> None:
    words = ["goal=thought", "teacher=endpoint", "teacher.model=m", "teacher.base_url=http://127.0.0.1:9/v1", "teacher.temperature=null",
             "teacher.reasoning_effort=low", "+teacher.extra.top_k=20"]  # fmt: skip
    stage = study_of(composed(words), words).goals["run"]
    assert isinstance(stage, Distil)
    assert (stage.teacher.temperature, stage.teacher.reasoning_effort, stage.teacher.extra) == (None, "low", {"top_k": 20})
