"""Replies that real servers have sent and no specification has: what is used, what is paid, what is said of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import failure, slots
from o1exp.chat.address import Address
from o1exp.chat.endpoint import OPENAI
from o1exp.chat.failure import out_of_money, wait_told
from o1exp.chat.official import Official
from o1exp.chat.teacher import Teacher
from o1exp.flow import SettingsError, StageFailed
from o1exp.records.finish import ending
from tests.chat.parts import Ask, quiet_store, rows
from tests.chat.wire import Out, Speak, completion, pieces, wire

KEY = "sk-a/key+with-a-slash-0123456789"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.02)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def asked(root: Path, speak: Speak, **fields: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """One question: its answer (text, finish reason), the ledger (kind, USD) and the failed attempts (reason)."""
    store, _ = quiet_store(root)
    with wire(speak) as address:
        settings = {"usd_per_million_completion": 1000, "retries": 1, "max_failed": 1.0, "max_tokens": 50, "patience": 0.3, **fields}
        store.get(Ask(teacher=Teacher(**{"model": "m", "base_url": address, **settings}), count=1))
    return kept(root)


def kept(root: Path) -> tuple[list[Any], list[Any], list[Any]]:
    found = root / "requests.sqlite"
    queries = ("SELECT text, finish_reason FROM answers", "SELECT kind, usd FROM ledger", "SELECT reason FROM attempts")
    answers, ledger, attempts = (rows(found, query) for query in queries)
    return answers, ledger, attempts


@pytest.mark.parametrize("tokens", ["\u00b2", 10**30, 1e300, -(10**30)])
def test_a_usage_beyond_all_measure_is_estimated_and_ends_nothing(tmp_path: Path, tokens: Any) -> None:
    reply = completion("whole", usage={"prompt_tokens": 1, "completion_tokens": tokens})
    answers, ledger, _ = asked(tmp_path, lambda body, out: out.whole(reply))
    assert answers == [("whole", "stop")]
    assert [(kind, usd < 0.05) for kind, usd in ledger] == [("answered", True)]


def test_a_reply_nested_without_end_is_left_out_and_ends_nothing(tmp_path: Path) -> None:
    answers, _, attempts = asked(tmp_path, lambda body, out: out.whole(b'{"choices":' + b"[" * 200_000))
    assert not answers
    assert len(attempts) == 2


def sent(events: bytes) -> Speak:
    def speak(body: dict[str, Any], out: Out) -> None:
        out.head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        out.write(events)

    return speak


def events(parts: list[Any]) -> list[bytes]:
    return [b"data: " + json.dumps(part).encode() + b"\n\n" for part in parts]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "within", [b'data: {"choices": [{"index": 0, "del\n\n', b'event: error\ndata: {"message": "the worker died", "code": 500}\n\n']
)
def test_a_stream_with_a_hole_in_it_is_no_whole_answer(tmp_path: Path, within: bytes, stream: bool) -> None:
    first, *others = events(pieces("one two three"))
    answers, _, attempts = asked(tmp_path, sent(first + within + b"".join(others)), stream=stream)
    assert not answers
    assert len(attempts) == 2


def test_what_follows_the_end_of_a_stream_spoils_nothing(tmp_path: Path) -> None:
    answers, _, _ = asked(tmp_path, sent(b"".join(events(pieces("one two"))) + b'data: {"usa'), stream=True)
    assert answers == [("one two ", "stop")]


def test_a_second_choice_is_not_mixed_into_the_first(tmp_path: Path) -> None:
    both = [{"choices": [{"index": n, "delta": {"content": text}, "finish_reason": "stop"}]} for n, text in ((0, "A"), (1, "B"))]
    assert asked(tmp_path / "stream", sent(b"".join(events(both))), stream=True)[0] == [("A", "stop")]
    reply = completion("A", finish="length")
    reply["choices"].insert(0, {"index": 1, "message": {"content": "B"}, "finish_reason": "stop"})
    assert asked(tmp_path / "whole", lambda body, out: out.whole(reply))[0] == [("A", "length")]


def test_a_stream_that_cannot_be_unpacked_is_left_out_and_ends_nothing(tmp_path: Path) -> None:
    lie = {"Content-Encoding": "gzip"}
    answers, _, attempts = asked(tmp_path, lambda body, out: out.whole(completion("x"), headers=lie), stream=True)
    assert not answers
    assert len(attempts) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"code": "rate_limit_daily", "message": "the daily limit"}, "the daily limit"),
        ({"detail": "Model is overloaded"}, "Model is overloaded"),
        ({"object": "error", "message": "too long", "code": 400}, "too long"),
    ],
)
def test_an_error_in_the_place_of_an_answer_is_told_and_costs_nothing(tmp_path: Path, reply: Any, said: str) -> None:
    answers, ledger, attempts = asked(tmp_path, lambda body, out: out.whole(reply))
    assert not answers
    assert not ledger
    assert all(said in reason for (reason,) in attempts)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"<html><style>p {}</style><p>no <b>such</b> thing</p></html>", "422 no such thing"),
        (b"plain words", "422 plain words"),
        ([{"error": {"code": 422, "message": "a list of errors", "status": "INVALID_ARGUMENT"}}], "422 a list of errors"),
        ({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, "422 Extra inputs are not permitted"),
    ],
)
def test_the_words_of_an_error_are_told_whatever_form_they_have(tmp_path: Path, reply: Any, said: str) -> None:
    _, _, attempts = asked(tmp_path, lambda body, out: out.whole(reply, status=422))
    assert [reason for (reason,) in attempts] == [said]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_hands_the_prompts_to_nobody(tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    others = list[Any]()

    def other(body: dict[str, Any], out: Out) -> None:
        others.append(body)
        out.whole(completion("of another host"))

    with wire(other) as elsewhere:
        target = f"{elsewhere.replace('127.0.0.1', 'localhost')}/chat/completions"
        with pytest.raises(StageFailed, match=r"redirects to http://localhost.*set base_url"):
            asked(tmp_path, lambda body, out: out.whole(b"", status=status, headers={"Location": target}))
    assert not others
    assert not kept(tmp_path)[1]


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("target", ["/v1/chat/completions/", "../elsewhere/completions", "ADDRESS/chat/completions?moved=1"])
def test_a_redirect_within_the_server_is_followed_with_request_and_key(tmp_path: Path, status: int, target: str) -> None:
    came = list[Any]()

    def speak(body: dict[str, Any], out: Out) -> None:
        came.append((out.path, out.headers["Authorization"], body["messages"]))
        if len(came) > 1:
            return out.whole(completion("found"))
        location = target.replace("ADDRESS", f"http://{out.headers['Host']}/v1")
        return out.whole(b"", status=status, headers={"Location": location})

    assert asked(tmp_path, speak)[0] == [("found", "stop")]
    (first, key, messages), again = came
    assert again[0] != first
    assert again[1:] == (key, messages)
    assert KEY in key


@pytest.mark.parametrize("elsewhere", ["http://user:word@HOST/v1/x", "https://HOST/v1/x", "http://localhost:PORT/v1/x", "//[", ""])
def test_a_redirect_anywhere_else_is_not_followed(tmp_path: Path, elsewhere: str) -> None:
    came = list[str]()

    def speak(body: dict[str, Any], out: Out) -> None:
        came.append(out.path)
        host = out.headers["Host"]
        out.whole(b"", status=307, headers={"Location": elsewhere.replace("HOST", host).replace("PORT", host.rpartition(":")[2])})

    with pytest.raises(StageFailed, match=r"307: the address redirects.*not followed"):
        asked(tmp_path, speak)
    assert set(came) == {"/v1/chat/completions"}


def test_a_redirect_in_a_circle_ends(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="307: the address redirects"):
        asked(tmp_path, lambda body, out: out.whole(b"", status=307, headers={"Location": out.path}))


@pytest.mark.parametrize("page", [b"<html>please log in</html>", b"OK", b"\xef\xbb\xbf<!doctype html>", b'"a text"', b"   busy"])
def test_a_page_under_status_200_is_asked_again_and_fills_no_purse(tmp_path: Path, page: bytes) -> None:
    came = list[Any]()

    def speak(body: dict[str, Any], out: Out) -> None:
        came.append(body)
        out.whole(page if len(came) == 1 else completion("an answer"))

    answers, ledger, attempts = asked(tmp_path, speak)
    assert answers == [("an answer", "stop")]
    assert [kind for kind, _ in ledger] == ["answered"]
    assert len(attempts) == 1
    assert "no JSON object" in attempts[0][0]


@pytest.mark.parametrize("half", [b'{"id": "c", "choi', b"", b"[", b'data: {"choices": [{"del\n\n'])
def test_a_reply_that_breaks_off_under_status_200_may_have_been_charged(tmp_path: Path, half: bytes) -> None:
    came = list[Any]()

    def speak(body: dict[str, Any], out: Out) -> None:
        came.append(body)
        out.whole(half if len(came) == 1 else completion("an answer"))

    answers, ledger, _ = asked(tmp_path, speak)
    assert answers == [("an answer", "stop")]
    assert sorted(kind for kind, _ in ledger) == ["answered", "lost"]


@pytest.mark.parametrize(("tokens", "reason"), [(49, "stop"), (50, "stop_at_max_tokens"), (51, "stop")])
def test_an_answer_that_stopped_with_its_last_token_is_taken_for_cut_off(tmp_path: Path, tokens: int, reason: str) -> None:
    reply = completion("half or whole", usage={"prompt_tokens": 1, "completion_tokens": tokens})
    assert asked(tmp_path, lambda body, out: out.whole(reply))[0] == [("half or whole", reason)]
    assert ending(reason) == ("length" if tokens == 50 else "stop")


@pytest.mark.parametrize("escape", [lambda text: text.replace("/", "\\/"), lambda text: text.replace("s", "\\u0073")])
def test_a_key_that_a_server_repeats_is_kept_nowhere_however_it_is_escaped(tmp_path: Path, escape: Any) -> None:
    reply = json.dumps(completion("KEY", reasoning_content="KEY")).replace("KEY", escape(KEY)).encode()
    answers, _, _ = asked(tmp_path, lambda body, out: out.whole(reply))
    assert answers == [("***", "stop")]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_the_organisation_of_the_environment_is_told_to_no_other_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = dict[str, str]()
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-mine")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "admin-of-mine")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Own: header-of-mine\nAuthorization: Bearer other-of-mine")

    def speak(body: dict[str, Any], out: Out) -> None:
        seen.update({name.lower(): value for name, value in out.headers.items()})
        out.whole(completion("x"))

    asked(tmp_path, speak)
    assert "of-mine" not in str(seen)
    assert seen["user-agent"].startswith("AsyncOpenAI/Python")  # the official client asks, for whatever provider
    assert seen["authorization"] == f"Bearer {KEY}"
    own = Official(Address(Teacher(model="m"), OPENAI, KEY, ""), 1.0).client().default_headers
    assert (own["OpenAI-Organization"], own["OpenAI-Project"], own["X-Own"]) == ("org-of-mine", "project-of-mine", "header-of-mine")


def test_a_wait_is_read_from_the_words_of_an_error() -> None:
    retry = [{"error": {"code": 429, "details": [{"@type": "RetryInfo", "retryDelay": "38s"}]}}]
    assert wait_told(retry) == 38
    said = {
        "Please try again in 1m2.5s. Visit": 62.5,
        "Please try again in 20ms.": 0.02,
        "Please retry after 7 seconds": 7.0,
        "in 7 s": None,
    }
    assert {text: wait_told({"message": text}) for text in said} == said


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"type": "exceeded_current_quota_error", "message": "check your plan"}},
        {"error": {"code": "1113", "message": "\u4f59\u989d\u4e0d\u8db3"}},
        {"code": "Arrearage", "message": "Access denied"},
        {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API."}},
    ],
)
def test_an_empty_account_ends_the_run_whoever_keeps_it(tmp_path: Path, error: Any) -> None:
    with pytest.raises(StageFailed, match="has no money left"):
        asked(tmp_path, lambda body, out: out.whole(error, status=429))


def test_a_limit_per_minute_is_no_empty_account() -> None:
    assert not out_of_money({"error": {"code": "rate_limit_exceeded", "type": "tokens", "param": "1113", "message": "slow down"}})


def test_a_date_that_no_clock_knows_is_no_wait() -> None:
    assert failure.retry_after({"retry-after": "Mon, 01 Jan 0001 00:00:00 -0000"}) in (None, 0.0)


def test_a_file_of_certificates_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(StageFailed, match="SSL_CERT_FILE"):
        asked(tmp_path, lambda body, out: out.whole(b""), base_url="https://127.0.0.2:9/v1")


def test_a_port_that_is_not_encrypted_is_told_in_the_words_of_the_library_and_costs_nothing(tmp_path: Path) -> None:
    with wire(lambda body, out: None) as address, pytest.raises(StageFailed, match="SSL"):
        asked(tmp_path, lambda body, out: None, base_url=address.replace("http:", "https:"))
    assert not kept(tmp_path)[1]


def test_an_address_that_names_what_is_added_to_it_is_refused() -> None:
    with pytest.raises(SettingsError, match="which is added to it"):
        Teacher(model="m", base_url="http://127.0.0.1:8000/v1/chat/completions/")
