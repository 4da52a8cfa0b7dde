"""One bad request never ends a study: it is recorded with its reason, left out, and sent again when somebody asks for that."""

import json
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import slots
from o1exp.chat.__main__ import main
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed, Store
from tests.chat.parts import Answers, Ask, quiet_store, rows

LONG = "This model's maximum context length is 4096 tokens, your messages have [/red]5000"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.02)


class Some(Answers):
    """Fails the questions of some numbers for as long as it is told to."""

    def __init__(self, bad: dict[int, Refusal]) -> None:
        super().__init__()
        self.bad = bad

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        if refusal := self.bad.get(int(question.split()[-1])):
            raise refusal
        return super().reply(question, body, times)

    def times(self, number: int) -> int:
        return sum(count for name, count in self.asked.items() if name.startswith(f"question {number} "))


def teacher(server: Loopback, **fields: Any) -> Teacher:
    return Teacher(**{"model": "m", "base_url": server.base_url, "retries": 2, **fields})


def texts(store: Store, stage: Ask) -> list[str]:
    return [row.response for row in store.get(stage)]


@pytest.mark.parametrize(
    ("refusal", "sent"),
    [
        (Refusal(400, LONG, "context_length_exceeded"), 1),
        (Refusal(422, "unprocessable"), 1),
        (Refusal(413, "too large"), 1),
        (Refusal(500, "worker crashed"), 3),
        (Refusal(200, raw=b"<html>"), 3),
        (Refusal(200, raw=b'{"choices": []}'), 3),
    ],
    ids=["context", "422", "413", "500", "html", "empty"],
)
def test_a_bad_request_is_left_out_with_its_reason_and_the_run_goes_on(tmp_path: Path, refusal: Refusal, sent: int) -> None:
    answers = Some({7: refusal})
    with Loopback(answers) as server:
        store, said = quiet_store(tmp_path)
        stage = Ask(teacher=teacher(server), count=20)
        got = texts(store, stage)
    assert [not text for text in got] == [n == 7 for n in range(20)]
    assert (answers.times(7), sum(answers.asked.values())) == (sent, 19 + sent)
    (final, reason), attempts = rows(tmp_path / "requests.sqlite", "SELECT final, reason FROM attempts WHERE final")[0], sent
    assert final
    assert rows(tmp_path / "requests.sqlite", "SELECT count(*), min(time) > 1e9 FROM attempts") == [(attempts, 1)]
    manifest = store.manifest(stage)
    assert manifest is not None
    assert (manifest.facts["failed"], manifest.facts["failed_attempts"]) == (1, sent)
    assert f"1 of 20 requests failed and are left out (1 x {reason[:20]}" in said.getvalue()
    assert "stale=remake sends only these again" in said.getvalue()


def test_only_the_failed_ones_are_sent_again(tmp_path: Path) -> None:
    answers = Some({3: Refusal(400, LONG), 4: Refusal(422, "no")})
    with Loopback(answers) as server:
        stage = Ask(teacher=teacher(server), count=20)
        quiet_store(tmp_path)[0].get(stage)
        store, _ = quiet_store(tmp_path)
        store.get(stage)
        assert sum(answers.asked.values()) == 20, "a finished stage asks nothing by itself"
        assert store.stale(stage).startswith("2 of 20 requests failed")
        answers.bad = {}
        again, _ = quiet_store(tmp_path)
        again.remake = True
        assert all(texts(again, stage))
    assert sum(answers.asked.values()) == 22
    assert again.stale(stage) == ""


def test_what_fails_alike_from_the_start_ends_the_run_after_a_dozen(tmp_path: Path) -> None:
    answers = Some({n: Refusal(400, f"temperature does not suit request {n}") for n in range(500)})
    with Loopback(answers) as server:
        store, _ = quiet_store(tmp_path)
        with pytest.raises(StageFailed, match=r"failed the first 12 requests alike: 400 temperature does not suit"):
            store.get(Ask(teacher=teacher(server, concurrency=4), count=500))
        assert sum(answers.asked.values()) <= 12 + 3
        answers.bad = {}
        assert all(texts(quiet_store(tmp_path)[0], Ask(teacher=teacher(server), count=500))), "what was given up is asked again"


def test_more_failures_than_allowed_end_the_run_and_nothing_is_lost(tmp_path: Path) -> None:
    answers = Some({n: Refusal(400, "odd", f"code{n}") for n in range(0, 60, 3)})
    with Loopback(answers) as server:
        with pytest.raises(StageFailed, match=r"of 60 requests failed, more than max_failed=0.1 allows: \d+ x 400 odd"):
            quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server, concurrency=1), count=60))
        kept = rows(tmp_path / "requests.sqlite", "SELECT count(*) FROM answers")[0][0]
        sent = sum(answers.asked.values())
        assert (kept, sent) == (22, 34), "twelve failed of the first 34"
        assert len(texts(quiet_store(tmp_path)[0], Ask(teacher=teacher(server, max_failed=0.4), count=60))) == 60
    assert answers.times(1) == 1


def test_few_requests_are_all_tried_before_their_share_counts(tmp_path: Path) -> None:
    answers = Some({1: Refusal(400, "odd")})
    with Loopback(answers) as server, pytest.raises(StageFailed, match=r"1 of 4 requests failed, more than max_failed=0.1"):
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(server, concurrency=1), count=4))
    assert len(answers.asked) == 4


def test_the_book_tells_which_attempts_failed_and_what_they_may_have_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = Some({1: Refusal(200, raw=b"<html>[bold]")})
    with Loopback(answers) as server:
        asking = teacher(server, usd_per_million_completion=1000, max_tokens=30)
        quiet_store(tmp_path)[0].get(Ask(teacher=asking, count=20))
    assert main(["ledger", "--outputs", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["attempts"], row["left_out"]) for row in told["failures"]] == [(2, 0), (1, 1)]
    assert sum(row["usd"] for row in told["failures"]) == pytest.approx(sum(row["usd"] for row in told["entries"] if row["kind"] == "lost"))
    assert main(["ledger", "--outputs", str(tmp_path)]) == 0
    assert "<html>[bold]" in capsys.readouterr().out, "markup of a server breaks none of ours"
