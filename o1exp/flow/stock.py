"""What other stores have for an outputs folder: looked up by key, brought here, and told of what is made here."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from o1exp.flow.errors import Damaged
from o1exp.flow.holds import KEPT, Beats, Flocks, Hold, Holds, Silent
from o1exp.flow.manifest import Manifest, absent
from o1exp.flow.places import local
from o1exp.flow.shelf import Shelf, Unreachable
from o1exp.flow.storage import Storage

LOCKS = "locks"


class Stock:
    """The stores beside one outputs folder. Paths are "Stage/key".

    Errors: Unreachable, of a store that does not answer, until `going_on`: what is being made then goes on without it.
    """

    def __init__(self, storage: Storage) -> None:
        self._own = Shelf(storage.url) if storage.url else None
        self._shelves = [*map(Shelf, storage.readonly), *([self._own] if self._own else [])]
        self._found: dict[str, tuple[Shelf, Manifest] | None] = {}
        self._wrong: dict[str, str] = {}
        self._offered: set[str] = set()
        self._tell: Callable[[str], None] | None = None
        self._told: set[str] = set()
        self._beats = Beats(self._own.fs, self._own.locks, storage.patience, mild=True) if self._own else None

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
            found = ((shelf, manifest) for shelf in self._shelves if (manifest := self._looked_up(shelf, path)) is not None)
            self._found[path] = next(found, None)
        known = self._found[path]
        return known[1] if known else None

    def going_on(self, tell: Callable[[str], None]) -> None:
        """From now on a store that goes away is told of, once, and counts as one that has nothing."""
        self._tell = tell

    def _looked_up(self, shelf: Shelf, path: str) -> Manifest | None:
        try:
            return shelf.manifest(path)
        except Unreachable as away:
            self._without(shelf, away)
            return None

    def _without(self, shelf: Shelf, away: Unreachable) -> None:
        if self._tell is None:
            raise away
        if shelf.url not in self._told:
            self._told.add(shelf.url)
            self._tell(f"the store {shelf.url} does not answer ({away.why}); the run goes on without it, the next one sends what it lacks")

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
        except Unreachable as away:
            self._without(self._shelf(path), away)
            self._wrong[path] = str(away)
            return self._wrong[path]
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
        assert self._own is not None
        with ExitStack() as open_:
            try:
                hold = KEPT if self._own.dark else open_.enter_context(self._beats.hold(name, waiting))
            except Silent as away:  # two may do the same work, and one of both publishes it
                self._without(self._own, self._own.unreachable(away.__cause__ or away))
                hold = KEPT
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
