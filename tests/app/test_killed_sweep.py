"""kill -9 of a sweep: nothing that it has started goes on."""

import os
import signal
from pathlib import Path

import pytest

from tests.app.commands import TINY, start
from tests.app.teacher import CountingTeacher
from tests.waiting import alive, until


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


@pytest.mark.slow
def test_no_process_of_a_killed_sweep_goes_on(tmp_path: Path) -> None:
    with CountingTeacher(tmp_path, delay_ms=1000) as teacher:
        words = [*TINY, "source.count=200", "goal=verify", "seed=0", f"teacher.base_url={teacher.base_url}", "teacher.concurrency=1"]
        sweep = start(tmp_path, "-m", *words, "source.seed=1,2")

        def both_ask() -> bool:
            assert sweep.poll() is None, "the sweep ended before it could be killed"
            return len(list((tmp_path / "outputs").glob("artefacts/Distil/.*.part"))) == 2 and len(teacher.requests()) >= 2

        until(both_ask)
        tree = _tree(sweep.pid)
        assert len(tree) >= 2
        sweep.kill()
        sweep.wait()
        try:
            until(lambda: not any(map(alive, tree)))
        finally:
            for pid in filter(alive, tree):
                os.kill(pid, signal.SIGKILL)
            sweep.communicate()
