"""Which stage has which GPUs: over all processes of a user on this machine, and first come, first served.

Every GPU has a file whose lock says that it is taken. A lock belongs to an open file, not to a number in it, so it goes with the last
process that has the file open: the run, and the worker that computes. Whoever waits holds the lock of a ticket; a ticket is served before
all later ones that could take the same GPUs, so that a stage that wants all of them gets its turn. A stage takes all its GPUs at once, or
none.
"""

import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from o1exp.flow.gpus import ORDER, VISIBLE, Gpu

FOLDER = Path("/tmp") / f"o1exp-gpus-{os.getuid()}"
"""Not below TMPDIR, which two shells of a user may set otherwise."""
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Lease:
    """GPUs that nobody else has while one of `files` is open in any process."""

    gpus: tuple[Gpu, ...] = ()
    files: tuple[int, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What shows a child these GPUs and no others; nothing where there are none."""
        return {VISIBLE: ",".join(gpu.name for gpu in self.gpus), **ORDER} if self.gpus else {}

    @property
    def made_by(self) -> dict[str, str]:
        """The kinds of GPUs, for the manifest: another kind adds up in another order."""
        return {"gpu": ", ".join(sorted({gpu.model for gpu in self.gpus}))} if self.gpus else {}


NOTHING = Lease()


@dataclass(frozen=True)
class Ticket:
    """A place in the queue for `count` of the GPUs with these identities."""

    number: int
    count: int
    identities: tuple[str, ...]
    holder: str


class GpuQueue:
    """Hands out `gpus`, beside all other queues on the same folder."""

    def __init__(self, gpus: tuple[Gpu, ...], folder: Path = FOLDER) -> None:
        self.gpus = gpus
        self.folder = folder

    @contextmanager
    def lease(self, count: int, what: str, waiting: Callable[[str], None]) -> Iterator[Lease]:
        """So many GPUs for `what`. While there are none, `waiting` is called again and again with a sentence; it may raise."""
        assert count <= len(self.gpus), f"{what} wants {count} of {len(self.gpus)} GPUs"
        with self._queued(count, f"process {os.getpid()} ({what})") as ticket:
            while (found := self._taken(ticket)) is None:
                waiting(self._sentence(ticket))
                time.sleep(LOOK_SECONDS)
        try:
            yield found
        finally:
            for file in found.files:
                os.close(file)

    @contextmanager
    def _queued(self, count: int, holder: str) -> Iterator[Ticket]:
        with self._alone():
            number = max((one.number for one in self._tickets()), default=0) + 1
            ticket = Ticket(number, count, tuple(gpu.identity for gpu in self.gpus), holder)
            path, text = self.folder / f"{number}.ticket", json.dumps([number, count, ticket.identities, holder])
            file = _locked(path)
            assert file is not None
            try:
                os.write(file, text.encode())
            except OSError:  # a full disk: a ticket without a lock is thrown away by the next who looks
                os.close(file)
                raise
        try:
            yield ticket
        finally:
            with self._alone():
                path.unlink()
                os.close(file)

    def _taken(self, ticket: Ticket) -> Lease | None:
        with self._alone():
            before = {identity for one in self._tickets() if one.number < ticket.number for identity in one.identities}
            found: dict[Gpu, int] = {}
            for gpu in self.gpus:
                if len(found) < ticket.count and gpu.identity not in before and (file := _locked(self._file(gpu))) is not None:
                    found[gpu] = file
            if len(found) < ticket.count:
                for file in found.values():
                    os.close(file)
                return None
            for file in found.values():
                with suppress(OSError):  # for others to read; a full disk takes nothing away
                    os.ftruncate(file, 0)
                    os.write(file, ticket.holder.encode())
            return Lease(tuple(found), tuple(found.values()))

    def _sentence(self, ticket: Ticket) -> str:
        """What is waited for, and who is in the way."""
        with self._alone():
            first = [one for one in self._tickets() if one.number < ticket.number and set(one.identities) & set(ticket.identities)]
            held = [(gpu.name, holder) for gpu in self.gpus if (holder := self._holder(gpu))]
        said = [f"GPU {name} is held by {holder}" for name, holder in held]
        said += [f"{one.holder} waits for {one.count} already" for one in first]
        return "; ".join([f"for {ticket.count} of {len(self.gpus)} GPUs", *said])

    def _holder(self, gpu: Gpu) -> str:
        if (file := _locked(self._file(gpu))) is not None:
            os.close(file)
            return ""
        return self._file(gpu).read_text(encoding="utf-8") or "another process"

    def _tickets(self) -> list[Ticket]:
        """Those whose process lives; the others are thrown away."""
        found = []
        for path in self.folder.glob("*.ticket"):
            if (file := _locked(path)) is not None:
                path.unlink()
                os.close(file)
            else:
                number, count, identities, holder = json.loads(path.read_text(encoding="utf-8"))
                found.append(Ticket(number, count, tuple(identities), holder))
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process and thread at a time looks at the files, for as long as that takes."""
        self._own_folder()
        file = os.open(self.folder / "queue.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _own_folder(self) -> None:
        with suppress(FileExistsError):
            self.folder.mkdir(mode=0o700)
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{self.folder} should be a folder of yours, where the locks of GPUs lie; remove it")

    def _file(self, gpu: Gpu) -> Path:
        return self.folder / f"{gpu.identity.replace('/', '_')}.gpu"


def _locked(path: Path) -> int | None:
    """The file, open and locked; None where another has it locked."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
