"""Children: what they say, and when they end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest

from o1exp.flow import Stage, StageFailed, Stopped, Store
from o1exp.flow.process import Process, child_environment, die_with, report
from tests.flow.stages import Child
from tests.waiting import alive, until

RANKS = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "tests.flow.ranks"]
SAYING = "from o1exp.flow.process import die_with_parent, report\ndie_with_parent()\n"


def pids(folder: Path) -> list[int]:
    """The processes that have left their number in the folder."""
    return [int(path.name) for path in folder.iterdir()]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where children leave their numbers; none is left alive, whatever the test finds."""
    place = tmp_path / "pids"
    place.mkdir()
    yield place
    for pid in pids(place):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def made(root: Path, stage: Stage) -> list[dict[str, object]]:  # type: ignore[type-arg]
    store = Store(root)
    store.get(stage)
    rows: list[dict[str, object]] = json.loads((store.folder(stage) / "rows.json").read_text())
    return rows


NOISE = """
import os, sys
for out in (1, 2):
    os.write(out, b'{broken\\n{"step": 1}\\n[1]\\n\\xff\\xfe\\n')
    for _ in range(64):
        os.write(out, b"x" * 65535 + b"\\n")
"""


def test_what_libraries_print_is_no_row_and_blocks_nothing(tmp_path: Path) -> None:
    program = f"{SAYING}{NOISE}report({{'step': 2, 'text': '\\u2028 \\ud83d'}})\n{NOISE}report({{'step': 3}})"
    assert made(tmp_path, Child(program=program)) == [{"step": 2, "text": "\u2028 \ud83d"}, {"step": 3}]


def test_torn_and_undecodable_rows_are_left_out(tmp_path: Path) -> None:
    torn = b"{\xff\n[1]\n" + b"[" * 9999 + b'\n{"text": "\xff"}\n{"st'
    program = f"import os\nopen(os.environ['O1EXP_PROGRESS'], 'ab').write({torn!r})"
    assert made(tmp_path, Child(program=program)) == [{"text": "\ufffd"}]


def test_rows_of_an_earlier_life_are_not_read_again(tmp_path: Path) -> None:
    program = f"{SAYING}report({{'life': 1}})\nimport sys\nsys.exit(3)"
    with pytest.raises(StageFailed, match="code 3"):
        Store(tmp_path).get(Child(program=program))
    (rows,) = tmp_path.glob("scratch/*/output.rows")
    process = Process([sys.executable, "-c", "pass"], rows.with_suffix(".log"), child_environment(1))
    until(lambda: process.poll() == 0)
    assert list(process.rows()) == []


def test_a_report_to_a_full_disk_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O1EXP_PROGRESS", "/dev/full")
    report({"step": 1})


def test_a_failed_child_shows_its_own_traceback_last(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="ZeroDivisionError"):
        Store(tmp_path).get(Child(program="print('many words\\n' * 60)\n1 / 0"))


def test_child_cpu_time_counts(tmp_path: Path) -> None:
    store, stage = Store(tmp_path), Child(program="import time\nwhile time.process_time() < 0.3:\n    pass")
    store.get(stage)
    manifest = store.manifest(stage)
    assert manifest is not None
    assert manifest.cpu_seconds > 0.25


def test_a_child_imports_what_its_parent_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the folder it starts in nor an older path stands before it."""
    for name in ("here", "there"):
        (tmp_path / name / "o1exp").mkdir(parents=True)
        (tmp_path / name / "o1exp" / "__init__.py").write_text("raise ImportError('another copy')")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "there"))
    program = [sys.executable, "-m", "o1exp.flow.process"]
    assert subprocess.run(program, env=child_environment(1), check=False).returncode == 0


def test_a_stopped_run_ends_soon_and_its_ranks_with_it(tmp_path: Path, folder: Path) -> None:
    store = Store(tmp_path)
    command = [*RANKS, str(folder)]
    program = f"import os\nos.execv({command[0]!r}, {command!r})"

    def stop() -> None:
        until(lambda: len(pids(folder)) == 2)
        store.stopping.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(Stopped):
        store.get(Child(program=program))
    stopper.join()
    until(lambda: not any(map(alive, pids(folder))))


def test_ranks_end_where_their_launcher_is_killed(tmp_path: Path, folder: Path) -> None:
    process = Process([*RANKS, str(folder)], tmp_path / "output.log", child_environment(1))
    until(lambda: len(pids(folder)) == 2)
    assert len(list(process.rows())) == 2
    os.kill(process._child.pid, signal.SIGKILL)
    until(lambda: process.poll() is not None)
    process.end()
    until(lambda: not any(map(alive, pids(folder))))


RUN = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from o1exp.flow.process import Process, child_environment
folder, command = Path(sys.argv[1]), sys.argv[2:]
with ThreadPoolExecutor() as pool:
    process = pool.submit(Process, [*command, str(folder)], folder.parent / "output.log", child_environment(1)).result()
(folder.parent / "thread_ended").touch()
time.sleep(600)
"""


WATCHED = [*RANKS[:2], "o1exp.flow.watched", *RANKS[-1:]]


@pytest.mark.parametrize("command", [RANKS[:2] + RANKS[-1:], WATCHED, RANKS], ids=["child", "watched", "ranks of torchrun"])
def test_a_killed_run_ends_its_children_and_an_ended_thread_does_not(command: list[str], tmp_path: Path, folder: Path) -> None:
    run = subprocess.Popen([sys.executable, "-c", RUN, str(folder), *command], env=child_environment(1))
    try:
        until(lambda: len(pids(folder)) == (1 if command != RANKS else 2) and (tmp_path / "thread_ended").exists())
        time.sleep(1.0)  # the thread that started them is gone, and they are not
        assert all(map(alive, pids(folder)))
    finally:
        run.kill()
        run.wait()
    until(lambda: not any(map(alive, pids(folder))))


def test_a_run_that_is_gone_before_its_child_has_begun(tmp_path: Path, folder: Path) -> None:
    program = f"import time\nfrom pathlib import Path\ntime.sleep(1)\n{SAYING}time.sleep(60)\nPath({str(folder / '1')!r}).touch()"
    process = Process([sys.executable, "-c", program], tmp_path / "output.log", child_environment(1))
    assert process._child.stdin is not None
    process._child.stdin.close()
    until(lambda: process.poll() is not None)
    assert process.poll() == -signal.SIGKILL
    assert not pids(folder)


WAITING = """
import sys, time
from pathlib import Path
(Path(sys.argv[1]) / str(__import__("os").getpid())).touch()
time.sleep(600)
"""


def test_a_launcher_that_waits_for_others_ends_too(tmp_path: Path, folder: Path) -> None:
    """It has no lifeline of its own to watch; another module stands before it, and what it starts has the lifeline too."""
    (tmp_path / "waiting.py").write_text(WAITING)
    env = child_environment(1)
    env["PYTHONPATH"] += os.pathsep + str(tmp_path)
    process = Process([sys.executable, "-m", "o1exp.flow.watched", "waiting", str(folder)], tmp_path / "output.log", env)
    until(lambda: len(pids(folder)) == 1)
    assert process._child.stdin is not None
    process._child.stdin.close()
    until(lambda: process.poll() is not None)


def test_a_child_started_by_hand_is_left_alone() -> None:
    done = subprocess.run([sys.executable, "-c", SAYING + "import time; time.sleep(0.3); print('well')"], env=child_environment(1),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.stdout == "well\n"


def test_a_question_of_a_library_gets_no_answer(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="EOFError"):
        Store(tmp_path).get(Child(program=f"{SAYING}input('remote code? [y/N]')"))


POOL = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from o1exp.flow.process import die_with
from tests.flow.test_process import leave_pid
with ProcessPoolExecutor(2, get_context("spawn"), initializer=die_with, initargs=(os.getpid(),)) as pool:
    list(pool.map(leave_pid, [sys.argv[1]] * 2))
"""


def leave_pid(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600)


def test_a_pool_ends_with_its_owner(folder: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", POOL, str(folder)], env=child_environment(1))
    try:
        until(lambda: len(pids(folder)) == 2)
        time.sleep(1.0)
        assert all(map(alive, pids(folder)))
    finally:
        owner.kill()
        owner.wait()
    until(lambda: not any(map(alive, pids(folder))))


def test_a_pool_whose_owner_is_gone_ends_at_once() -> None:
    pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=die_with, initargs=(1,))
    with pool, pytest.raises(BrokenProcessPool):
        pool.submit(time.sleep, 5).result()
