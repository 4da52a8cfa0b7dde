"""Sampling through a real OpenAI-compatible server."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.bench.engines.remote import Remote
from o1exp.bench.sample import Sample
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.chat.teacher import Budget
from o1exp.flow import SettingsError, StageFailed
from o1exp.records import Attempt
from tests.bench.tiny import Sums, save_tiny
from tests.chat.parts import Answers, quiet_store


class Thinking(Answers):
    """Thinks apart from its answer; what it says depends on the question and the seed. Remembers the last request."""

    def __init__(self, finish: str = "stop") -> None:
        super().__init__()
        self._finish, self.body = finish, dict[str, Any]()

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        self.body = body
        return Reply(
            rf"\boxed{{{body['seed'] % 9}}}", reasoning=f"let me see {question}", finish_reason=self._finish, prompt_tokens=9,
            completion_tokens=50,
        )  # fmt: skip


def stage(server: Loopback, tokenizer: str = "", **fields: Any) -> Sample:
    engine = Remote(model="m", base_url=server.base_url, tokenizer=tokenizer)
    settings = {"samples": 2, "temperature": 0.7, "max_tokens": 64, "system": "be brief", "stop": ("\n\n\n",), **fields}
    return Sample(model=None, problems=Sums(count=4), engine=engine, **settings)


def attempts(root: Path, made: Sample) -> list[Attempt]:
    store, _ = quiet_store(root)
    return list(store.get(made))


def test_every_draw_is_asked_once_and_sampling_reaches_the_server(tmp_path: Path) -> None:
    answers = Thinking()
    with Loopback(answers) as server:
        found = attempts(tmp_path, stage(server))
        assert [(a.problem, a.draw) for a in found] == [(f"sum-{n}", draw) for n in range(4) for draw in (0, 1)]
        assert found[0].text.startswith("<think>\nlet me see 0+0=?\n</think>\n\n\\boxed{")
        assert {(a.tokens, a.thinking, a.marks, a.finish_reason) for a in found} == {(50, None, (), "stop")}
        sent = {name: answers.body[name] for name in ("model", "temperature", "max_tokens", "stop")}
        assert sent == {"model": "m", "temperature": 0.7, "max_tokens": 64, "stop": ["\n\n\n"]}
        assert answers.body["messages"][0] == {"role": "system", "content": "be brief"}
        more = attempts(tmp_path, stage(server, samples=3))
        assert [a for a in more if a.draw < 2] == found
    assert set(answers.asked.values()) == {1}, "the first draws came from the request cache"
    assert len(answers.asked) == 12


def test_a_thought_given_apart_stands_in_the_marks_that_the_sampling_looks_for(tmp_path: Path) -> None:
    with Loopback(Thinking()) as server:
        found = attempts(tmp_path, stage(server, think_end="<|end_of_thought|>"))
    assert found[0].text.startswith("<|begin_of_thought|>\nlet me see 0+0=?\n<|end_of_thought|>\n\n\\boxed{")


def test_a_tokenizer_counts_and_marks(tmp_path: Path) -> None:
    tiny = str(save_tiny(tmp_path / "tiny"))
    with Loopback(Thinking("length")) as server:
        found = attempts(tmp_path, stage(server, tiny))
    one = found[0]
    assert one.tokens == len(one.text), "a byte is a token here; an answer that was cut off has no end token"
    assert one.thinking == one.text.index("</think>") + len("</think>")
    assert one.marks == (16, 32)
    with Loopback(Thinking()) as server:
        assert attempts(tmp_path / "whole", stage(server, tiny))[0].tokens == len(one.text) + 1


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^model=: is empty; name the model as its endpoint knows it"):
        Remote(model="")
    with pytest.raises(SettingsError, match=r"budget: usd=1 cannot be kept without prices; set usd_per_million_prompt .* of m"):
        Remote(model="m", base_url="https://example.com/v1", budget=Budget(usd=1.0))
    with pytest.raises(SettingsError, match="is no http"):
        Remote(model="m", base_url="example.com")
    with Loopback(Thinking()) as server, pytest.raises(StageFailed, match=r"engine\.tokenizer=.* cannot be loaded"):
        attempts(tmp_path, stage(server, str(tmp_path / "absent")))


def test_how_it_is_reached_is_no_part_of_the_key() -> None:
    one = Sample(model=None, problems=Sums(), engine=Remote(model="m"))
    assert one.replace(engine=Remote(model="m", base_url="http://127.0.0.1:1/v1", concurrency=3)).key == one.key
    assert one.replace(engine=Remote(model="n")).key != one.key
    assert one.replace(engine=Remote(model="m", tokenizer="x")).key != one.key


@pytest.mark.parametrize(("reason", "kept"), [("MAX_TOKENS", "length"), ("end_turn", "stop"), ("SAFETY", "refused"), ("odd", "odd")])
def test_an_ending_has_one_name_whatever_the_server_calls_it(tmp_path: Path, reason: str, kept: str) -> None:
    with Loopback(Thinking(finish=reason)) as server:
        assert {a.finish_reason for a in attempts(tmp_path, stage(server))} == {kept}
