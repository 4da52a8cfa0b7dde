"""What other stores have for an outputs folder: looked up by key, brought here, and told of what is made here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from o1exp.flow.errors import Damaged
from o1exp.flow.holds import KEPT, Beats, Flocks, Hold, Holds
from o1exp.flow.manifest import Manifest, absent
from o1exp.flow.places import local
from o1exp.flow.shelf import Shelf, Unreachable
from o1exp.flow.storage import Storage

LOCKS = "locks"


class Stock:
    """The stores beside one outputs folder. Paths are "Stage/key". Errors: Unreachable, of a store that does not answer."""

    def __init__(self, storage: Storage) -> None:
        self._own = Shelf(storage.url) if storage.url else None
        self._shelves = [*map(Shelf, storage.readonly), *([self._own] if self._own else [])]
        self._found: dict[str, tuple[Shelf, Manifest] | None] = {}
        self._wrong: dict[str, str] = {}
        self._offered: set[str] = set()
        self._beats = Beats(self._own.fs, self._own.locks, storage.patience) if self._own else None

    def refused(self, writes: bool = False) -> Iterator[str]:
        """A sentence for each store that cannot be read, or, where it `writes`, published in."""
        for shelf in self._shelves:
            own = shelf is self._own
            if why := shelf.refused(writes and own):
                said = f"store.url={shelf.url}" if own else f"store.readonly: {shelf.url}"
                yield f"{said}: the store cannot be used ({why}); look at the address, the network and its keys, or leave it out"

    def empty(self) -> Iterator[str]:
        """Folders of others that hold nothing yet: most often another folder was meant."""
        return (shelf.url for shelf in self._shelves if shelf is not self._own and shelf.empty)

    def manifest(self, path: str) -> Manifest | None:
        """That of the first store that has the artefact, and has it as it was made; looked up once."""
        if not self._shelves or path in self._wrong:
            return None
        if path not in self._found:
            self._found[path] = next(((shelf, found) for shelf in self._shelves if (found := shelf.manifest(path)) is not None), None)
        known = self._found[path]
        return known[1] if known else None

    def forget(self, path: str) -> None:
        """It is looked up anew: another machine may have made it since."""
        self._found.pop(path, None)

    def bring(self, path: str, folder: Path, whole: bool) -> str:
        """Have the artefact in the outputs folder, with its weights too if `whole`; gives what is wrong with it there, "" for nothing."""
        try:
            if (names := absent(folder)) and whole:
                if self.manifest(path) is None:
                    raise Damaged(f"{folder}: its weights are in another store that is not named any more", "name it in store.readonly")
                self._shelf(path).complete(path, folder, names)
            elif not names and Manifest.load(folder) is None and self.manifest(path) is not None:
                self._shelf(path).fetch(path, folder, whole)
        except Damaged as wrong:
            self._wrong[path] = wrong.what
            return wrong.what
        return ""

    def offer(self, path: str, folder: Path, replace: bool = False) -> str:
        """Publish an artefact that was made here, where it is not; gives why it could not be, "" where it could."""
        if self._own is None or absent(folder) or (path in self._offered and not replace):
            return ""
        try:
            self._own.publish(path, folder, replace or path in self._wrong)
            self._offered.add(path)
        except Unreachable as away:
            return str(away)
        return ""

    @contextmanager
    def hold(self, name: str, waiting: Callable[[], None]) -> Iterator[Hold]:
        """Hold a name among all machines that publish in the same store."""
        if self._beats is None:
            yield KEPT
            return
        with self._beats.hold(name, waiting) as hold:
            yield hold

    def _shelf(self, path: str) -> Shelf:
        known = self._found[path]
        assert known is not None
        return known[0]


def holds_of(root: Path, storage: Storage) -> Holds:
    """How the processes that share an outputs folder keep out of each other's way."""
    folder = root / LOCKS
    return Flocks(folder) if storage.locks == "flock" else Beats(*local(folder), storage.patience)


class Both:
    """A name held here and among machines."""

    def __init__(self, here: Hold, there: Hold) -> None:
        self._holds = (here, there)

    @property
    def lost(self) -> bool:
        return any(hold.lost for hold in self._holds)

    def check(self) -> None:
        for hold in self._holds:
            hold.check()
