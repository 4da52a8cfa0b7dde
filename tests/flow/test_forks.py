"""Workers that are forked from a process with everything loaded."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from o1exp.flow import forks
from tests.conftest import ROOT
from tests.waiting import LONG, alive, until

HELD = "from o1exp.flow import forks; import os, sys, subprocess\nwith forks.warm(['tests.flow.stages'], dict(os.environ)):\n    "


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server of our own, whether or not the suite has one."""
    monkeypatch.delenv(forks.ADDRESS, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with forks.warm(["tests.flow.stages"], dict(os.environ)):
        yield


def asked(*words: str, **files: object) -> "subprocess.CompletedProcess[str]":
    command = forks.through([sys.executable, "-m", "tests.flow.worker", *words])
    return subprocess.run(command, capture_output=True, text=True, timeout=LONG, **files)  # type: ignore[call-overload, no-any-return]


@pytest.mark.usefixtures("server")
def test_a_worker_has_the_words_streams_files_folder_and_environment_of_its_stand_in(tmp_path: Path) -> None:
    read, write = os.pipe()
    done = asked("tell", "a b", "ü", cwd=tmp_path, pass_fds=[write], env={**os.environ, "GREETING": "hello", "EXTRA": str(write)})
    os.close(write)
    told = json.loads(done.stdout)
    assert told["words"] == ["tell", "a b", "ü"]
    assert (told["cwd"], told["env"], told["loaded"]) == (str(tmp_path), "hello", True)
    assert done.stderr == "to stderr\n"
    assert os.read(read, 100) == b"to a file of its own\n"
    os.close(read)


@pytest.mark.usefixtures("server")
def test_the_way_it_ends_is_that_of_its_stand_in() -> None:
    assert asked("leave", "0").returncode == 0
    assert asked("leave", "3").returncode == 3
    failed = asked("fail")
    assert failed.returncode == 1
    assert "ArithmeticError: cannot count any more" in failed.stderr
    assert asked("die").returncode == -signal.SIGKILL


@pytest.mark.usefixtures("server")
def test_its_cpu_seconds_are_told(tmp_path: Path) -> None:
    place = tmp_path / "seconds"
    asked("count", env={**os.environ, forks.CPU_SECONDS: str(place)})
    assert float(place.read_text()) > 0.15


@pytest.mark.usefixtures("server")
def test_a_stand_in_that_is_killed_takes_its_worker_along(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    stand_in = subprocess.Popen(forks.through([sys.executable, "-m", "tests.flow.worker", "stay", str(place)]))
    until(lambda: place.exists() and bool(place.read_text()))
    pid = int(place.read_text())
    assert alive(pid)
    stand_in.kill()
    stand_in.wait()
    until(lambda: not alive(pid))


def test_a_run_that_is_killed_takes_server_and_workers_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(forks.ADDRESS, raising=False)
    place = tmp_path / "pid"
    words = [sys.executable, "-m", "tests.flow.worker", "stay", str(place)]
    code = HELD + f"subprocess.run(forks.through({words}))"
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE)
    until(lambda: place.exists() and bool(place.read_text()))
    worker = int(place.read_text())
    server = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    run.kill()
    run.wait()
    until(lambda: not alive(worker) and not alive(server))
    assert run.stdout is not None
    run.stdout.close()


def test_without_a_server_it_is_an_ordinary_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(forks.ADDRESS, raising=False)
    command = [sys.executable, "-m", "tests.flow.worker"]
    assert forks.through(command) == command
    monkeypatch.setenv(forks.ADDRESS, str(tmp_path / "nobody"))
    assert forks.through(command) != command
    assert asked("leave", "5", cwd=ROOT).returncode == 5


def test_what_starts_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(forks.ADDRESS, raising=False)
    (tmp_path / "busy.py").write_text("import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{tmp_path}")
    with forks.warm(["busy"], dict(os.environ)):
        assert asked("leave", "4").returncode == 4


def test_what_a_killed_process_left_is_removed_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv(forks.ADDRESS, raising=False)
    code = HELD + "print('up', flush=True); sys.stdin.read()"
    ones = [subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for one in ones:
            assert one.stdout is not None
            assert one.stdout.readline() == b"up\n"
        assert len(list(tmp_path.iterdir())) == 2
        ones[0].kill()
        ones[0].wait()
        with forks.own_folder() as own:
            left = set(tmp_path.iterdir())
            assert own in left
            assert len(left) == 2, "the one that lives keeps its own"
    finally:
        for one in ones:
            one.kill()
            one.wait()
            for pipe in (one.stdin, one.stdout):
                assert pipe is not None
                pipe.close()
