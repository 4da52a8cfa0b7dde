"""What nobody needs any more in an outputs folder: what neither a kept run reaches nor a living run uses."""

import itertools
import shutil
import uuid
from collections.abc import Iterable, Iterator
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
    """A folder that is not needed: `path` below the outputs folder, `name` what is held while it is worked on, its size in bytes."""

    path: Path
    name: str
    size: int


def reached(root: Path, paths: Iterable[str]) -> set[str]:
    """These artefacts ("Stage/key") and all that their manifests say they stand on; one that is gone is passed over."""
    found: set[str] = set()
    waiting = list(paths)
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            try:
                known = Manifest.load(root / ARTEFACTS / path)
            except Damaged:
                continue
            waiting += known.inputs.values() if known else []
    return found


def collect(root: Path, holds: Holds, keep: Iterable[str], keys: frozenset[str], dry_run: bool) -> list[Garbage]:
    """Remove what is neither below the artefacts to `keep` nor of one of these keys; gives what was removed, or would be on a `dry_run`.

    A run that begins meanwhile waits until all of it is out of its way, which takes no time: it is deleted afterwards. Errors: ValueError
    while another process removes garbage.
    """
    waits = itertools.count(1)

    def busy() -> None:
        if next(waits) > WAITS:
            raise ValueError(f"another process removes garbage in {root}; try again when it has ended")

    with holds.hold(GARBAGE, busy):
        kept = reached(root, {*keep, *in_use(root, holds)})
        keys = keys | {path.partition("/")[2] for path in kept}
        found = [one for one in _garbage(root, keys) if not holds.held(one.name)]
        if dry_run:
            return found
        trash = root / TRASH / uuid.uuid4().hex
        trash.mkdir(parents=True)
        gone = [one for number, one in enumerate(found) if _moved(root / one.path, trash / str(number))]
    shutil.rmtree(root / TRASH)  # that of killed ones too
    return gone


def _moved(place: Path, target: Path) -> bool:
    try:
        place.rename(target)
    except FileNotFoundError:
        return False
    return True


def _garbage(root: Path, keys: frozenset[str]) -> Iterator[Garbage]:
    for place in sorted((root / ARTEFACTS).glob("*/*")):
        key = place.name.lstrip(".").partition(".")[0]
        if key not in keys:
            yield _of(root, place, f"{place.parent.name}-{key}")
    for folder in ("scratch", "damaged"):
        for place in sorted((root / folder).glob("*-*")):
            stage, key = place.name.split("-")[:2]
            if key not in keys or folder == "damaged":
                yield _of(root, place, f"{stage}-{key}")


def _of(root: Path, place: Path, name: str) -> Garbage:
    files = place.rglob("*") if place.is_dir() and not place.is_symlink() else [place]
    return Garbage(place.relative_to(root), name, sum(file.lstat().st_size for file in files if not file.is_dir()))
