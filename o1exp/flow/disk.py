"""A disk that is full or read-only, in one sentence instead of a traceback."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from o1exp.flow.errors import RunError, Unwritable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
NO_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)
FULL_WORDS = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full")
CLOSED_WORDS = (os.strerror(errno.EROFS), "readonly database")
LITTLE = 2**20
"""With less free than this (bytes), whatever failed is taken for a full disk: some libraries do not say why they could not write."""


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Errors: Unwritable instead of whatever a full or read-only disk made of the work inside on the folder `root`."""
    try:
        yield
    except RunError:
        raise
    except Exception as problem:
        if why := unwritable(problem, root):
            raise Unwritable(why) from problem
        raise


def unwritable(problem: BaseException, root: Path) -> str | None:
    """What to say where a full or read-only disk is behind this error, else None."""
    causes = list(_causes(problem))
    words = "\n".join(map(str, causes))
    if any(_says(cause, FULL) for cause in causes) or any(known in words for known in FULL_WORDS) or _free(root) < LITTLE:
        places = ", ".join(f"{_free(place) / 1e6:,.0f} MB in {place}" for place in dict.fromkeys((root, Path(tempfile.gettempdir()))))
        return f"the disk is full (free: {places}); free some space and run the same command again; all that was finished is kept"
    refused = any(_says(cause, CLOSED) and _below(cause, root) for cause in causes)
    if refused or (any(known in words for known in CLOSED_WORDS) and not _takes_files(root)):
        return f"{root} cannot be written; make it writable, or choose another folder with outputs=FOLDER; all that was finished is kept"
    if not os.path.isdir(root) and any(_says(cause, NO_PLACE) and _below(cause, root) for cause in causes):
        return f"{root} cannot be made; choose another folder with outputs=FOLDER"
    if any(_says(cause, NO_PLACE) for cause in causes) and (file := _in_the_way(causes, root)):
        return f"{file} is no folder, and one has to be there; move it away and run the same command again"
    return None


def _in_the_way(causes: list[BaseException], root: Path) -> Path | None:
    """What stands below the folder `root` where a folder had to be made."""
    named = [Path(name) for cause in causes for name in (getattr(cause, "filename", None), getattr(cause, "filename2", None)) if name]
    inside = (place for name in named for place in (name, *name.parents) if place != root and place.is_relative_to(root))
    kept = {"artefacts", "scratch", "locks", "damaged", "runs"}
    return next((place for place in inside if kept & {place.name, place.parent.name} and place.exists() and not place.is_dir()), None)


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        yield problem
        problem = problem.__cause__ or problem.__context__


def _says(cause: BaseException, codes: tuple[int, ...]) -> bool:
    return isinstance(cause, OSError) and cause.errno in codes


def _below(cause: BaseException, root: Path) -> bool:
    """Is it the folder itself that was refused, or something in it, and not a file of the user's elsewhere?"""
    name = cause.filename if isinstance(cause, OSError) else None
    return isinstance(name, str) and (Path(name).absolute().is_relative_to(root) or root.is_relative_to(Path(name).absolute()))


def _takes_files(root: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=root):
            return True
    except OSError:
        return False


def _free(place: Path) -> float:
    """Free bytes where a folder lies or would lie."""
    there = next(folder for folder in (place, *place.absolute().parents) if os.path.exists(folder))
    found = shutil.disk_usage(there)
    return found.free if found.total else float("inf")  # no disk at all, such as /proc
