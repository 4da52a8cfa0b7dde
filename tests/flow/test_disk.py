"""A full disk and a read-only one, both real: a small file system in memory, which only root can mount."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from o1exp.flow import Checkpoint, Stage, Store, Work
from o1exp.flow.disk import unwritable
from o1exp.flow.errors import Unwritable
from o1exp.flow.process import child_environment
from tests.flow.stages import Child, Head, Merge, Numbers

MB = 2**20
SMALL = Head(problems=Numbers())


@dataclass(frozen=True, kw_only=True)
class Big(Stage[Checkpoint]):
    """Writes more than fits."""

    megabytes: int = 16

    def make(self, work: Work) -> None:
        (work.scratch / "progress").write_text("half")
        for number in range(self.megabytes):
            (work.folder / str(number)).write_bytes(bytes(MB))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = (
        os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)], check=False).returncode == 0
    )
    if not mounted:
        pytest.skip("no right to mount a file system here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)  # a process that is ending may still stand in it


def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(disk: Path) -> None:
    store = Store(disk / "outputs")
    store.make([SMALL])
    with pytest.raises(Unwritable) as full:
        store.make([SMALL, Big()])
    said = str(full.value)
    assert said.startswith(f"Big {Big().key}: the disk is full (free: ")
    assert str(disk / "outputs") in said
    assert "\n" not in said
    assert store.has(SMALL)
    assert not list((disk / "outputs" / "artefacts").glob("*/.*"))  # what was half written takes no room
    subprocess.run(["mount", "-o", "remount,size=32m", str(disk)], check=True)
    again = Store(disk / "outputs")
    again.make([SMALL, Big()])
    assert [(done.stage.kind, done.made) for done in again.done] == [("Numbers", False), ("Head", False), ("Big", True)]


FILL = "open('filler', 'wb').write(bytes(32 << 20))"


def test_a_child_on_a_full_disk_too(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(disk)
    with pytest.raises(Unwritable, match=r"Child .*: the disk is full"):
        Store(disk / "outputs").make([Child(program=FILL)])


def test_a_child_that_does_not_say_why(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some libraries only say that a write has failed."""
    monkeypatch.chdir(disk)
    program = f"try:\n    {FILL}\nexcept OSError:\n    raise RuntimeError('unexpected pos 64 vs 0') from None"
    with pytest.raises(Unwritable, match=r"Child .*: the disk is full"):
        Store(disk / "outputs").make([Child(program=program)])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_read_only_folder_is_one_sentence_and_what_is_there_is_used(disk: Path, moment: str) -> None:
    root = disk / "outputs"
    if moment == "after":
        Store(root).make([SMALL])
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    store = Store(root)
    goal = Merge(parts={"small": SMALL})
    with pytest.raises(Unwritable) as closed:
        store.make([goal])
    assert f"{root} cannot be written; make it writable, or choose another folder with outputs=FOLDER" in str(closed.value)
    if moment == "after":
        store.make([SMALL])
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    Store(root).make([goal])


def test_a_damaged_artefact_on_a_read_only_disk(disk: Path) -> None:
    store = Store(disk / "outputs")
    store.make([SMALL])
    (store.folder(SMALL) / "manifest.json").write_text("{")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(Unwritable, match="cannot be written"):
        Store(disk / "outputs").make([SMALL])


def test_only_the_outputs_folder_counts(tmp_path: Path) -> None:
    """A file of the user's that must not be read is another matter."""
    elsewhere = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/etc/shadow")
    assert unwritable(elsewhere, tmp_path) is None
    inside = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "artefacts"))
    assert unwritable(inside, tmp_path)
    assert unwritable(ValueError("wrong"), tmp_path) is None


LIMITED = """
import resource, sys
from pathlib import Path
from o1exp.flow import Store
from o1exp.flow.errors import Unwritable
from tests.flow.test_disk import Big
resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, 2**19))
try:
    Store(Path(sys.argv[1])).make([Big()])
except Unwritable as said:
    print(said)
"""


def test_a_limit_on_files_counts_as_full(tmp_path: Path) -> None:

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], env=child_environment(1), capture_output=True, text=True, check=True
    )
    assert f"Big {Big().key}: the disk is full" in done.stdout
