"""One model behind several addresses."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import slots
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.chat.teacher import Teacher
from o1exp.flow import SettingsError
from tests.chat.parts import Answers, Ask, Failing, quiet_store
from tests.chat.wire import Out, completion, wire


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.05)
    monkeypatch.setenv("OTHER_KEY", "sk-this-is-another-456")


def test_addresses_share_by_weight_each_with_its_key(tmp_path: Path) -> None:
    asked, keys = list[str](), set[str | None]()

    def answers(name: str) -> Any:
        def speak(body: dict[str, Any], out: Out) -> None:
            asked.append(name)
            if name == "other":
                keys.add(out.headers["Authorization"])
            out.whole(completion("text"))

        return speak

    store, said = quiet_store(tmp_path)
    with wire(answers("one")) as one, wire(answers("other")) as other:
        stage = Ask(teacher=Teacher(model="m", base_url=one, others=(f"{other} OTHER_KEY 3",), concurrency=8), count=80)
        store.get(stage)
    came, manifest = Counter(asked), store.manifest(stage)
    assert manifest is not None
    assert manifest.facts["addresses"] == {one: came["one"], other: came["other"]}
    assert came["one"] + came["other"] == 80
    assert came["other"] > came["one"] > 0
    assert keys == {"Bearer sk-this-is-another-456"}
    assert "warning" not in said.getvalue()


@pytest.mark.parametrize("status", [429, 503, 401], ids=["busy", "away", "a wrong key"])
def test_one_that_is_ill_is_left_alone_and_the_others_answer(tmp_path: Path, status: int) -> None:
    ill, well = Failing(Refusal(status, "no"), bad=999), Answers()
    store, _ = quiet_store(tmp_path)
    with Loopback(ill) as one, Loopback(well) as other:
        table = list(store.get(Ask(teacher=Teacher(model="m", base_url=one.base_url, others=(other.base_url,), retries=0), count=20)))
    assert all(row.response.startswith("answer to") for row in table)
    assert len(well.asked) == 20
    assert 0 < sum(ill.asked.values()) < 20


def test_what_one_of_them_refuses_for_its_content_is_not_asked_elsewhere(tmp_path: Path) -> None:
    well = Answers()
    store, _ = quiet_store(tmp_path)

    def refusing(body: dict[str, Any]) -> Reply:
        raise Refusal(400, "maximum context length")

    with Loopback(refusing) as one, Loopback(well) as other:
        teacher = Teacher(model="m", base_url=one.base_url, others=(f"{other.base_url} 0.001",), max_failed=1.0)
        store.get(Ask(teacher=teacher, count=3))
    assert not well.asked


@pytest.mark.parametrize(
    "other", ["", "ftp://x/v1", "http://127.0.0.1:9/v1 a b c", "http://127.0.0.1:9/v1 sk-123", "http://127.0.0.1:9/v1 0"]
)
def test_what_is_no_address_is_refused(other: str) -> None:
    with pytest.raises(SettingsError, match="write URL, and if need be"):
        Teacher(model="m", others=(other,))
