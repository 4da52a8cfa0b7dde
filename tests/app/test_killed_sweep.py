"""kill -9 of a sweep: nothing that it has started goes on."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.app.commands import TINY, start
from tests.app.teacher import CountingTeacher


def _tree(pid: int) -> list[int]:
    """All processes below this one, zombies left out."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents.setdefault(int(parent), []).append(int(entry.parent.name))
    below = parents.get(pid, [])
    return below + [found for inner in below for found in _tree(inner)]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_no_process_of_a_killed_sweep_goes_on(tmp_path: Path) -> None:
    with CountingTeacher(tmp_path, delay_ms=1000) as teacher:
        words = [*TINY, "source.count=200", "goal=verify", "seed=0", f"teacher.base_url={teacher.base_url}", "teacher.concurrency=1"]
        sweep = start(tmp_path, "-m", *words, "source.seed=1,2")
        deadline = time.monotonic() + 120
        while len(list((tmp_path / "outputs").glob("artefacts/Distil/.*.part"))) < 2 or len(teacher.requests()) < 2:  # both cells ask
            assert sweep.poll() is None, "the sweep ended before it could be killed"
            assert time.monotonic() < deadline, "no cell asked in two minutes"
            time.sleep(0.1)
        tree = _tree(sweep.pid)
        assert len(tree) >= 2
        sweep.kill()
        sweep.wait()
        deadline = time.monotonic() + 20
        while (left := [pid for pid in tree if _alive(pid)]) and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        sweep.communicate()
        assert not left, "a process outlived its sweep"
