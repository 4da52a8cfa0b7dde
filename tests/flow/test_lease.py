"""GPUs among stages, threads and processes: never the same twice, first come, first served, and free once their holder is gone."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console as Terminal

from o1exp.flow import Console, Stage, StageFailed, Stopped, Store
from o1exp.flow.gpus import Gpu
from o1exp.flow.lease import GpuQueue
from o1exp.flow.process import child_environment
from tests.flow.stages import Computing
from tests.waiting import LONG, alive, until

FOUR = tuple(Gpu(f"GPU-{letter}", str(index), "NVIDIA H100 80GB HBM3") for index, letter in enumerate("abcd"))
RUN = """
import sys
from pathlib import Path
from o1exp.flow import Store
from o1exp.flow.lease import GpuQueue
from tests.flow.stages import Computing
from tests.flow.test_lease import FOUR
root, folder, seen, name, count, deaf = sys.argv[1:]
queue = GpuQueue(tuple(FOUR[int(index)] for index in seen), Path(folder))
Store(Path(root), queue=queue).make([Computing(name=name, count=int(count), deaf=deaf == "deaf")])
"""


@dataclass
class Machine:
    """A machine of four GPUs, and the runs on it: each a process with an outputs folder of its own."""

    folder: Path
    runs: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)

    @property
    def queue(self) -> Path:
        return self.folder / "queue"

    def start(self, name: str, count: int, seen: str = "0123", deaf: str = "") -> None:
        (self.folder / name).mkdir()
        words = [str(self.folder / name), str(self.queue), seen, name, str(count), deaf]
        self.runs[name] = subprocess.Popen([sys.executable, "-c", RUN, *words], env=child_environment(1), stdout=subprocess.PIPE, text=True)

    def rows(self, name: str) -> list[list[str]]:
        log = self.folder / name / "gpus.log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def begun(self, name: str) -> list[str]:
        """The GPUs that the run sees; none before it has begun."""
        return self.rows(name)[0][2].split(",") if self.rows(name) else []

    def waits(self, name: str) -> bool:
        """Is it in the queue?"""
        return any(f"process {self.runs[name].pid} " in ticket for ticket in self._tickets())

    def _tickets(self) -> Iterator[str]:
        for path in self.queue.glob("*.ticket"):
            with suppress(FileNotFoundError):  # whoever has got its GPUs takes its ticket away
                yield path.read_text()

    def go(self, name: str) -> str:
        """Let it end well. Returns what it said."""
        (self.folder / name / f"go-{name}").touch()
        said, _ = self.runs[name].communicate(timeout=LONG)
        assert self.runs[name].returncode == 0, said
        return said

    def end(self) -> None:
        for name, run in self.runs.items():
            run.kill()
            run.wait()
            for pid in {int(row[3]) for row in self.rows(name)}:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.end()


def test_stages_side_by_side_see_different_gpus(tmp_path: Path) -> None:
    stages: list[Stage] = [Computing(name=name, count=count) for name, count in {"one": 1, "two": 2, "other": 1}.items()]  # type: ignore[type-arg]
    store, log = Store(tmp_path, queue=GpuQueue(FOUR, tmp_path / "queue")), tmp_path / "gpus.log"
    making = threading.Thread(target=store.make, args=(stages, 3))
    making.start()
    until(lambda: log.exists() and log.read_text().count("begins") == 3)
    for name in ("one", "two", "other"):
        (tmp_path / f"go-{name}").touch()
    making.join()
    seen = {line.split()[1]: line.split()[2].split(",") for line in log.read_text().splitlines()}
    assert {name: len(names) for name, names in seen.items()} == {"one": 1, "two": 2, "other": 1}
    manifests = [store.manifest(stage) for stage in stages]
    assert [manifest and manifest.made_by["gpu"] for manifest in manifests] == ["NVIDIA H100 80GB HBM3"] * 3
    assert sorted(name for names in seen.values() for name in names) == ["0", "1", "2", "3"]


def test_a_stage_without_gpus_keeps_what_the_user_has_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    (tmp_path / "go-none").touch()
    store, stage = Store(tmp_path, queue=GpuQueue(FOUR, tmp_path / "queue")), Computing(name="none", count=0)
    store.make([stage])
    assert (tmp_path / "gpus.log").read_text().split()[:3] == ["begins", "none", "7"]
    manifest = store.manifest(stage)
    assert manifest is not None
    assert "gpu" not in manifest.made_by
    assert not (tmp_path / "queue").exists()


def test_runs_side_by_side_get_different_gpus_and_the_last_waits(machine: Machine) -> None:
    for name in ("first", "second"):
        machine.start(name, 2)
    until(lambda: bool(machine.begun("first") and machine.begun("second")))
    machine.start("third", 1)
    until(lambda: machine.waits("third"))
    assert sorted(machine.begun("first") + machine.begun("second")) == ["0", "1", "2", "3"]
    assert not machine.begun("third")
    machine.go("second")
    until(lambda: bool(machine.begun("third")))
    assert set(machine.begun("third")) < set(machine.begun("second"))
    said = machine.go("third")
    assert f"waiting Computing {Computing(name='third').key[:8]}: for 1 of 4 GPUs; GPU 0 is held by process" in said
    assert f"process {machine.runs['first'].pid} (Computing {Computing(name='first').key[:8]})" in said


def test_a_run_that_wants_all_gets_its_turn(machine: Machine) -> None:
    machine.start("first", 1)
    until(lambda: bool(machine.begun("first")))
    machine.start("all", 4)
    until(lambda: machine.waits("all"))
    machine.start("late", 1)
    until(lambda: machine.waits("late"))
    machine.go("first")
    until(lambda: bool(machine.begun("all")))
    assert machine.begun("all") == ["0", "1", "2", "3"]
    assert not machine.begun("late")
    machine.go("all")
    assert f"process {machine.runs['all'].pid} (Computing {Computing(name='all').key[:8]}) waits for 4 already" in machine.go("late")


def test_many_that_want_different_numbers_all_get_their_turn(machine: Machine) -> None:
    """Taken one by one, the GPUs of two halves would each wait for the other for ever."""
    names = {f"run{number}": 2 + number % 3 for number in range(6)}
    for name, count in names.items():
        machine.start(name, count)
    done: set[str] = set()
    while len(done) < len(names):
        until(lambda: any(machine.begun(name) for name in names.keys() - done))
        now = [name for name in names.keys() - done if machine.begun(name)]
        shown = [gpu for name in now for gpu in machine.begun(name)]
        assert len(set(shown)) == len(shown)
        machine.go(now[0])
        done.add(now[0])


def test_kill_9_frees_what_was_held_and_what_was_waited_for(machine: Machine) -> None:
    machine.start("first", 3)
    until(lambda: bool(machine.begun("first")))
    machine.start("second", 4)
    until(lambda: machine.waits("second"))
    machine.start("third", 4)
    until(lambda: machine.waits("third"))
    for name in ("second", "first"):
        machine.runs[name].kill()
        machine.runs[name].wait()
    until(lambda: bool(machine.begun("third")))
    until(lambda: not alive(int(machine.rows("first")[0][3])))
    assert not machine.begun("second")


def test_a_gpu_is_not_free_while_a_worker_of_a_killed_run_still_computes(machine: Machine) -> None:
    machine.start("first", 4, deaf="deaf")
    until(lambda: bool(machine.begun("first")))
    machine.runs["first"].kill()
    machine.runs["first"].wait()
    machine.start("second", 4)
    until(lambda: machine.waits("second"))
    worker = int(machine.rows("first")[0][3])
    assert alive(worker)
    assert not machine.begun("second")
    os.kill(worker, signal.SIGKILL)
    until(lambda: bool(machine.begun("second")))


def test_runs_that_may_use_different_gpus_do_not_wait_for_one_another(machine: Machine) -> None:
    machine.start("first", 2, seen="01")
    until(lambda: bool(machine.begun("first")))
    machine.start("behind", 1, seen="01")
    until(lambda: machine.waits("behind"))
    machine.start("elsewhere", 1, seen="123")
    until(lambda: bool(machine.begun("elsewhere")))
    assert machine.begun("elsewhere") == ["2"]
    assert not machine.begun("behind")


def test_an_interrupted_run_waits_no_longer(tmp_path: Path) -> None:
    with GpuQueue(FOUR, tmp_path / "queue").lease(4, "someone", lambda why: None):
        store = Store(tmp_path, Console(Terminal(quiet=True)), queue=GpuQueue(FOUR, tmp_path / "queue"))

        def stop() -> None:
            until(lambda: any((tmp_path / "queue").glob("*.ticket")))
            store.stopping.set()

        stopper = threading.Thread(target=stop)
        stopper.start()
        with pytest.raises(Stopped):
            store.make([Computing(name="one")])
        stopper.join()
    assert not list((tmp_path / "queue").glob("*.ticket"))


def test_more_than_there_are_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="it takes 5 GPUs, but this machine has"):
        Store(tmp_path, queue=GpuQueue(FOUR, tmp_path / "queue")).make([Computing(name="one", count=5)])


def test_a_folder_of_someone_else_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "queue").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="should be a folder of yours"), GpuQueue(FOUR, tmp_path / "queue").lease(1, "", print):
        pass
