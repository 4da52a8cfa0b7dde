"""`python -m o1exp.flow gc`: what it keeps, what it removes, and a run that begins at the same time."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.flow import Store
from o1exp.flow.__main__ import main
from o1exp.flow.garbage import collect
from o1exp.flow.stock import holds_of
from o1exp.flow.storage import Storage
from o1exp.flow.uses import USES, used
from o1exp.history.runs import RunRecord, run_folder, write
from tests.flow.stages import Broken, Head, Numbers

KEPT, OTHER = Head(problems=Numbers(count=4)), Head(problems=Numbers(count=5))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two goals that were made, the first by the run `first`, and what a failed stage left."""
    store = Store(tmp_path / "outputs")
    store.make([KEPT, OTHER])
    with pytest.raises(Exception, match="the disk is full"):
        store.make([Broken(problems=Numbers(count=6))])
    record(store, "first", KEPT)
    return store


def record(store: Store, name: str, goal: Head) -> None:
    write(RunRecord(folder=run_folder(store.root, name), root=store.root, title=name, arms={"run": f"Head/{goal.key}"}))


def test_a_dry_run_says_what_would_go_and_touches_nothing(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["gc", "--keep", "first", "--outputs", str(store.root), "--dry-run"]) == 0
    said = capsys.readouterr().out
    named = sorted(line.split()[-1] for line in said.splitlines()[:-1])
    broken = Broken(problems=Numbers(count=6))
    assert named == sorted(
        [
            f"artefacts/Head/{OTHER.key}", f"artefacts/Numbers/{OTHER.problems.key}", f"artefacts/Numbers/{broken.problems.key}",
            f"scratch/Broken-{broken.key}",
        ]
    )  # fmt: skip
    assert said.splitlines()[-1].startswith("4 folders, 0.0")
    assert "would be freed; 1 run keeps what it stands on" in said
    assert store.has(OTHER)


def test_what_no_kept_run_reaches_goes(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", "--keep", "first", "--outputs", str(store.root)]) == 0
    assert "4 folders" in capsys.readouterr().out
    assert store.has(KEPT)
    assert store.has(KEPT.problems)
    assert not store.has(OTHER)
    assert not (store.root / "garbage").exists()
    store.make([OTHER])
    assert store.has(OTHER)


def test_without_names_every_run_keeps_its_own(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    record(store, "second", OTHER)
    assert main(["gc", "--outputs", str(store.root)]) == 0
    assert "2 folders" in capsys.readouterr().out
    assert store.has(KEPT)
    assert store.has(OTHER)


def test_a_sweep_keeps_what_its_cells_made(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    record(store, "cell", OTHER)
    sweep = run_folder(store.root, "sweep")
    write(RunRecord(folder=sweep, root=store.root, title="sweep", arms={"a": f"Head/{KEPT.key}"}))
    (sweep / "cells" / "0").mkdir(parents=True)
    (sweep / "cells" / "0" / "cell.json").write_text(json.dumps({"overrides": [], "code": 0, "error": "", "run": "cell"}))
    assert main(["gc", "--keep", "sweep", "--outputs", str(store.root)]) == 0
    assert store.has(OTHER)


def test_a_name_of_no_run_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", "--keep", "frist", "--outputs", str(store.root)]) == 2
    assert "no run 'frist'" in capsys.readouterr().err
    assert store.has(OTHER)


def refused(store: Store, said: str, capsys: pytest.CaptureFixture[str], *words: str) -> None:
    assert main(["gc", "--outputs", str(store.root), *words]) == 2
    assert said in capsys.readouterr().err
    assert store.has(KEPT)
    assert store.has(OTHER)


def test_a_run_of_another_folder_keeps_nothing_here_and_is_refused(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Store(tmp_path / "theirs")
    record(other, "first", KEPT)
    refused(store, "theirs", capsys, "--keep", str(run_folder(other.root, "first")))


def test_a_record_that_cannot_be_read_is_told_before_its_run_loses_all(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    place = run_folder(store.root, "second") / "run.json"
    record(store, "second", OTHER)
    place.write_text('{"format": 99}')
    refused(store, "has format 99", capsys)


def test_a_folder_without_a_record_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (run_folder(store.root, "first") / "run.json").unlink()
    refused(store, "has a record", capsys)


def test_a_job_that_waits_in_the_queue_keeps_everything(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (store.root / "slurm").mkdir()
    (store.root / "slurm" / "train.json").write_text(json.dumps({"number": "7", "keys": ["not-made"]}))
    refused(store, "job 7 (train)", capsys)
    (store.root / "slurm" / "train.ended.json").write_text(json.dumps({"number": "6"}))
    refused(store, "job 7 (train)", capsys)
    (store.root / "slurm" / "train.ended.json").write_text(json.dumps({"number": "7"}))
    assert main(["gc", "--outputs", str(store.root)]) == 0


def test_locks_of_another_kind_than_those_of_a_living_run_are_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with used(store.root, holds_of(store.root, Storage(locks="heartbeat", patience=6)), [f"Head/{OTHER.key}"], lambda: None):
        refused(store, "give --locks heartbeat", capsys)


def test_a_note_that_was_written_half_stops_nothing(store: Store) -> None:
    place = store.root / USES / "uses-dead.json"
    place.write_text("[")
    assert main(["gc", "--outputs", str(store.root)]) == 0
    assert not place.exists()


def test_what_a_living_run_uses_stays(store: Store) -> None:
    with store.using([OTHER]):
        assert collect(store.root, store.holds, [f"Head/{KEPT.key}"], frozenset(), dry_run=False)
        assert store.has(OTHER)
        assert store.has(OTHER.problems)
    assert {one.path.parts[1] for one in collect(store.root, store.holds, [f"Head/{KEPT.key}"], frozenset(), dry_run=False)} == {
        "Head", "Numbers",
    }  # fmt: skip
    assert list((store.root / "locks" / "uses").iterdir()) == []


def test_what_is_under_way_stays(store: Store) -> None:
    """Also what a process makes that has said nothing of it, such as an older one."""
    with store.holds.hold(f"Head-{OTHER.key}", lambda: None):
        collect(store.root, store.holds, [], frozenset(), dry_run=False)
    assert store.has(OTHER)


RUNNING = """
import sys
from pathlib import Path
from o1exp.flow import Store
from tests.flow.stages import *
store = Store(Path(sys.argv[1]))
for count in range(15):
    goal = Head(problems=Numbers(count=4 + count % 3))
    with store.using([goal]):
        assert len(store.get(goal)) == 2
"""


def test_runs_that_begin_meanwhile_lose_nothing(store: Store) -> None:
    """Each of their goals is deleted again and again, and there whenever they open it."""
    runs = [subprocess.Popen([sys.executable, "-c", RUNNING, str(store.root)], stdout=subprocess.DEVNULL) for _ in range(2)]
    removed = 0
    while any(run.poll() is None for run in runs):
        removed += len(collect(store.root, store.holds, [], frozenset(), dry_run=False))
    assert [run.wait() for run in runs] == [0, 0]
    assert removed


COLLECTING = """
import sys
from pathlib import Path
from o1exp.flow.__main__ import main
for count in range(12):
    assert main(["gc", "--keep", "first", "--outputs", sys.argv[1]]) == 0
"""


@pytest.mark.slow
def test_several_that_remove_garbage_beside_runs_do_not_fail(store: Store) -> None:
    """Neither does a run, and what the kept one stands on stays."""
    collecting = [subprocess.Popen([sys.executable, "-c", COLLECTING, str(store.root)], stdout=subprocess.DEVNULL) for _ in range(3)]
    running = subprocess.Popen([sys.executable, "-c", RUNNING, str(store.root)], stdout=subprocess.DEVNULL)
    assert [one.wait() for one in (*collecting, running)] == [0, 0, 0, 0]
    assert store.has(KEPT)
    assert store.has(KEPT.problems)
    assert not (store.root / "garbage").exists()


def test_what_a_killed_one_left_half_deleted_goes(store: Store) -> None:
    left = store.root / "garbage" / "0123" / "0"
    left.mkdir(parents=True)
    (left / "rows.parquet").write_bytes(b"x")
    with store.holds.hold("garbage-4567", lambda: None):  # and what another one is deleting stays
        (store.root / "garbage" / "4567").mkdir()
        collect(store.root, store.holds, [], frozenset(), dry_run=False)
        assert [place.name for place in (store.root / "garbage").iterdir()] == ["4567"]
    collect(store.root, store.holds, [], frozenset(), dry_run=False)
    assert not (store.root / "garbage").exists()


def test_to_look_at_garbage_makes_no_file(store: Store) -> None:
    before = sorted(store.root.rglob("*.lock"))
    shutil.rmtree(store.root / "locks")
    collect(store.root, store.holds, [], frozenset(), dry_run=True)
    assert before
    assert [place.name for place in store.root.rglob("*.lock")] == ["garbage.lock"]


def test_a_sweep_holds_what_its_cells_will_reuse(store: Store) -> None:
    with store.using_paths([f"Head/{OTHER.key}"]):
        collect(store.root, store.holds, [], frozenset(), dry_run=False)
    assert store.has(OTHER)
    assert store.has(OTHER.problems)
    assert not store.has(KEPT)
