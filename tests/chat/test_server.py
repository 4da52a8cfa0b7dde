import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from tests.chat.parts import Answers, logged
from tests.waiting import LONG


def client(server: Loopback) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0)


def ask(server: Loopback, **fields: Any) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **fields}
    host = urlsplit(server.base_url)
    with closing(http.client.HTTPConnection(host.hostname or "", host.port)) as wire:
        wire.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = wire.getresponse()
        return reply.status, json.loads(reply.read())


def test_the_official_client_reads_text_usage_and_models() -> None:
    with Loopback(Answers()) as server, client(server) as chat:
        answer = chat.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], seed=5)
        assert answer.choices[0].message.content == "answer to hi with seed 5"
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage is not None
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (10, 20, 30)
        assert [model.id for model in chat.models.list()] == ["loopback"]


def test_n_choices_have_seeds_of_their_own_and_share_the_usage() -> None:
    with Loopback(Answers()) as server, client(server) as chat:
        answer = chat.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], seed=5, n=3)
    assert [choice.message.content for choice in answer.choices] == [f"answer to hi with seed {seed}" for seed in (5, 6, 7)]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 60)


def test_the_answer_function_sees_one_name_for_the_token_limit() -> None:
    seen: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> Reply:
        seen.append(body)
        return Reply("x" * body["max_tokens"], "length")

    with Loopback(answer) as server:
        assert ask(server, max_completion_tokens=7)[1]["choices"][0]["message"]["content"] == "xxxxxxx"
        assert ask(server, max_tokens=3)[1]["choices"][0]["finish_reason"] == "length"
    assert [body["max_tokens"] for body in seen] == [7, 3]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "content"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": "two"}, "n="),
        ({"stream": True}, "stream"),
    ],
)
def test_a_wrong_request_is_refused_as_openai_does(fields: dict[str, Any], word: str) -> None:
    with Loopback(Answers()) as server:
        status, body = ask(server, **fields)
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert word in body["error"]["message"]


def test_refusals_and_bugs_of_the_answer_function_reach_the_client() -> None:
    def answer(body: dict[str, Any]) -> Reply:
        if body["model"] == "busy":
            raise Refusal(429, "slow down", "rate_limit_exceeded", {"Retry-After": "1"})
        raise KeyError("a bug")

    with Loopback(answer) as server:
        assert ask(server, model="busy")[1]["error"]["code"] == "rate_limit_exceeded"
        status, body = ask(server)
    assert status == 500
    assert "a bug" in body["error"]["message"]


def test_the_log_has_a_line_per_answer_and_no_headers(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with Loopback(Answers(), log) as server:
        chat = openai.OpenAI(base_url=server.base_url, api_key="sk-secret", max_retries=0)
        for seed in (1, 1, 2):
            chat.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], seed=seed)
        ask(server, messages=[])
        chat.close()
    assert sorted(logged(log).values()) == [1, 2]
    assert "sk-secret" not in log.read_text()


def test_when_it_closes_it_hangs_up() -> None:
    with Loopback(Answers()) as server:
        host = urlsplit(server.base_url)
        wire = http.client.HTTPConnection(host.hostname or "", host.port)
        wire.request("GET", "/v1/models")
        assert wire.getresponse().read()
    assert wire.sock.recv(1) == b""
    wire.close()


def test_a_connection_that_stays_open_does_not_wait_for_late_acknowledgements() -> None:
    """Those would add 40 ms to every answer; the fastest ones tell, for a busy machine slows some."""
    with Loopback(Answers()) as server:
        host = urlsplit(server.base_url)
        wire, seconds = http.client.HTTPConnection(host.hostname or "", host.port), []
        for _ in range(300):
            started = time.monotonic()
            wire.request("POST", "/v1/chat/completions", '{"model": "m", "messages": [{"role": "user", "content": "hi"}]}')
            wire.getresponse().read()
            seconds.append(time.monotonic() - started)
        wire.close()
    assert sorted(seconds)[30] < 0.03


def test_it_answers_side_by_side() -> None:
    together = threading.Barrier(10)

    def answer(body: dict[str, Any]) -> Reply:
        together.wait(LONG)
        return Reply("all ten are here")

    with Loopback(answer) as server, ThreadPoolExecutor(10) as threads:
        assert {status for status, _ in threads.map(lambda _: ask(server), range(10))} == {200}
