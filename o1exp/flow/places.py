"""Files in a folder or a bucket, through fsspec: read whole, put whole, or made only where there is none."""

import inspect
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def opened(url: str) -> tuple[Any, str]:
    """The file system of an address and the path in it. A key comes from where the engine looks for it, e.g. AWS_ACCESS_KEY_ID.

    Errors: ValueError for an address that no installed file system knows.
    """
    import fsspec

    scheme = urlsplit(url).scheme if "://" in url else "file"
    try:
        if more := _wanted(fsspec.get_filesystem_class(scheme)):
            raise ValueError(f"it wants {more} beside the address; use a folder or s3://BUCKET/PREFIX")
        fs = fsspec.filesystem(scheme, **({} if scheme == "file" else {"use_listings_cache": False, "skip_instance_cache": True}))
        return fs, str(fs._strip_protocol(url)).rstrip("/")
    except (ImportError, ValueError) as wrong:
        need = "pip install 'o1exp[s3]'" if scheme == "s3" else f"install the fsspec package for {scheme}://"
        raise ValueError(f"{url} cannot be opened ({wrong}); {need}") from wrong


def _wanted(kind: Any) -> str:
    """What a file system cannot be made without."""
    given = list(inspect.signature(kind.__init__).parameters.values())[1:]  # without self; the class itself shows those of its metaclass
    named = (one for one in given if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD))
    return ", ".join(one.name for one in named if one.default is one.empty)


def local(path: Path) -> tuple[Any, str]:
    """The same for a folder of this machine."""
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem(), str(path)


def is_local(fs: Any) -> bool:
    return "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)


def read(fs: Any, path: str) -> bytes | None:
    """The content of a file, None where there is none. Lists nothing."""
    try:
        found: bytes = fs.cat_file(path)
        return found
    except (FileNotFoundError, NotADirectoryError):
        return None


def put(fs: Any, path: str, content: bytes) -> None:
    """Write a file anew; a reader finds the old content or the new one."""
    if is_local(fs):
        part = _beside(path, content)
        os.replace(part, path)
    else:
        fs.pipe_file(path, content)


def create(fs: Any, path: str, content: bytes) -> bool:
    """Make a file where there is none; of all that try at once, one succeeds. A reader finds it whole."""
    if is_local(fs):
        part = _beside(path, content)
        try:
            os.link(part, path)
        except FileExistsError:
            return False
        finally:
            os.unlink(part)
        return True
    try:
        fs.pipe_file(path, content, mode="create")
    except FileExistsError:
        return False
    except OSError as wrong:  # S3 says so in words of its own
        if "PreconditionFailed" in str(wrong) or "ConditionalRequestConflict" in str(wrong):
            return False
        raise
    return True


def missing(fs: Any, path: str, made: bool) -> str:
    """Why nothing can lie at the path, "" where something can: the folder, or where it is `made` by whoever writes first one above it.

    A bucket is looked for, since reading from one that is not there finds nothing either. Errors: those of the engine.
    """
    if not is_local(fs):
        try:
            fs.cat_file(f"{path}/.{uuid.uuid4().hex}")
        except FileNotFoundError as none:
            return "there is no such bucket" if "bucket does not exist" in str(none) else ""
        return ""
    path = path or "/"
    there = path if not made else next(above for above in (path, *map(str, Path(path).parents)) if os.path.lexists(above))
    if not os.path.isdir(there):
        return f"{there} is no folder" if os.path.lexists(there) else f"there is no folder {there}"
    return "" if os.access(there, os.R_OK | os.X_OK | (os.W_OK if made else 0)) else f"{there} may not be {'written' if made else 'read'}"


def names_in(fs: Any, folder: str) -> list[str]:
    """The names of the files in a folder, [] where there is none."""
    if is_local(fs):
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.listdir(folder)
        return []
    with suppress(FileNotFoundError):
        return [str(found["name"]).rsplit("/", 1)[-1] for found in fs.ls(folder, detail=True, refresh=True)]
    return []


def _beside(path: str, content: bytes) -> str:
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{name}.{uuid.uuid4().hex}")
    with open(part, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    return part
