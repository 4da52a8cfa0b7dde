"""Artefacts in a store that other machines see: found by key, fetched and compared with their digests, published with the manifest last.

A store holds `artefacts/<Stage>/<key>/manifest.json`, and the files in a folder beside it that is named by the manifest: two publishers
never write the same file, and what was left half by a killed one belongs to no manifest. An outputs folder, whose files lie beside the
manifest, is read as well.
"""

import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from o1exp.flow import places
from o1exp.flow.errors import Damaged, RunError
from o1exp.flow.manifest import ABSENT, ARTEFACTS, NAME, Manifest, sha256
from o1exp.secrets import masked

TOGETHER = 8
"""Files that are under way at once."""
WEIGHTS = (".safetensors", ".bin", ".gguf", ".npy")
"""Files that are fetched when a stage computes with them; reports need the others alone."""


DARK = 60.0
"""Seconds for which a store that did not answer is not asked again."""
PROBE = "probe"
"""A file among the locks, written to see whether a store takes any."""


class Unreachable(RunError):
    """A store does not answer, and `why`. The message names it and the remedy."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"the store {url} cannot be used ({why}); look at the address and the network, or leave it out (store=local has none); "
            "all that was finished is kept"
        )
        self.why = why


class Shelf:
    """The artefacts of one store. Errors of every method: Unreachable."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs, root = places.opened(url)
        self._root = f"{root}/{ARTEFACTS}"
        self.locks = f"{root}/locks"
        self._known: dict[str, tuple[Manifest, str]] = {}
        self._dark_until, self._why = 0.0, ""

    def refused(self, writes: bool) -> str:
        """Why the store cannot be read, or, where it is to be written, written; "" where it can. Writes an empty file to know."""
        try:
            with self._reached():
                if (why := places.missing(self.fs, self._root.removesuffix(f"/{ARTEFACTS}"), writes)) or not writes:
                    return why
                places.put(self.fs, f"{self.locks}/{PROBE}", b"")
        except Unreachable as away:
            return away.why
        return ""

    @property
    def empty(self) -> bool:
        """Is it a folder without one of artefacts? Not known of buckets."""
        return places.is_local(self.fs) and Path(self._root).parent.is_dir() and not Path(self._root).is_dir()

    def manifest(self, path: str) -> Manifest | None:
        """The manifest of the artefact "Stage/key", None where it is not there, or not whole. Lists nothing."""
        with self._reached():
            content = places.read(self.fs, f"{self._root}/{path}/{NAME}")
        if content is None:
            return None
        with suppress(ValueError):
            self._known[path] = Manifest.parsed(content, f"{self.url}/{ARTEFACTS}/{path}/{NAME}"), _mark(content)
            return self._known[path][0]
        return None  # half of one, or none

    def fetch(self, path: str, folder: Path, whole: bool) -> None:
        """Put the artefact into the outputs folder, in one step; without `whole`, weights stay behind until they are asked for.

        Errors: Damaged for a file that is not what was made.
        """
        manifest, mark = self._known[path]
        behind = [] if whole else [name for name in manifest.files if name.endswith(WEIGHTS)]
        partial = folder.with_name(f".{folder.name}.fetch")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            self._files(path, mark, {name: manifest.files[name] for name in manifest.files if name not in behind}, partial)
            if behind:
                (partial / ABSENT).write_text("\n".join(behind), encoding="utf-8")
            manifest.save(partial)
            shutil.rmtree(folder, ignore_errors=True)  # without a manifest: no artefact
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def complete(self, path: str, folder: Path, names: Iterable[str]) -> None:
        """Fetch what stayed behind. Errors: as `fetch`, and Damaged where another one of this key is there now."""
        manifest, mark = self._known[path]
        here = Manifest.load(folder)
        if here is None or here.digest != manifest.digest:
            raise Damaged(f"{self.url}/{ARTEFACTS}/{path} was made again since {folder} came from it", f"remove {folder}")
        self._files(path, mark, {name: here.files[name] for name in names}, folder)
        (folder / ABSENT).unlink(missing_ok=True)

    def publish(self, path: str, folder: Path, replace: bool = False) -> bool:
        """Copy a finished artefact there, its manifest last; False where one is there already, unless it is to be replaced."""
        content = (folder / NAME).read_bytes()
        manifest, mark, place = Manifest.parsed(content, str(folder)), _mark(content), f"{self._root}/{path}"
        with self._reached():
            before = places.read(self.fs, f"{place}/{NAME}")
            if before is not None and not replace:  # remade with the same manifest: its files are sent over the damaged ones
                return False
            with ThreadPoolExecutor(TOGETHER) as pool:
                list(pool.map(lambda name: self._send(folder / name, f"{place}/{mark}/{name}"), manifest.files))
            if before is not None:
                places.put(self.fs, f"{place}/{NAME}", content)
            elif not places.create(self.fs, f"{place}/{NAME}", content):
                if places.read(self.fs, f"{place}/{NAME}") != content:  # another process may have copied the very same one
                    self._remove(f"{place}/{mark}")
                return False
            if before is not None and _mark(before) != mark:
                self._remove(f"{place}/{_mark(before)}")
        return True

    def _send(self, file: Path, path: str) -> None:
        if places.is_local(self.fs):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.fs.put_file(str(file), path)

    def _remove(self, folder: str) -> None:
        with suppress(Exception):  # it lies there, and belongs to nothing
            self.fs.rm(folder, recursive=True)

    def _files(self, path: str, mark: str, files: dict[str, str], folder: Path) -> None:
        """Fetch these files (name -> sha256) into the folder, each in one step."""
        with self._reached(), ThreadPoolExecutor(TOGETHER) as pool:
            inside = bool(files) and self.fs.exists(f"{self._root}/{path}/{mark}/{next(iter(files))}")
            place = f"{self._root}/{path}/{mark}" if inside else f"{self._root}/{path}"
            list(pool.map(lambda name: self._file(f"{place}/{name}", folder / name, files[name]), files))

    def _file(self, place: str, file: Path, digest: str) -> None:
        part = file.with_name(f".{file.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        remedy = f"have it made again there, or leave {self.url} out"
        try:
            self.fs.get_file(place, str(part))
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged(f"{self.url}: {place} is gone", remedy) from None
        if sha256(part) != digest:
            part.unlink()
            raise Damaged(f"{self.url}: {place} is not what was made", remedy)
        part.rename(file)

    @property
    def dark(self) -> bool:
        """Did it fail to answer within the last minute? An engine tries for long before it gives up."""
        return time.monotonic() < self._dark_until

    @contextmanager
    def _reached(self) -> Iterator[None]:
        if self.dark:
            raise Unreachable(self.url, self._why)
        try:
            yield
        except RunError:
            raise
        except Exception as wrong:
            raise self.unreachable(wrong) from wrong

    def unreachable(self, wrong: BaseException) -> Unreachable:
        """What to say of an engine's error; for a while the store is not asked again."""
        self._why = " ".join(masked(str(wrong)).split())[:300] or type(wrong).__name__
        self._dark_until = time.monotonic() + DARK
        return Unreachable(self.url, self._why)


def _mark(manifest: bytes) -> str:
    """The name of the folder with the files of a manifest."""
    return hashlib.sha256(manifest).hexdigest()[:16]
