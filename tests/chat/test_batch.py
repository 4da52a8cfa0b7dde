"""The batch API: its price, errors by row, batches that expire, and runs that are killed while one is under way."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import batch, slots
from o1exp.chat.layout import NAME
from o1exp.flow import StageFailed
from tests.chat.batch_server import BatchServer, serving
from tests.chat.batched import study
from tests.chat.parts import quiet_store, rows
from tests.chat.wire import completion
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
WHOLE = 0.5 * (10 + 20) * 1000 / 1e6
"""USD of one answer, at half the price."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.02)


def question(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split()[1])


def answered(body: dict[str, Any]) -> dict[str, Any]:
    return {"response": {"status_code": 200, "body": completion(f"answer {question(body)}")}, "error": None}


def test_many_requests_go_in_one_batch_at_half_the_price(tmp_path: Path) -> None:
    server = BatchServer(lambda body, times: answered(body))
    store, _ = quiet_store(tmp_path)
    with serving(server) as address:
        table = list(store.get(study(address)))
    assert [row.response for row in table] == [f"answer {n}" for n in range(20)]
    assert len(server.batches) == 1
    assert rows(tmp_path / NAME, "SELECT round(usd, 6), lost_usd FROM totals") == [(round(20 * WHOLE, 6), 0.0)]
    assert not list((tmp_path / batch.FOLDER).iterdir()), "nothing is left to be fetched"


def test_errors_by_row_are_left_out_refused_or_sent_again(tmp_path: Path) -> None:
    def row(body: dict[str, Any], times: int) -> dict[str, Any] | None:
        n = question(body)
        if n == 0:
            return {"response": {"status_code": 400, "body": {"error": {"message": "maximum context length"}}}, "error": None}
        if n == 1:
            return {"response": {"status_code": 400, "body": {"error": {"message": "no", "code": "content_filter"}}}, "error": None}
        if n in range(2, 14) and times == 1:  # twelve that the window closed upon
            return None
        if n == 14 and times == 1:
            return {"response": {"status_code": 500, "body": {"error": {"message": "oops"}}}, "error": None}
        return answered(body)

    server = BatchServer(row)
    store, _ = quiet_store(tmp_path)
    with serving(server) as address:
        stage = study(address)
        table = list(store.get(stage))
    manifest = store.manifest(stage)
    assert manifest is not None
    assert (manifest.facts["failed"], manifest.facts["refused"]) == (1, 1)
    assert manifest.facts["incomplete"] == "1 of 20 requests failed and are left out (1 x 400 maximum context length)"
    assert [row.response for row in table[2:]] == [f"answer {n}" for n in range(2, 20)]
    assert [list(server.asked.values()).count(times) for times in (1, 2, 3)] == [7, 13, 0]


def test_a_batch_that_the_server_does_not_take_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    class Failed(BatchServer):
        def get(self, path: str) -> dict[str, Any] | bytes:
            found = super().get(path)
            errors = {"object": "list", "data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
            return found if isinstance(found, bytes) else {**found, "status": "failed", "output_file_id": None, "errors": errors}

    store, _ = quiet_store(tmp_path)
    with serving(Failed(lambda body, times: answered(body))) as address, pytest.raises(StageFailed, match="Enqueued token limit"):
        store.get(study(address))


@pytest.mark.parametrize("noted", [True, False], ids=["after", "before its name was noted"])
def test_after_a_kill_the_batch_is_fetched_and_nothing_is_paid_twice(tmp_path: Path, noted: bool) -> None:
    server = BatchServer(lambda body, times: answered(body))
    server.open.clear()
    root = tmp_path / "outputs"
    with serving(server) as address:
        process = subprocess.Popen([sys.executable, "-m", "tests.chat.batched", str(root), address], cwd=ROOT)

        def submitted() -> bool:
            assert process.poll() is None
            return '"id": "batch_' in "".join(path.read_text() for path in (root / batch.FOLDER).glob("*.json"))

        until(submitted)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if not noted:
            place = next((root / batch.FOLDER).glob("*.json"))
            place.write_text(place.read_text().replace('"id": "batch_0"', '"id": ""'))
        server.open.set()
        store, _ = quiet_store(root)
        table = list(store.get(study(address)))
    assert [row.response for row in table] == [f"answer {n}" for n in range(20)]
    assert (len(server.batches), set(server.asked.values())) == (1, {1})
    assert rows(root / NAME, "SELECT round(usd, 6), round(lost_usd, 6) FROM totals") == [(round(20 * WHOLE, 6), 0.0)]
