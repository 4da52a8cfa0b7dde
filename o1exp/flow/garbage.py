"""What nobody needs any more in an outputs folder: what neither a kept run reaches nor a living run uses."""

import itertools
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from o1exp.flow.errors import Damaged
from o1exp.flow.holds import Holds
from o1exp.flow.manifest import ARTEFACTS, Manifest
from o1exp.flow.uses import GARBAGE, in_use

TRASH = "garbage"
WAITS = 60
"""Looks at a folder that is busy: a run that begins makes it so for a moment."""


@dataclass(frozen=True)
class Garbage:
    """A folder that is not needed: `path` below the outputs folder, and its size in bytes."""

    path: Path
    size: int


def reached(root: Path, paths: Iterable[str]) -> set[str]:
    """These artefacts ("Stage/key") and all that their manifests say they stand on; one that is gone is passed over."""
    found: set[str] = set()
    waiting = list(paths)
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            with suppress(Damaged):
                waiting += Manifest.inputs_in(root / ARTEFACTS / path).values()
    return found


def collect(root: Path, holds: Holds, keep: Iterable[str], keys: frozenset[str], dry_run: bool) -> list[Garbage]:
    """Remove what is neither below the artefacts to `keep` nor of one of these keys; gives what was removed, or would be on a `dry_run`.

    A run that begins meanwhile waits until all of it is out of its way, which takes one renaming each: it is weighed and deleted
    afterwards. Errors: ValueError while another process removes garbage.
    """
    waits = itertools.count(1)

    def busy() -> None:
        if next(waits) > WAITS:
            raise ValueError(f"another process removes garbage in {root}; try again when it has ended")

    with ExitStack() as deleting:
        with holds.hold(GARBAGE, busy):
            kept = reached(root, {*keep, *in_use(root, holds)})
            keys = keys | {path.partition("/")[2] for path in kept}
            found = [(place, name) for place, name in _garbage(root, keys) if not holds.held(name)]
            if not dry_run:
                trash = _own(root, holds, deleting)
                moved = [(place, to) for number, (place, _) in enumerate(found) if _moved(place, to := trash / str(number))]
        if dry_run:
            return [Garbage(place.relative_to(root), _size(place)) for place, _ in found]
        gone = [Garbage(place.relative_to(root), _size(to)) for place, to in moved]
        shutil.rmtree(trash)
    _tidy(root, holds)
    return gone


def _own(root: Path, holds: Holds, deleting: ExitStack) -> Path:
    """A folder for what this process deletes; it is held meanwhile."""
    name = uuid.uuid4().hex
    deleting.callback(holds.forget, f"{TRASH}-{name}")
    deleting.enter_context(holds.hold(f"{TRASH}-{name}", lambda: None))
    trash = root / TRASH / name
    for _ in range(WAITS):
        with suppress(FileNotFoundError):  # another process has just tidied the folder above
            trash.mkdir(parents=True)
            break
    return trash


def _tidy(root: Path, holds: Holds) -> None:
    """Delete what killed processes have left half deleted."""
    with suppress(FileNotFoundError):
        for left in list((root / TRASH).iterdir()):
            if not holds.held(f"{TRASH}-{left.name}"):
                shutil.rmtree(left, ignore_errors=True)
                holds.forget(f"{TRASH}-{left.name}")
    with suppress(OSError):  # others are not done yet
        (root / TRASH).rmdir()


def _moved(place: Path, target: Path) -> bool:
    try:
        place.rename(target)
    except FileNotFoundError:
        return False
    return True


def _garbage(root: Path, keys: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """Each folder that is not needed, and the name that is held while it is worked on."""
    for kind in _listed(root / ARTEFACTS):
        for place in _listed(kind):
            key = place.name.lstrip(".").partition(".")[0]
            if key not in keys:
                yield place, f"{kind.name}-{key}"
    for folder in ("scratch", "damaged"):
        for place in _listed(root / folder):
            stage, _, rest = place.name.partition("-")
            key = rest.partition("-")[0]
            if key and (key not in keys or folder == "damaged"):
                yield place, f"{stage}-{key}"


def _listed(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(place: Path) -> int:
    """Bytes of a file, or of all files below a folder; what vanishes meanwhile has none."""
    with suppress(NotADirectoryError), suppress(FileNotFoundError):
        if place.is_symlink():
            return place.lstat().st_size
        with os.scandir(place) as inside:
            return sum(_size(Path(one.path)) if one.is_dir(follow_symlinks=False) else _weight(one) for one in inside)
    with suppress(FileNotFoundError):
        return place.lstat().st_size
    return 0


def _weight(file: "os.DirEntry[str]") -> int:
    with suppress(FileNotFoundError):
        return file.stat(follow_symlinks=False).st_size
    return 0
