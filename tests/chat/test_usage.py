"""What an answer took, out of all that servers write about it, and what a request without an answer is taken to cost."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import slots
from o1exp.chat.key import read_key, unfit_key
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.chat.usage import counted
from o1exp.flow import StageFailed
from o1exp.secrets import masked
from tests.chat.parts import Answers, Ask, quiet_store, rows
from tests.chat.test_budget import EACH, teacher
from tests.chat.wire import Out, completion, wire
from tests.servers import free_port


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}, (10, 20)),
        ({"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 530}, (10, 520)),
        ({"prompt_tokens": 10, "completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 15}}, (10, 20)),
        ({"prompt_tokens": 10, "completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 500}}, (10, 520)),
        (
            {"prompt_tokens": 10, "completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 15, "text_tokens": 25}},
            (10, 40),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 20, "reasoning_tokens": 300}, (10, 320)),
        ({"input_tokens": 10, "output_tokens": 20}, (10, 20)),
        ({"prompt_tokens": 10, "completion_tokens": -5}, (10, 0)),
        ({"prompt_tokens": None, "completion_tokens": "20", "total_tokens": float("nan")}, (0, 20)),
        ({"prompt_tokens": True, "completion_tokens": 2.0}, (0, 2)),
        (None, (0, 0)),
        ([1], (0, 0)),
    ],
)
def test_usage_is_the_most_that_its_fields_say_and_never_negative(usage: Any, tokens: tuple[int, int]) -> None:
    assert counted(usage) == tokens


def test_no_tokens_for_a_text_that_is_there_are_an_estimate(tmp_path: Path) -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    with wire(lambda body, out: out.whole(completion("x" * 90, usage=zero))) as address:
        store, _ = quiet_store(tmp_path)
        stage = Ask(teacher=teacher_at(address), count=2)
        store.get(stage)
    assert rows(tmp_path / "requests.sqlite", "SELECT DISTINCT estimated, completion_tokens FROM answers") == [(1, 30)]
    manifest = store.manifest(stage)
    assert manifest is not None
    assert manifest.facts["estimated_usage"] == 2


def test_a_prompt_of_no_tokens_is_estimated_too(tmp_path: Path) -> None:
    negative = {"prompt_tokens": -5, "completion_tokens": "12", "total_tokens": None}
    with wire(lambda body, out: out.whole(completion("text", usage=negative))) as address:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher_at(address), count=1))
    [(estimated, prompt, written)] = rows(tmp_path / "requests.sqlite", "SELECT estimated, prompt_tokens, completion_tokens FROM answers")
    assert (estimated, written) == (1, 12)
    assert prompt > 0


def test_more_tokens_than_max_tokens_are_warned_of(tmp_path: Path) -> None:
    with Loopback(lambda body: Reply("x", prompt_tokens=10, completion_tokens=31)) as server:
        store, said = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=3))
    assert "3 answers were billed with more than max_tokens=30" in said.getvalue()


def teacher_at(address: str, **fields: Any) -> Any:
    with Loopback(Answers()) as nobody:
        return teacher(nobody, base_url=address, **fields)


class Losing(Answers):
    """The first reply to each question from number `first` on is no answer."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        if int(question.split()[-1]) >= self._first and times == 1:
            raise Refusal(200, raw=b'{"id": ')
        return super().reply(question, body, times)


def test_a_lost_request_costs_what_the_others_took_once_there_are_ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.01)
    with Loopback(Losing(12)) as server:
        asking = teacher(server, max_tokens=3000, concurrency=1, expected_completion_tokens=1, expected_prompt_tokens=1)
        quiet_store(tmp_path)[0].get(Ask(teacher=asking, count=16))
    lost = rows(tmp_path / "requests.sqlite", "SELECT usd FROM ledger WHERE kind='lost'")
    assert [usd for (usd,) in lost] == [pytest.approx(EACH)] * 4, "neither the most they could cost, nor what the plan was told"


def test_what_never_left_costs_nothing(tmp_path: Path) -> None:
    with pytest.raises(StageFailed):
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher_at(f"http://127.0.0.1:{free_port()}/v1", patience=0.3), count=4))
    assert rows(tmp_path / "requests.sqlite", "SELECT count(*) FROM ledger") == [(0,)]
    assert rows(tmp_path / "requests.sqlite", "SELECT total(usd), count(*) > 0 FROM attempts") == [(0, 1)]


def test_a_key_is_trimmed_and_one_that_cannot_be_sent_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setenv("OPENAI_API_KEY", "  sk-quite-secret-words\r\n")

    def speak(body: dict[str, Any], out: Out) -> None:
        heard.append(out.headers["Authorization"])
        out.whole(completion("x"))

    with wire(speak) as address:
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher_at(address), count=1))
        assert heard == ["Bearer sk-quite-secret-words"]
        assert "sk-quite" not in masked("a server repeats sk-quite-secret-words")
        for key, what in (
            ("sk-one\nsk-two", "line end"),
            ("sk one", "white space"),
            ("sk-ö", "not ASCII"),
            ("sk\x00", "control character"),
        ):
            monkeypatch.setattr("os.environ", {"OPENAI_API_KEY": key})
            assert what in unfit_key("OPENAI_API_KEY")
            assert key.split()[0] not in unfit_key("OPENAI_API_KEY")
            with pytest.raises(StageFailed, match="OPENAI_API_KEY holds"):
                quiet_store(tmp_path)[0].get(Ask(teacher=teacher_at(address), count=1, first=9))
        assert len(heard) == 1
    assert read_key("NO_SUCH_VARIABLE") == unfit_key("NO_SUCH_VARIABLE") == ""
    assert rows(tmp_path / "requests.sqlite", "SELECT count(*) FROM ledger WHERE kind='lost'") == [(0,)]
