"""A hub that is away is found before its library asks it time and again; what was downloaded before is used then."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError

from o1exp.flow import hub as library
from o1exp.flow.hub import look_for_hub
from o1exp.published.regrade import tokenizer_counter
from tests import hub


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of a hub, and no user or machine has a say."""
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", *proxies):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(library, "_found", {})
    monkeypatch.setattr(library, "PAUSE", 0.0)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A port at which nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        yield


@pytest.mark.usefixtures("away")
def test_where_nobody_answers_the_library_is_kept_from_asking(tmp_path: Path) -> None:
    assert look_for_hub("some/model") == "127.0.0.1: Connection refused"
    assert constants.is_offline_mode()
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download("some/model", "config.json", cache_dir=tmp_path)


def test_a_hub_that_is_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://no-such-host.invalid")
    assert look_for_hub("some/model").startswith("no-such-host.invalid: ")
    assert constants.is_offline_mode()
    with hub.serving({"config.json": b"{}"}, "0" * 40) as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        assert look_for_hub("some/model") == ""
    assert not constants.is_offline_mode()
    assert look_for_hub("some/model") == "", "known for a minute"
    monkeypatch.setattr(library, "_found", {served.address: (time.monotonic() - library.KNOWN - 1, "")})
    assert look_for_hub("some/model") == "127.0.0.1: Connection refused"


@pytest.mark.usefixtures("away")
def test_who_needs_no_hub_or_has_a_say_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look_for_hub(str(tmp_path)) == look_for_hub("") == ""
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert look_for_hub("some/model") == ""
    monkeypatch.setattr(library, "_found", {})
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert look_for_hub("some/model") == ""
    assert not constants.is_offline_mode()


def test_a_network_that_takes_nothing_is_not_waited_for_longer_than_it_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PATIENCE", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address), socket.socket() as more:
            more.setblocking(False)
            more.connect_ex(address)  # the queue is full: the kernel answers no further one
            monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{address[1]}")
            assert look_for_hub("some/model") == "127.0.0.1: timed out"


@pytest.mark.usefixtures("away")
def test_a_tokenizer_that_cannot_be_had_is_a_sentence() -> None:
    says = r"--tokenizer no/such: it is no folder here .* the hub cannot be reached \(127.0.0.1: Connection refused\); give a folder"
    with pytest.raises(ValueError, match=says):
        tokenizer_counter("no/such")
