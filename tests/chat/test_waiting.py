"""Servers that are too busy, away, slow, or stream: waited for by time, seen in the server's own count."""

import email.utils
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import setbacks, slots
from o1exp.chat import wire as connection
from o1exp.chat.failure import retry_after
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.chat.slots import Slots
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed
from tests.chat.parts import Answers, Ask, quiet_store, rows
from tests.chat.wire import Out, completion, pieces, wire
from tests.servers import free_port


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(slots, "LONGEST_LOOK", 0.1)


def teacher(address: str, **fields: Any) -> Teacher:
    return Teacher(**{"model": "m", "base_url": address, "retries": 2, **fields})


class Busy(Answers):
    """Refuses everything for some seconds, counted from the first request."""

    def __init__(self, refusal: Refusal, seconds: float) -> None:
        super().__init__()
        self._refusal, self._seconds, self._first = refusal, seconds, 0.0
        self.times: list[float] = []

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        now = time.monotonic()
        self._first = self._first or now
        self.times.append(now - self._first)
        if now - self._first < self._seconds:
            raise self._refusal
        return super().reply(question, body, times)


@pytest.mark.parametrize("refusal", [Refusal(429, "slow down"), Refusal(503, "Loading model")], ids=["429", "503"])
def test_a_busy_server_is_waited_for_however_often_it_says_so(tmp_path: Path, refusal: Refusal) -> None:
    answers = Busy(refusal, 1.5)
    with Loopback(answers) as server:
        store, _ = quiet_store(tmp_path)
        assert len(store.get(Ask(teacher=teacher(server.base_url, retries=0), count=40))) == 40
    assert rows(tmp_path / "requests.sqlite", "SELECT sum(final) FROM attempts") == [(0,)]
    refused = sum(when < 1.5 for when in answers.times)
    assert 3 < refused < 40, "one at a time looks whether it is back"


def test_patience_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    with Loopback(Busy(Refusal(429, "slow down"), 99)) as server:
        store, _ = quiet_store(tmp_path)
        with pytest.raises(StageFailed, match=r"gave no answer for 0.5 s, at last: 429 slow down"):
            store.get(Ask(teacher=teacher(server.base_url, patience=0.5), count=4))


@pytest.mark.parametrize(
    ("headers", "low"),
    [({"Retry-After": "1"}, 1.0), ({"Retry-After-Ms": "400"}, 0.4), ({"Retry-After": "0"}, 0.014), ({"Retry-After": "soon"}, 0.014)],
    ids=["seconds", "milliseconds", "zero", "words"],
)
def test_the_pause_is_what_the_server_asks_for_and_at_least_the_backoff(tmp_path: Path, headers: dict[str, str], low: float) -> None:
    """Neither minutes for seconds nor seconds for milliseconds."""
    answers = Busy(Refusal(429, "slow down", headers=headers), 0.01)
    with Loopback(answers) as server:
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server.base_url), count=1))
    assert low <= answers.times[1] < 30


def test_a_date_is_read_as_the_seconds_until_then() -> None:
    assert 500 < (retry_after({"retry-after": email.utils.formatdate(time.time() + 600, usegmt=True)}) or 0) <= 600
    assert retry_after({"retry-after": email.utils.formatdate(time.time() - 30, usegmt=True)}) == 0
    assert retry_after({"retry-after": "next week"}) is retry_after({}) is None


class Narrow(Answers):
    """Answers `most` at a time in 0.1 s, and refuses the others."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.now, self.refused, self.served = most, 0, 0, 0

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        with self._lock:
            free = self.now < self.most
            self.now += free
            self.refused += not free
        if not free:
            raise Refusal(429, "too many at once")
        time.sleep(0.1)
        with self._lock:
            self.now -= 1
            self.served += 1
        return super().reply(question, body, times)


def test_concurrency_goes_down_on_429_to_what_the_server_takes(tmp_path: Path) -> None:
    answers = Narrow(4)
    with Loopback(answers) as server:
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server.base_url, concurrency=24), count=160))
    assert answers.served == 160
    assert answers.refused < 120, "without it 20 of 24 would be refused again and again"


def test_slots_go_down_one_by_one_and_come_back_up_to_the_ceiling() -> None:
    slots = Slots(first=0, ceiling=64)
    for _ in range(44):
        slots.crowded()
    assert slots.count == 20
    for _ in range(12):
        slots.answered()
    assert slots.count == 23
    for _ in range(200):
        slots.answered()
    assert slots.count == 64
    assert Slots(first=4, ceiling=64).count == 4
    for _ in range(100):
        slots.crowded()
    assert slots.count == 1


def test_who_waits_leaves_its_slot_to_others(tmp_path: Path) -> None:
    """Of two slots one would be held for its pause by each bad request, if the pause took place in it."""
    order: list[str] = []

    def answer(body: dict[str, Any]) -> Reply:
        question = body["messages"][-1]["content"]
        order.append(question)
        if question in ("question 0", "question 1") and order.count(question) == 1:
            raise Refusal(500, "wait", headers={"Retry-After": "4"})
        return Reply("x", prompt_tokens=1, completion_tokens=1)

    with Loopback(answer) as server:
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server.base_url, concurrency=2), count=12))
    assert set(order[-2:]) == {"question 0", "question 1"}
    assert len(order) == 14


def test_a_server_that_is_away_is_waited_for_and_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setbacks, "LONG", 0.3)
    port = free_port()
    asked = threading.Event()

    def speak(body: dict[str, Any], out: Out) -> None:
        out.whole(completion("x"))
        asked.set()

    def restart() -> None:
        time.sleep(1.5)
        back.enter_context(wire(speak, port))
        away.append(time.monotonic() - began)

    began, away = time.monotonic(), list[float]()
    with ExitStack() as back:
        threading.Thread(target=restart, daemon=True).start()
        store, said = quiet_store(tmp_path)
        assert len(store.get(Ask(teacher=teacher(f"http://127.0.0.1:{port}/v1", retries=0), count=30))) == 30
        assert asked.is_set()
    attempts = rows(tmp_path / "requests.sqlite", "SELECT count(*), sum(final), sum(usd) FROM attempts")[0]
    assert attempts[0] < 30 + 20 * away[0], "one at a time looks whether it is back, every 0.1 s"
    assert attempts[1:] == (0, 0)
    assert said.getvalue().count("120 s at most") == 1
    assert "no connection (Connection refused)" in said.getvalue()


def test_a_host_that_nobody_knows_is_no_server_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "UNKNOWN", 0.3)
    with pytest.raises(StageFailed, match=r"gave no answer for 0.3 s, at last: no connection \(.*not known"):
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher("http://no.such.host.invalid/v1"), count=2))


def test_the_timeout_is_the_time_of_one_request_whatever_trickles(tmp_path: Path) -> None:
    calls = count()

    def speak(body: dict[str, Any], out: Out) -> None:
        if next(calls):
            return out.whole(completion("x"))
        out.head(200, {"Content-Type": "application/json", "Content-Length": "1000"})
        for _ in range(60):
            out.write(b" ")
            time.sleep(0.5)
        return None

    with wire(speak) as address:
        started = time.monotonic()
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(address, timeout=2.0), count=1))
        assert time.monotonic() - started < 25
    assert rows(tmp_path / "requests.sqlite", "SELECT reason FROM attempts") == [("no answer within 2 s",)]


def streaming(streams: Callable[[dict[str, Any]], bool]) -> tuple[Callable[[dict[str, Any], Out], None], list[dict[str, Any]]]:
    """Streams what is asked to be; refuses to where it is told so."""
    seen: list[dict[str, Any]] = []

    def speak(body: dict[str, Any], out: Out) -> None:
        seen.append(body)
        if not streams(body):
            return out.whole({"error": {"message": "stream=false is not supported here, only stream=true"}}, 400)
        return out.stream(pieces("one two three"))

    return speak, seen


@pytest.mark.parametrize("stream", [True, False], ids=["asked for", "because it must be"])
def test_answers_are_streamed_where_that_is_asked_for_or_the_server_does_nothing_else(tmp_path: Path, stream: bool) -> None:
    speak, seen = streaming(lambda body: bool(body.get("stream")))
    with wire(speak) as address:
        table = quiet_store(tmp_path)[0].get(Ask(teacher=teacher(address, stream=stream, concurrency=1), count=5))
    assert {row.response for row in table} == {"one two three "}
    assert len(seen) == 5 + (not stream), "it is found out once"
    assert rows(tmp_path / "requests.sqlite", "SELECT DISTINCT prompt_tokens, completion_tokens, estimated FROM answers") == [(10, 20, 0)]
    assert rows(tmp_path / "requests.sqlite", "SELECT count(*) FROM attempts") == [(0,)]


def test_a_stream_that_nobody_asked_for_is_read_too(tmp_path: Path) -> None:
    with wire(lambda body, out: out.stream(pieces("one two"))) as address:
        table = quiet_store(tmp_path)[0].get(Ask(teacher=teacher(address), count=2))
    assert {row.response for row in table} == {"one two "}


def test_a_stream_that_stops_between_two_pieces_or_breaks_off_is_asked_again(tmp_path: Path) -> None:
    calls = count()

    def speak(body: dict[str, Any], out: Out) -> None:
        number = next(calls)
        if number == 0:
            out.stream(pieces("one two three"), pause=15.0)
        elif number == 1:
            out.stream(pieces("one two three")[:2], done=False)
        else:
            out.stream(pieces("one two three"), pause=0.5)  # longer than 2 s in all

    with wire(speak) as address:
        started = time.monotonic()
        table = quiet_store(tmp_path)[0].get(Ask(teacher=teacher(address, stream=True, idle_timeout=2.0), count=1))
        assert time.monotonic() - started < 50
    assert [row.response for row in table] == ["one two three "]
    reasons = rows(tmp_path / "requests.sqlite", "SELECT reason FROM attempts ORDER BY id")
    assert reasons == [("no further piece of the answer within 2 s",), ("the reply has no choices",)]


def test_the_address_of_a_404_and_the_variable_of_a_proxy_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(Answers()) as server:
        bare = server.base_url.removesuffix("/v1")
        with pytest.raises(StageFailed, match=rf"404.*base_url={bare}/v1"):
            quiet_store(tmp_path)[0].get(Ask(teacher=teacher(bare), count=2))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StageFailed, match=r"the proxy in the environment variable HTTP_PROXY"):
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher("http://teacher.example/v1", patience=0.2), count=2))
    monkeypatch.setenv("HTTP_PROXY", "gopher://nowhere")
    with pytest.raises(StageFailed, match=r"cannot be asked .*HTTP_PROXY"):
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher("http://teacher.example/v1", patience=0.2), count=2))


def test_tokens_per_minute_learn_what_answers_take(tmp_path: Path) -> None:
    """By max_tokens alone each request would be waited off for eight seconds."""
    times: list[float] = []

    def answer(body: dict[str, Any]) -> Reply:
        times.append(time.monotonic())
        return Reply("x", prompt_tokens=10, completion_tokens=20)

    with Loopback(answer) as server:
        asking = teacher(server.base_url, tokens_per_minute=60_000, max_tokens=8000)
        quiet_store(tmp_path)[0].get(Ask(teacher=asking, count=60))
    assert times[-1] - times[0] < 120
    assert sorted(later - earlier for earlier, later in pairwise(times[20:]))[30] < 2
