"""The UI over a real database."""

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from o1exp.track.__main__ import main
from tests.finished import Finished
from tests.servers import free_port
from tests.waiting import LONG, until


def test_without_a_database_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--outputs", str(tmp_path)]) == 2
    assert "nothing was logged yet" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_saved_view_and_ends_with_all_its_workers(finished: Finished, ended_by: signal.Signals, tmp_path: Path) -> None:
    outputs = finished.copy(tmp_path).root
    port = free_port()
    command = [sys.executable, "-m", "o1exp.track", "--outputs", str(outputs), "--port", str(port)]
    ui = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert ui.stdout is not None
    try:
        line = ui.stdout.readline()
        assert f"http://127.0.0.1:{port}/#/experiments/" in line
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LONG) as page:
            assert page.status == 200
    finally:
        ui.send_signal(ended_by)
        ui.stdout.close()
        assert ui.wait(timeout=LONG) == 0
    until(lambda: nobody_listens(port))


def nobody_listens(port: int) -> bool:
    with socket.socket() as freed:
        return freed.connect_ex(("127.0.0.1", port)) != 0
