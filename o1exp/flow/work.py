"""What a stage has in its hands while it is made: its folder, its inputs, progress, and child processes."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from o1exp.flow.errors import StageFailed, Stopped
from o1exp.flow.holds import KEPT, Hold, Lost
from o1exp.flow.lease import NOTHING, Lease
from o1exp.flow.manifest import Manifest
from o1exp.flow.process import LOOK_SECONDS, Process
from o1exp.flow.progress import Bar, Console
from o1exp.records.table import write_table

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")


STOP = "stop"
"""The file in scratch that tells a stage's process to keep what it has and end."""


class Made(Protocol[T_co]):
    """What the work on a stage needs to know of it and of its inputs."""

    @property
    def kind(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def inputs(self) -> "Mapping[str, Made[Any]]": ...

    def open(self, folder: Path) -> T_co: ...


class Place(Protocol):
    """Where the inputs lie, and the run that this work belongs to."""

    root: Path
    console: Console
    stopping: threading.Event

    def folder(self, stage: Made[Any]) -> Path: ...

    def manifest(self, stage: Made[Any]) -> Manifest | None: ...


class Work:
    """One making of one stage.

    `folder` becomes the artefact when the stage is done. `scratch` belongs to the key alone and outlives a kill, so that long work
    can go on where it was; it is removed once the artefact stands. `lease` are the GPUs that the stage has; its children see no others.
    `hold` is the right to make it.
    """

    def __init__(self, stage: Made[Any], folder: Path, scratch: Path, store: Place, lease: Lease = NOTHING, hold: Hold = KEPT) -> None:
        self.stage = stage
        self.folder = folder
        self.scratch = scratch
        self.store = store
        self.lease = lease
        self.hold = hold
        self.facts: dict[str, Any] = {}
        self.child_cpu_seconds = 0.0

    @property
    def console(self) -> Console:
        return self.store.console

    @property
    def stopping(self) -> bool:
        return self.store.stopping.is_set()

    def open(self, stage: Made[T]) -> T:
        """An input, read back typed."""
        self._assert_input(stage)
        return stage.open(self.store.folder(stage))

    def manifest(self, stage: Made[Any]) -> Manifest:
        """The manifest of an input."""
        self._assert_input(stage)
        found = self.store.manifest(stage)
        assert found is not None, f"{stage.kind} {stage.key} is not made"
        return found

    def _assert_input(self, stage: Made[Any]) -> None:
        """What is opened and is no input would be missed by the key, the plan and the lineage, and not be there after it was deleted."""
        known = {inner.key for inner in self.stage.inputs.values()}
        assert stage.key in known, f"{self.stage.kind} opens {stage.kind} {stage.key}, which is none of its inputs; make it an edge"

    def shared(self, name: str) -> Path:
        """A file of the whole outputs folder, such as the request cache."""
        return self.store.root / name

    def note(self, **facts: Any) -> None:
        """Keep counts for the manifest, the report and the plan."""
        self.facts.update(facts)

    def write(self, record: type[R], rows: Iterable[R]) -> int:
        """Write the output table and note its number of rows."""
        count = write_table(self.folder, record, rows)
        self.note(rows=count)
        return count

    def progress(self, what: str, total: float | None = None) -> AbstractContextManager[Bar]:
        """A bar for work over two seconds: `with work.progress("answers", 600) as bar: bar.advance(1)`."""
        return self.console.bar(f"{self.stage.kind} {what}", total)

    def run(self, command: list[str], on_row: Callable[[dict[str, Any]], None], env: Mapping[str, str], grace: float = 0.0) -> None:
        """Run a command that works for this stage, handing on each row that it reports (`o1exp.flow.process.report`).

        It ends with the run, however that ends; one that has begun to report has `grace` seconds to keep what it has, and sees by the file
        `scratch/stop` that it should. What it prints is kept in `scratch/output.log`.
        Errors: StageFailed with the end of that log; Stopped; Lost where another process makes the stage now.
        """
        stop, reported = self.scratch / STOP, False
        stop.unlink(missing_ok=True)
        process = Process(command, self.scratch / "output.log", {**env, **self.lease.environment}, self.lease.files)
        try:
            while (code := process.poll()) is None:
                if self.stopping:
                    if reported and grace:
                        stop.touch()
                        _wait(process, grace)
                    raise Stopped
                if self.hold.lost:
                    raise Lost(self.stage.kind)
                for row in process.rows():
                    reported = True
                    on_row(row)
                time.sleep(LOOK_SECONDS)
            for row in process.rows():
                on_row(row)
        finally:
            process.end()
            self.child_cpu_seconds += process.cpu_seconds
        if code != 0:
            raise StageFailed(f"the process ended with code {code}\n{process.tail()}\n(all of it: {process.log})")


def _wait(process: Process, seconds: float) -> None:
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
