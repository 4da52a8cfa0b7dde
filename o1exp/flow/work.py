"""What a stage has in its hands while it is made: its folder, its inputs, progress, and child processes that die with it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from o1exp.flow.errors import StageFailed, Stopped
from o1exp.flow.manifest import Manifest
from o1exp.records.table import write_table

if TYPE_CHECKING:
    from o1exp.flow.progress import Bar, Console
    from o1exp.flow.stage import Stage
    from o1exp.flow.store import Store

T = TypeVar("T")
R = TypeVar("R")


class Work:
    """One making of one stage.

    `folder` becomes the artefact when the stage is done. `scratch` belongs to the key alone and outlives a kill, so that long work
    can go on where it was; it is removed once the artefact stands.
    """

    def __init__(self, stage: "Stage[Any]", folder: Path, scratch: Path, store: "Store") -> None:
        self.stage = stage
        self.folder = folder
        self.scratch = scratch
        self.store = store
        self.facts: dict[str, Any] = {}
        self.child_cpu_seconds = 0.0

    @property
    def console(self) -> "Console":
        return self.store.console

    @property
    def stopping(self) -> bool:
        return self.store.stopping.is_set()

    def open(self, stage: "Stage[T]") -> T:
        """An input, read back typed."""
        self._assert_input(stage)
        return stage.open(self.store.folder(stage))

    def manifest(self, stage: "Stage[Any]") -> Manifest:
        """The manifest of an input."""
        self._assert_input(stage)
        found = self.store.manifest(stage)
        assert found is not None, f"{stage.kind} {stage.key} is not made"
        return found

    def _assert_input(self, stage: "Stage[Any]") -> None:
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

    def progress(self, what: str, total: float | None = None) -> "AbstractContextManager[Bar]":
        """A bar for work over two seconds: `with work.progress("answers", 600) as bar: bar.advance(1)`."""
        return self.console.bar(f"{self.stage.kind} {what}", total)

    def run(self, command: list[str], on_line: Callable[[str], None], env: Mapping[str, str] | None = None) -> None:
        """Run a command in a process group of its own, feeding each stdout line to `on_line`.

        It is ended when the run is stopped and killed when this process dies. Its stderr is kept in `scratch/stderr.log`.
        Errors: StageFailed with the end of stderr; Stopped.
        """
        log = self.scratch / "stderr.log"
        with log.open("ab") as errors:
            child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=dict(env) if env is not None else None,
                text=True, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        assert child.stdout is not None
        reader = threading.Thread(target=_feed, args=(child.stdout, on_line), daemon=True)
        reader.start()
        try:
            code = self._wait(child)
        except BaseException:
            _end(child)
            raise
        finally:
            reader.join(timeout=5)
        if code != 0:
            tail = "\n".join(deque(log.read_text(errors="replace").splitlines(), maxlen=40))
            raise StageFailed(f"the process ended with code {code}\n{tail}\n(all of it: {log})")

    def _wait(self, child: "subprocess.Popen[str]") -> int:
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                self.child_cpu_seconds += usage.ru_utime + usage.ru_stime
                child.returncode = os.waitstatus_to_exitcode(status)
                return child.returncode
            if self.stopping:
                raise Stopped
            time.sleep(0.05)


_LIBC = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Ask the Linux kernel to kill this process when the one that started it dies, even by SIGKILL."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        _LIBC.prctl(set_parent_death_signal, signal.SIGKILL)


def leave() -> NoReturn:
    """End this process well and at once: what was printed goes out, but no destructor and no atexit handler runs.

    For processes with a process group: gloo's threads may still hold a tensor when the interpreter is taken down, and to let it go then
    aborts the process (10 of 25 runs of a script of ten lines under torch 2.13, none of 25 with this).
    """
    for stream in (sys.stdout, sys.stderr, sys.__stdout__):
        if stream is not None:
            stream.flush()
    os._exit(0)


def _feed(lines: Iterable[str], on_line: Callable[[str], None]) -> None:
    for line in lines:
        on_line(line.rstrip("\n"))


def _end(child: "subprocess.Popen[str]") -> None:
    for sign, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(child.pid, sign)
            child.wait(timeout=seconds)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
