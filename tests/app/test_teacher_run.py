"""A study with a paid endpoint, run as a user would: what a key with a line end costs, and how a scheduler ends it."""

import signal
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.servers.loopback import Loopback, Reply
from tests.app.commands import TINY, o1exp, start
from tests.chat.parts import Answers, rows
from tests.waiting import LONG, until

KEY = "sk-first-half-of-a-key\nsecond-half-of-a-key"


def words(server: Loopback) -> tuple[str, ...]:
    return (*TINY, "goal=thought", "teacher=endpoint", "teacher.model=m", f"teacher.base_url={server.base_url}", "filter=none",
            "source.count=300", "teacher.usd_per_million_completion=1000", "budget.usd=0.5")  # fmt: skip


@pytest.mark.parametrize("key", [KEY, "sk-with a space inside", "sk-with-an-umlaut-ä-inside"])
def test_a_key_that_cannot_be_sent_ends_the_run_before_anything_is_sent_or_counted(tmp_path: Path, key: str) -> None:
    answers = Answers()
    with Loopback(answers) as server:
        ended = o1exp(tmp_path, *words(server), env={"OPENAI_API_KEY": key})
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "the environment variable OPENAI_API_KEY holds" in ended.stderr
    assert not answers.asked
    assert not list(tmp_path.rglob("requests.sqlite"))
    for part in key.split():
        assert len(part) < 8 or part not in ended.stdout + ended.stderr


def test_sigterm_ends_a_run_as_ctrl_c_does(tmp_path: Path) -> None:
    with Loopback(lambda body: Reply(r"\boxed{1}", prompt_tokens=5, completion_tokens=5), delay=1.0) as server:
        asked = [*words(server), "teacher.concurrency=2", "budget.usd=null"]
        process = start(tmp_path, *asked, env={"OPENAI_API_KEY": "sk-a-key-with-its-line-end\n"})
        until(lambda: _answered(tmp_path))
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=LONG)[0]
        assert process.returncode == 130, said
        assert "run the same command again" in said
        before = _answered(tmp_path)
        assert 0 < before < 300


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGINT, signal.SIGTERM, signal.SIGINT],
        pytest.param([signal.SIGINT] * 2, marks=pytest.mark.slow),
        pytest.param([signal.SIGTERM] * 2, marks=pytest.mark.slow),
    ],
)
def test_several_signals_at_once_end_a_run_as_one_does_and_every_request_is_in_the_book(
    tmp_path: Path, signals: list[signal.Signals]
) -> None:
    came = list[str]()

    def answer(body: dict[str, Any]) -> Reply:
        came.append(body["messages"][-1]["content"])
        return Reply(r"\boxed{1}", prompt_tokens=5, completion_tokens=5)

    with Loopback(answer, delay=1.0) as server:
        process = start(tmp_path, *words(server), "teacher.concurrency=4", "budget.usd=null")
        until(lambda: len(came) >= 6)
        for one in signals:
            process.send_signal(one)
        said = process.communicate(timeout=LONG)[0]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "run the same command again" in said
    place = tmp_path / "outputs" / "requests.sqlite"
    assert rows(place, "SELECT (SELECT count(*) FROM ledger) + (SELECT count(*) FROM claims)")[0][0] >= len(came)


def _answered(folder: Path) -> int:
    place = folder / "outputs" / "requests.sqlite"
    if not place.exists() or not rows(place, "SELECT count(*) FROM sqlite_master WHERE name='attempts'")[0][0]:
        return 0
    return int(rows(place, "SELECT count(*) FROM answers")[0][0])
