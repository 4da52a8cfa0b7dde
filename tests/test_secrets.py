"""What is hidden, and what must not be: each rule by itself."""

import time
from collections.abc import Callable

import pytest

from o1exp import secrets
from o1exp.secrets import MASK, environment, found, is_secret, masked, masked_config, masked_override, masked_value, refusal

KEYS = [
    "sk-proj-" + "a1B2" * 8, "hf_" + "aB3d" * 8, "ghp_" + "x9Y8" * 9, "github_pat_" + "11ABCD_" * 6, "glpat-" + "aBcD" * 5,
    "xoxb-123456789012-abcdef", "AKIA" + "ABCD1234" * 2, "AIza" + "SyA-_" * 7, "gsk_" + "abcd1234" * 5,
    "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM",
    "Bearer abcdef0123456789abcdef", "sk_live_" + "a1B2" * 4, "rk_test_" + "a1B2" * 4, "npm_" + "a1B2" * 9, "pypi-" + "AgEIcHlwa" * 3,
    "pplx-" + "a1B2" * 8, "csk-" + "a1B2" * 8, "hvs." + "CAES" * 6,
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=[key[:6] for key in KEYS])
def test_keys_with_a_mark_are_hidden_in_any_text(key: str) -> None:
    said = masked(f"the server said: key {key}, and then no more")
    assert key not in said
    assert said.startswith("the server said: key ***, and")
    assert found(f"use {key}") is not None
    assert key not in str(found(key))


@pytest.mark.parametrize("name", ["key", "api_key", "teacher.api_key", "apiKey", "APIKEY", "hub_token", "HF_TOKEN", "token", "DB_PASSWORD",
                                  "client_secret", "secretAccessKey", "subscription-key", "credentials", "key2"])  # fmt: skip
def test_names_that_say_secret(name: str) -> None:
    assert is_secret(name)
    assert masked_value(name, "hunter2-abc") == MASK
    assert masked_override(f"{name}=hunter2-abc") == f"{name}={MASK}"


@pytest.mark.parametrize("name", ["max_tokens", "tokens_per_minute", "tokenizer", "eos_token", "end_token", "token_limit", "api_key_env",
                                  "kv_heads", "monkey", "keyboard", "key_size", "secret_file", "batch_tokens"])  # fmt: skip
def test_names_that_do_not(name: str) -> None:
    assert not is_secret(name)
    assert masked_value(name, "VALUE") == "VALUE"


def test_no_setting_of_ours_is_taken_for_a_secret() -> None:
    from o1exp.config.groups import classes
    from o1exp.flow.check import typed_fields

    names = {field.name for found in classes().values() for cls in found for field, _ in typed_fields(cls)}
    assert len(names) > 100
    assert not [name for name in names if is_secret(name)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pass@host:80/v1", "http://***@host:80/v1"),
        ("postgresql://me@host/db", "postgresql://***@host/db"),
        ("http://user:p@ss@host/v1", "http://***@host/v1"),
        ("http://host/v1?api-version=2&key=abc", "http://host/v1?api-version=***&key=***"),
        ("http://host/v1?abcdef", "http://host/v1?***"),
        ("http://host/#access_token=abc", "http://host/#access_token=***"),
        ("see https://hydra.cc/docs/upgrades#section", "see https://hydra.cc/docs/upgrades#section"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://me:p/ss@host", "http://***@host"),
        ("http://me:p#word@host/v1", "http://***@host/v1"),
        ("http://me:p?w@host", "http://***@host"),
        ("http://127.0.0.1:8000/v1/@x", "http://127.0.0.1:8000/v1/@x"),
        ("u:SECRET@127.0.0.1/v1", "***@127.0.0.1/v1"),
        ("//u:SECRET@host/v1", "//***@host/v1"),
        (
            "write to: me@x.org, mailto:me@x.org, git@h:a/b, a/b:c@sha256:abcd",
            "write to: me@x.org, mailto:me@x.org, git@h:a/b, a/b:c@sha256:abcd",
        ),
        ("http://host/v1?api-version=2: is wrong", "http://host/v1?api-version=***: is wrong"),
    ],
)
def test_addresses_lose_user_and_query(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(f"'{text}' failed") == f"'{shown}' failed"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Client(api_key='hunter2', retries=3)", "Client(api_key='***', retries=3)"),
        ('{"api_key": "hunter2", "model": "m"}', '{"api_key": "***", "model": "m"}'),
        ("db_password: hunter2", "db_password: ***"),
        ("token=hunter2 max_tokens=9", "token=*** max_tokens=9"),
        ("no such key: think; full_key: think.lr", "no such key: think; full_key: think.lr"),
        ("access_key: hunter2", "access_key: ***"),
        ("end_token=<|im_end|>", "end_token=<|im_end|>"),
        ("teacher.api_key_env=MY_KEY", "teacher.api_key_env=MY_KEY"),
    ],
)
def test_what_follows_a_secret_name_is_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_values_of_secret_variables_are_hidden_and_refused_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TEACHER_KEY", "plainwords")
    monkeypatch.setenv("SERVICE_KEY", "/home/me/key.json")
    monkeypatch.setenv("SHORT_KEY", "EMPTY")
    monkeypatch.setenv("ODDLY_NAMED", "quietwords")
    assert masked("it said plainwords twice: plainwords") == "it said *** twice: ***"
    assert found("http://host/plainwords/v1") == "holds the value of the environment variable MY_TEACHER_KEY"
    assert masked("/home/me/key.json EMPTY quietwords") == "/home/me/key.json EMPTY quietwords"
    monkeypatch.setattr(secrets, "_variables", set())
    secrets.hide_variable("ODDLY_NAMED")
    assert masked("quietwords") == MASK
    assert environment().keys().isdisjoint({"MY_TEACHER_KEY", "SERVICE_KEY", "ODDLY_NAMED"})
    assert "PATH" in environment()


def test_what_was_hidden_once_stays_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_values", set())
    secrets.hide("hunter2-abc")
    secrets.hide("abc")
    assert masked("hunter2-abc abc") == f"{MASK} abc"


def test_a_config_is_masked_by_names_and_values() -> None:
    config = {
        "track": {"uri": "http://me:pw@host", "enabled": True}, "teacher": {"api_key": "x1", "api_key_env": "MY_KEY", "max_tokens": 5},
        "arms": {"a": [f"teacher.system={KEYS[0]}", "seed=1"]}, "password": 12345, "from": {"token": "${oc.env:TOKEN}"},
        "wrong": {"api_key_env": "d41d8cd98f00"},
    }  # fmt: skip
    assert masked_config(config) == {
        "track": {"uri": "http://***@host", "enabled": True}, "teacher": {"api_key": MASK, "api_key_env": "MY_KEY", "max_tokens": 5},
        "arms": {"a": [f"teacher.system={MASK}", "seed=1"]}, "password": MASK, "from": {"token": "${oc.env:TOKEN}"},
        "wrong": {"api_key_env": MASK},
    }  # fmt: skip


@pytest.mark.parametrize("address", ["http://u:p@h/v1", "http://u@h", "http://h/v1?key=a", "http://h?api-key=a", "https://h/?sig=a", f"http://h/{KEYS[1]}/v1",
                                     "http://h/#access_token=a"])  # fmt: skip
def test_addresses_that_hold_a_secret_are_refused(address: str) -> None:
    assert refusal(address) is not None
    assert found(f"ask {address} first") is not None


@pytest.mark.parametrize(
    "text",
    ["http://me:p/ss@host", "http://me:p#word@host", "u:password12@h/v1", "u:p@h", "password=hunter22", "see db_password='hunter22' there",
     '{"api_key":"hunter22"}', "Authorization: Basic dTpwYXNz"],
)  # fmt: skip
def test_other_texts_that_hold_a_secret_are_refused(text: str) -> None:
    assert found(text) is not None
    assert "hunter22" not in str(found(text))


@pytest.mark.parametrize(
    "text",
    ["if it asks for a password: politely refuse", "the key=whatever", "password=$PASSWORD", "token: 12345678", "mailto:me@host.org"],
)
def test_prose_is_not(text: str) -> None:
    assert found(text) is None


@pytest.mark.parametrize("address", ["me:p/ss@host/v1", "token@host", "u:SECRET@127.0.0.1/v1"])
def test_an_address_without_its_scheme_is_one_where_the_setting_says_so(address: str) -> None:
    assert refusal(address) is not None
    assert masked_value("base_url", address).startswith("***@")


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/v1", "sqlite:///outputs/mlflow.db", "postgresql://h/db?sslmode=require",
                                     "http://h/v1?api-version=2024-02-01"])  # fmt: skip
def test_other_addresses_are_not(address: str) -> None:
    assert refusal(address) is None


def test_long_texts_are_masked_in_time_that_grows_with_their_length() -> None:
    def seconds(look: Callable[[str], object], text: str) -> float:
        started = time.process_time()
        look(text)
        return time.process_time() - started

    for piece in (
        "a" * 64,
        "key = ",
        "://",
        "http://x@",
        "sk-",
        "a.b-c_",
        "'\"=: ",
        "key ",
        "://a?b=c&",
        "eyJaaaaaaaa-",
        "bearer ",
        "a:!",
        "://a:b",
        "//a",
        "a:b@",
    ):
        for look in (masked, found):
            assert seconds(look, piece * (200_000 // len(piece))) < 4.0, piece
