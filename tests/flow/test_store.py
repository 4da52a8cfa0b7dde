import json
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import Manifest, Stage, StageFailed, Store, modules, source
from o1exp.flow.progress import Console
from tests.flow.stages import Broken, Head, Long, Meeting, Merge, Numbers, Page, Peeking, Signalled, Slow
from tests.waiting import LONG, until


def _calls(root: Path) -> list[str]:
    log = root / "calls.log"
    return log.read_text().splitlines() if log.exists() else []


def _program(root: Path, stage: str) -> str:
    """A Python program that makes a stage in the store at `root`."""
    return (
        f"from pathlib import Path\nfrom o1exp.flow import Store\nfrom tests.flow.stages import *\nStore(Path({str(root)!r})).get({stage})"
    )


def test_a_stage_is_made_once_and_then_reused(tmp_path: Path) -> None:
    goal = Head(problems=Numbers())
    assert [p.answer for p in Store(tmp_path).get(goal)] == ["0", "1"]
    again = Store(tmp_path)
    again.get(Head(problems=Numbers(), keep=1))
    assert _calls(tmp_path) == ["Numbers 3"]
    assert [(done.stage.kind, done.made) for done in again.done] == [("Numbers", False), ("Head", True)]


def test_a_finished_goal_needs_nothing_below_it(tmp_path: Path) -> None:
    goal = Head(problems=Numbers())
    Store(tmp_path).get(goal)
    for path in Store(tmp_path).folder(goal.problems).iterdir():
        path.unlink()
    assert Store(tmp_path).missing([goal]) == []


def test_no_source_is_parsed_in_the_threads_of_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPython 3.11 raises "AST constructor recursion depth mismatch" where two threads parse at once."""
    parsed: list[threading.Thread] = []
    plain = modules.read

    def noting(text: str, module: str) -> modules.ModuleFacts:
        parsed.append(threading.current_thread())
        return plain(text, module)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # nothing was read before
    monkeypatch.setattr(modules, "read", noting)
    modules.files.cache_clear()
    source.source_digest.cache_clear()
    try:
        Store(tmp_path).make([Head(problems=Numbers()), Merge(parts={"a": Numbers(count=2)})], jobs=2)
    finally:
        modules.files.cache_clear()
    assert set(parsed) == {threading.main_thread()}


@pytest.mark.parametrize("manifest_only", [False, True])
def test_a_stage_that_opens_what_is_no_input_is_a_bug(tmp_path: Path, manifest_only: bool) -> None:
    with pytest.raises(StageFailed, match=r"AssertionError: Peeking opens Numbers [0-9a-f]{24}, which is none of its inputs"):
        Store(tmp_path).get(Peeking(head=Head(problems=Numbers()), manifest_only=manifest_only))


def test_the_manifest_says_what_was_made(tmp_path: Path) -> None:
    store, goal = Store(tmp_path), Head(problems=Numbers())
    store.get(goal)
    manifest = store.manifest(goal)
    assert manifest is not None
    assert manifest.settings == {"keep": 2}
    assert manifest.inputs == {"problems": f"Numbers/{goal.problems.key}"}
    assert manifest.facts == {"rows": 2}
    assert set(manifest.files) == {"rows.parquet"}


def test_the_same_stage_gives_the_same_digest_and_volatile_files_do_not_count(tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        store = Store(tmp_path / name)
        for stage in (Head(problems=Numbers()), Page()):
            store.get(stage)
            manifest = store.manifest(stage)
            assert manifest is not None
            digests.append(manifest.digest)
    assert digests[:2] == digests[2:]


def test_a_failed_stage_leaves_no_artefact_and_names_itself(tmp_path: Path) -> None:
    broken = Broken(problems=Numbers())
    store = Store(tmp_path)
    with pytest.raises(StageFailed, match=rf"Broken {broken.key}: OSError: the disk is full"):
        store.get(broken)
    assert not store.has(broken)
    assert store.has(broken.problems)
    assert (tmp_path / "scratch" / f"Broken-{broken.key}" / "half.txt").read_text() == "kept"


def test_a_failure_is_told_in_full_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first is what the run ends with, and the others are told when they happen."""
    parts: dict[str, Stage[Any]] = {str(n): Broken(problems=Numbers(count=n)) for n in (3, 4)}
    with pytest.raises(StageFailed) as ended:
        Store(tmp_path).get(Merge(parts=parts))
    said = capsys.readouterr().out
    assert said.count("failed Broken ") == 2
    assert str(ended.value) not in said
    assert (said + str(ended.value)).count("OSError: the disk is full") == 2


def test_a_failure_stops_only_what_needs_it(tmp_path: Path) -> None:
    fine = Head(problems=Numbers(count=9))
    both = Merge(parts={"bad": Broken(problems=Numbers()), "fine": fine})
    store = Store(tmp_path)
    with pytest.raises(StageFailed):
        store.get(both, jobs=1)
    assert store.has(fine)
    assert not store.has(both)


@pytest.mark.parametrize("jobs", [1, 3])
def test_independent_stages_run_side_by_side(tmp_path: Path, jobs: int) -> None:
    parts: dict[str, Stage] = {str(n): Meeting(number=n, guests=jobs) for n in range(3)}  # type: ignore[type-arg]
    Store(tmp_path).get(Merge(parts=parts), jobs=jobs)
    noted = [line.split()[0] for line in (tmp_path / "meeting.log").read_text().splitlines()]
    assert noted == (["begins", "ends"] * 3 if jobs == 1 else ["begins"] * 3 + ["ends"] * 3)


def test_the_most_urgent_of_what_can_be_made_comes_first(tmp_path: Path) -> None:
    parts: dict[str, Stage[Any]] = {str(count): Numbers(count=count) for count in (1, 2, 3, 4)}
    urgency = {parts["1"].key: 1.0, parts["2"].key: 3.0, parts["4"].key: 2.0}
    Store(tmp_path).make([Merge(parts=parts)], jobs=1, urgency=urgency)
    assert _calls(tmp_path) == ["Numbers 2", "Numbers 4", "Numbers 1", "Numbers 3"]


def test_what_other_processes_make_is_waited_for_beside_all_else(tmp_path: Path) -> None:
    """Two stages are made elsewhere; what stands on the second is made as soon as that one is there, though the first takes on."""
    first, second, other = (Numbers(count=count) for count in (1, 2, 3))
    goals: list[Stage[Any]] = [Head(problems=first), Head(problems=second), other]
    elsewhere, store = Store(tmp_path), Store(tmp_path)
    with ThreadPoolExecutor() as pool:
        with elsewhere._lock(first):
            with elsewhere._lock(second) as hold:
                making = pool.submit(store.make, goals, 1)
                until(lambda: store.has(other))
                assert not store.has(goals[1])
                elsewhere._reuse_or_make_alone(second, hold)
            until(lambda: store.has(goals[1]))
            assert not store.has(first)
        making.result(timeout=LONG)  # whoever was to make the first has not: it is made here
    assert sorted(_calls(tmp_path)) == ["Numbers 1", "Numbers 2", "Numbers 3"]


def test_what_another_process_has_left_takes_one_of_the_runs_own_jobs(tmp_path: Path) -> None:
    parts: dict[str, Stage[Any]] = {str(n): Long(number=n) for n in range(3)}
    elsewhere, store, console = Store(tmp_path), Store(tmp_path), Told()
    store.console = console
    with ThreadPoolExecutor() as pool:
        with ExitStack() as held:
            for part in parts.values():
                held.enter_context(elsewhere._lock(part))
            making = pool.submit(store.make, [Merge(parts=parts)], 1)
            until(lambda: sum("waiting" in line for line in console.told) == 3)
        making.result(timeout=LONG)
    assert [line.split()[0] for line in _calls(tmp_path)] == ["begins", "ends"] * 3


class Told(Console):
    """Keeps its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def line(self, text: str) -> None:
        self.told.append(text)


def test_a_killed_stage_is_made_anew(tmp_path: Path) -> None:
    program = _program(tmp_path, "Slow(victim=True)")
    killed = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert killed.returncode == -9
    store = Store(tmp_path)
    assert not store.has(Slow())
    assert len(store.get(Slow())) == 1
    assert [path.name for path in store.folder(Slow()).parent.iterdir()] == [Slow().key]
    assert _calls(tmp_path) == ["Slow", "Slow"]


def test_two_processes_do_the_work_once(tmp_path: Path) -> None:
    program = _program(tmp_path, "Slow(seconds=1)")
    both = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [process.wait(LONG) for process in both] == [0, 0]
    assert _calls(tmp_path) == ["Slow"]


def test_an_unfinished_folder_is_no_artefact(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.folder(Numbers())
    folder.mkdir(parents=True)
    (folder / "rows.parquet").write_text("half")
    assert Manifest.load(folder) is None
    assert len(store.get(Numbers())) == 3
    assert json.loads((folder / "manifest.json").read_text())["stage"] == "Numbers"


def test_what_another_process_is_making_is_waited_for_last(tmp_path: Path) -> None:
    held, free = Numbers(count=2), Numbers(count=4)
    theirs, ours = Store(tmp_path), Store(tmp_path)
    making = threading.Thread(target=ours.make, args=([Merge(parts={"held": held, "free": free})],))
    with theirs.holds.hold(f"{held.kind}-{held.key}", lambda: None):
        making.start()
        until(lambda: theirs.has(free))
        assert _calls(tmp_path) == ["Numbers 4"]  # with one job, and named after what is held
    making.join()
    assert _calls(tmp_path) == ["Numbers 4", "Numbers 2"]


def test_a_signal_that_another_thread_took_stops_the_making(tmp_path: Path) -> None:
    """Of several signals at once the system may hand all to a thread that is no help: only the main one runs Python's handlers."""
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        store = Store(tmp_path)
        stage = Signalled(sign=signal.SIGUSR1, seconds=20.0)
        with pytest.raises(KeyboardInterrupt):
            store.make([stage])
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not store.has(stage)
