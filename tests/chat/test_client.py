import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import slots
from o1exp.chat.address import found
from o1exp.chat.client import Client
from o1exp.chat.endpoint import LocalServer
from o1exp.chat.request import Request, asked, cache_key, seed_sent
from o1exp.chat.servers.llama import Llama
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.chat.servers.procedural import Procedural
from o1exp.chat.teacher import Teacher
from o1exp.flow import SettingsError, StageFailed, Stopped, Work
from o1exp.records import Example
from tests.chat.parts import Answers, Ask, Failing, quiet_store, rows
from tests.waiting import LONG, until

KEY = "sk-this-is-a-secret-123"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.02)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def teacher(server: Loopback, **fields: Any) -> Teacher:
    return Teacher(**{"model": "m", "base_url": server.base_url, "retries": 3, **fields})


def test_answers_come_in_request_order_and_draws_differ(tmp_path: Path) -> None:
    class Uneven(Answers):
        def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
            time.sleep(0.05 if question.endswith("0") else 0)
            return super().reply(question, body, times)

    with Loopback(Uneven()) as server:
        store, _ = quiet_store(tmp_path)
        table = list(store.get(Ask(teacher=teacher(server), count=10, draws=2)))
    assert [(row.problem, row.draw) for row in table] == [(f"question {n}", draw) for n in range(10) for draw in (0, 1)]
    assert all(row.response.startswith(f"answer to {row.problem} with") for row in table)
    assert len({row.response for row in table}) == 20


def test_the_cache_replays_without_server_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(Answers()) as server:
        first = Ask(teacher=teacher(server), count=5)
        store, _ = quiet_store(tmp_path)
        before = [row.response for row in store.get(first)]
    monkeypatch.delenv("OPENAI_API_KEY")
    # Another stage key and another endpoint, but the same questions to the same model.
    again = Ask(teacher=first.teacher.__class__(model="m", base_url="http://127.0.0.1:9/v1"), count=4)
    assert [row.response for row in store.get(again)] == before[:4]
    facts = store.manifest(again)
    assert facts is not None
    assert (facts.facts["requests"], facts.facts["cached"]) == (4, 4)


def test_only_what_is_new_is_sent(tmp_path: Path) -> None:
    answers = Answers()
    with Loopback(answers) as server:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=5))
        store.get(Ask(teacher=teacher(server, concurrency=2), count=5, first=3))
        store.get(Ask(teacher=teacher(server), count=8, draws=2))
    assert set(answers.asked.values()) == {1}
    assert len(answers.asked) == 16


def test_each_answer_is_read_once(tmp_path: Path) -> None:
    said: list[str] = []

    @dataclass(frozen=True, kw_only=True)
    class Read(Ask):
        def make(self, work: Work) -> None:
            with Client(self.teacher, self.budget, work) as client:
                client._cache.connection.set_trace_callback(said.append)
                answers = list(client.ask([Request.user(f"question {n}") for n in range(self.count)]))
                client._cache.connection.set_trace_callback(None)
            work.write(Example, [Example(problem=answer.text, prompt="", response=answer.thinking) for answer in answers])

    with Loopback(Answers()) as server:
        quiet_store(tmp_path)[0].get(Read(teacher=teacher(server), count=5))
    assert sum(words.startswith("SELECT text") for words in said) == 5


@pytest.mark.parametrize(
    "change", [{"model": "n"}, {"temperature": 0.5}, {"top_p": 0.5}, {"max_tokens": 9}, {"seed": 1}, {"system": "be brief"}]
)
def test_what_is_asked_makes_the_key(change: dict[str, Any]) -> None:
    request = Request.user("hi")
    assert cache_key(asked(Teacher(**{"model": "m", **change}), request)) != cache_key(asked(Teacher(model="m"), request))


def test_answers_already_paid_for_stay_valid() -> None:
    request = Request.user("What is 1+1?", 3)
    full = Teacher(model="m", system="be brief", temperature=0.7, top_p=0.9, max_tokens=64, seed=5, stop=("a", "b"))
    kept = {"ce0293a7cfd62e1f": Teacher(model="m"), "0a7bd9300eaf71a5": full, "6bee3a66d44fcd47": Procedural(), "b42a03f3b8f4454b": Llama()}
    assert [cache_key(asked(teacher, request))[:16] for teacher in kept.values()] == list(kept)


def test_how_it_is_reached_does_not() -> None:
    request = Request.user("hi")
    plain = Teacher(model="m")
    moved = Teacher(model="m", base_url="http://127.0.0.1:1/v1", api_key_env="OTHER", concurrency=3, usd_per_million_prompt=5, timeout=3)
    assert cache_key(asked(moved, request)) == cache_key(asked(plain, request))
    assert cache_key(asked(plain, Request.user("hi", 1))) != cache_key(asked(plain, request))


def test_a_field_that_a_subclass_adds_makes_another_question() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Own(Teacher):
        mistakes_rate: float = 0.1

    keys = {cache_key(asked(one, Request.user("hi"))) for one in (Teacher(model="m"), Own(model="m"), Own(model="m", mistakes_rate=0.2))}
    assert len(keys) == 3


def test_seeds_follow_from_teacher_seed_draw_and_messages() -> None:
    seeds = {seed_sent(Teacher(model="m", seed=s), Request.user(text, draw)) for s in (0, 1) for draw in (0, 1) for text in ("a", "b")}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_sent(Teacher(model="m"), Request.user("a")) == seed_sent(Teacher(model="other"), Request.user("a"))


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(500, "oops"),
        Refusal(503, "overloaded"),
        Refusal(429, "slow down", "rate_limit_exceeded", {"Retry-After": "0.05"}),
        Refusal(200, raw=b"<html>bad gateway</html>"),
        Refusal(200, raw=b'{"choices": [{"mess'),
        Refusal(200, raw=b'{"choices": null}'),
        Refusal(200, raw=b'{"choices": []}'),
        Refusal(200, raw=b'{"error": {"message": "try later"}}'),
        Refusal(200, raw=b"[]"),
    ],
    ids=["500", "503", "429", "html", "half", "null", "empty", "error200", "list"],
)
def test_what_may_pass_is_tried_again(tmp_path: Path, refusal: Refusal) -> None:
    answers = Failing(refusal, bad=2)
    with Loopback(answers) as server:
        store, _ = quiet_store(tmp_path)
        table = list(store.get(Ask(teacher=teacher(server), count=2)))
    assert [row.response.startswith("answer to") for row in table] == [True, True]
    assert set(answers.asked.values()) == {3}


def test_a_connection_that_breaks_off_is_tried_again_and_counted_as_lost(tmp_path: Path) -> None:
    cut = Refusal(200, raw=b'{"choices"', headers={"Content-Length": "1000", "Connection": "close"})
    with Loopback(Failing(cut)) as server:
        store, _ = quiet_store(tmp_path)
        assert len(store.get(Ask(teacher=teacher(server, usd_per_million_completion=1), count=2))) == 2
    assert rows(tmp_path / "requests.sqlite", "SELECT kind, count(*) FROM ledger GROUP BY kind") == [("answered", 2), ("lost", 2)]


def test_a_slow_answer_is_tried_again(tmp_path: Path) -> None:
    class Slow(Answers):
        def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
            time.sleep(3.0 if times == 1 else 0)
            return super().reply(question, body, times)

    with Loopback(Slow()) as server:
        store, _ = quiet_store(tmp_path)
        assert len(store.get(Ask(teacher=teacher(server, timeout=1.0), count=2))) == 2


def test_nobody_at_the_address_is_said_in_a_sentence(tmp_path: Path) -> None:
    store, said = quiet_store(tmp_path)
    with pytest.raises(StageFailed, match=r"http://127.0.0.1:9/v1 gave no answer for 0.3 s.*no connection"):
        store.get(Ask(teacher=Teacher(model="m", base_url="http://127.0.0.1:9/v1", patience=0.3), count=2))
    assert said.getvalue().count("waiting for it, 0.3 s at most") == 1


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refusal(401, f"Incorrect API key provided: {KEY}", "invalid_api_key"), "holds a key that was not accepted"),
        (Refusal(403, f"{KEY} may not use m"), "refused access"),
        (Refusal(429, "You exceeded your current quota", "insufficient_quota"), "no money left"),
        (Refusal(402, "Insufficient Balance"), "no money left"),
        (Refusal(404, "no such model"), "no such model"),
    ],
    ids=["401", "403", "quota", "402", "404"],
)
def test_what_cannot_pass_stops_the_run_at_once(tmp_path: Path, refusal: Refusal, words: str) -> None:
    answers = Failing(refusal, bad=99)
    with Loopback(answers) as server:
        store, said = quiet_store(tmp_path)
        with pytest.raises(StageFailed, match=words) as failed:
            store.get(Ask(teacher=teacher(server, concurrency=2), count=20))
        assert f"m at {server.base_url}" in str(failed.value)
    assert sum(answers.asked.values()) <= 4
    assert KEY not in str(failed.value) + said.getvalue()
    if refusal.status in (401, 402, 403, 429):
        assert "OPENAI_API_KEY" in str(failed.value)


def test_the_key_is_sent_but_stands_in_no_file(tmp_path: Path) -> None:
    with Loopback(Failing(Refusal(500, f"crashed with {KEY}"))) as server:
        store, said = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=3))
    with Loopback(Failing(Refusal(500, f"crashed with {KEY}"), bad=99)) as server, pytest.raises(StageFailed):
        store.get(Ask(teacher=teacher(server, model="other", retries=0), count=3))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "requests.sqlite" for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in said.getvalue()


def test_a_prompt_that_the_provider_refuses_is_asked_once(tmp_path: Path) -> None:
    answers = Failing(Refusal(400, "flagged", "content_policy_violation"), bad=99)
    with Loopback(answers) as server:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=3))
        store.get(Ask(teacher=teacher(server), count=2))
    assert set(answers.asked.values()) == {1}
    assert rows(tmp_path / "requests.sqlite", "SELECT DISTINCT finish_reason, text FROM answers") == [("refused", "")]


def test_reasoning_given_apart_is_joined_and_cut_off_answers_are_kept(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        if body["messages"][-1]["content"] == "question 0":
            return Reply("", "length", 1, 2)
        return Reply("four", "stop", 1, 2, reasoning="two and two\n")

    with Loopback(answer) as server:
        store, _ = quiet_store(tmp_path)
        stage = Ask(teacher=teacher(server), count=2)
        assert [row.response for row in store.get(stage)] == ["", "<think>\ntwo and two\n</think>\n\nfour"]
    manifest = store.manifest(stage)
    assert manifest is not None
    assert manifest.facts["truncated"] == 1


def test_a_server_that_ignores_sampling_is_noticed(tmp_path: Path) -> None:
    with Loopback(lambda body: Reply("always the same")) as server:
        store, said = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=3, draws=2))
        assert "seems to ignore temperature and seed" in said.getvalue()
    with Loopback(Answers()) as server:
        store, said = quiet_store(tmp_path / "other")
        store.get(Ask(teacher=teacher(server), count=3, draws=2))
        assert "warning" not in said.getvalue()


def test_concurrency_is_used_and_not_passed(tmp_path: Path) -> None:
    class Watch(Answers):
        now, most = 0, 0

        def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
            with self._lock:
                self.now += 1
                self.most = max(self.most, self.now)
            until(lambda: self.most >= 3)
            time.sleep(0.1)  # a fourth would come now
            with self._lock:
                self.now -= 1
            return super().reply(question, body, times)

    answers = Watch()
    with Loopback(answers) as server:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server, concurrency=3), count=9))
    assert answers.most == 3


@pytest.mark.parametrize(
    "limit",
    [{"requests_per_minute": 600}, {"tokens_per_minute": 18_000, "expected_prompt_tokens": 10, "expected_completion_tokens": 20}],
    ids=["requests", "tokens"],
)
def test_limits_per_minute_hold(tmp_path: Path, limit: dict[str, float]) -> None:
    # Ten requests a second after a burst of fifty.
    with Loopback(Answers()) as server:

        def seconds(root: Path, **fields: float) -> float:
            started = time.monotonic()
            quiet_store(root)[0].get(Ask(teacher=teacher(server, **fields), count=60))
            return time.monotonic() - started

        free = seconds(tmp_path / "free")
        assert 0.9 < seconds(tmp_path / "limited", **limit) < 3.0 + 3 * free


def test_stopping_ends_soon_and_keeps_what_was_paid(tmp_path: Path) -> None:
    class Stuck(Answers):
        def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
            time.sleep(LONG if question.endswith("7") else 0)
            return super().reply(question, body, times)

    with Loopback(Stuck()) as server:
        store, _ = quiet_store(tmp_path)
        ended = threading.Event()

        def run() -> None:
            with pytest.raises(Stopped):
                store.get(Ask(teacher=teacher(server), count=8))
            ended.set()

        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: _count(tmp_path) == 7)
        store.stopping.set()
        assert ended.wait(60), "it does not wait for an answer that takes minutes"
    assert _count(tmp_path) == 7


def _count(root: Path) -> int:
    try:
        return int(rows(root / "requests.sqlite", "SELECT count(*) FROM answers")[0][0])
    except sqlite3.OperationalError:  # the run has not made it yet
        return 0


def test_openai_without_a_key_is_an_obstacle_before_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert "OPENAI_API_KEY is not set" in next(Teacher(model="o1-mini").obstacles())
    assert not list(Teacher(model="m", base_url="http://127.0.0.1:9/v1").obstacles())
    store, _ = quiet_store(tmp_path)
    with pytest.raises(StageFailed, match="set the environment variable OPENAI_API_KEY"):
        store.get(Ask(teacher=Teacher(model="o1-mini"), count=1))


def test_mistakes_in_the_settings_are_named_without_the_key() -> None:
    with pytest.raises(SettingsError) as wrong:
        Teacher(model="", base_url="127.0.0.1:8000", api_key_env=KEY)
    assert [field for field, _ in wrong.value.mistakes] == ["model", "base_url", "api_key_env"]
    assert KEY not in str(wrong.value)


@dataclass(frozen=True, kw_only=True)
class Own(LocalServer, Teacher):
    """Starts a server of its own, and counts how often."""

    @contextmanager
    def started(self, work: Work) -> Iterator[str]:
        with work.shared("starts.log").open("a") as log:
            log.write("started\n")
        with Loopback(Answers()) as server:
            yield server.base_url


def test_a_teacher_with_a_server_of_its_own_starts_it_only_to_ask_and_gets_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = quiet_store(tmp_path)
    store.get(Ask(teacher=Own(model="m"), count=4))
    store.get(Ask(teacher=Own(model="m"), count=3))
    assert (tmp_path / "starts.log").read_text() == "started\n"
    assert not list(Own(model="m").obstacles())
    with Loopback(Answers()) as server:
        assert found(Own(model="m"), server.base_url).key == ""
        assert found(teacher(server), server.base_url).key == KEY
