"""Where artefacts live: `Store.get` reuses or makes each stage of a graph by its key."""

import shutil
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from rich.markup import escape

from o1exp.flow.artefacts import Artefacts
from o1exp.flow.disk import unwritable, writing
from o1exp.flow.errors import Damaged, RunError, StageFailed, Stopped, Unwritable
from o1exp.flow.gpus import here, too_few
from o1exp.flow.lease import NOTHING, GpuQueue, Lease
from o1exp.flow.made_by import made_by
from o1exp.flow.manifest import Manifest, digest_of, file_digests, file_sizes
from o1exp.flow.progress import Console
from o1exp.flow.source import source_of
from o1exp.flow.stage import Stage, walk
from o1exp.flow.work import Work
from o1exp.secrets import masked

T = TypeVar("T")


def _name_of(failed: StageFailed) -> str:
    """The stage alone, of what `_reuse_or_make` says."""
    return str(failed).partition(":")[0]


@dataclass(frozen=True)
class Done:
    """One stage of a finished run: was it made now, and how long did that take (seconds)?"""

    stage: Stage[Any]
    made: bool
    seconds: float


class Store(Artefacts):
    """Makes artefacts and reuses them; locks and scratch folders lie beside them.

    Several processes may share the outputs folder: a lock per key lets the second wait for the first instead of doing the work twice.
    """

    def __init__(self, root: Path, console: Console | None = None, remake: bool = False, queue: GpuQueue | None = None) -> None:
        """`remake`: a stale artefact is made again instead of reused. `queue` has other GPUs to hand out than those of this machine."""
        super().__init__(root)
        self.remake = remake
        self.queue = queue
        self.console = console or Console()
        self.stopping = threading.Event()
        self.done: list[Done] = []

    def get(self, goal: Stage[T], jobs: int = 1) -> T:
        """The goal's value; whatever is missing below it is made first, `jobs` stages side by side."""
        self.make([goal], jobs)
        return goal.open(self.folder(goal))

    def make(self, goals: list[Stage[Any]], jobs: int = 1) -> None:
        """Make every missing stage of the goals.

        A failed stage does not stop those that do not need it; a damaged artefact is set aside and made anew.
        Errors: StageFailed (the first one), BudgetSpent, Stopped, Unwritable.
        """
        with writing(self.root):
            for stage in walk(goals):
                self._set_damaged_aside(stage)
        missing = self.missing(goals, self.remake)
        making = {stage.key for stage in missing}
        for stage in walk(goals):
            if stage.key not in making and (known := self.manifest(stage)):  # what a finished stage hides may have been deleted
                self._report(Done(stage, made=False, seconds=0.0), known)
        for stage in missing:
            source_of(stage)  # parsed before the threads: Python 3.11 fails where two of them parse at once
        with self.console.live(), ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="stage") as pool:
            try:
                self._schedule(missing, pool)
            except BaseException:
                self.stopping.set()
                raise

    def _schedule(self, missing: list[Stage[Any]], pool: ThreadPoolExecutor) -> None:
        waiting = {stage.key: stage for stage in missing}
        running: dict[Future[None], str] = {}
        failures: list[BaseException] = []
        finished: set[str] = set()
        while waiting or running:
            for key, stage in list(waiting.items()):
                if all(inner.key in finished or inner.key not in {s.key for s in missing} for inner in stage.inputs.values()):
                    running[pool.submit(self._reuse_or_make, waiting.pop(key))] = key
            if not running:
                break  # what still waits stands on a failed stage
            ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in ended:
                key, problem = running.pop(future), future.exception()
                if problem is None:
                    finished.add(key)
                elif isinstance(problem, StageFailed):
                    failures.append(problem)
                    first = len(failures) == 1  # it ends the run, and is told in full then
                    self.console.line(f"[bold red]failed[/] {escape(_name_of(problem) if first else str(problem))}")
                else:
                    raise problem
        if failures:
            raise failures[0]

    def _reuse_or_make(self, stage: Stage[Any]) -> None:
        with writing(self.root), self._lock(stage):
            known = self.manifest(stage)
            if known and not (self.remake and self.stale(stage)):
                self._report(Done(stage, made=False, seconds=0.0), known)
                return
            try:
                with self._lease(stage) as lease:
                    self._make(stage, lease)
            except StageFailed as failed:
                if why := unwritable(failed, self.root):
                    raise Unwritable(f"{stage.kind} {stage.key}: {why}") from failed
                raise StageFailed(f"{stage.kind} {stage.key}: {failed}\nkept so far: {self._scratch(stage)}") from failed
            except RunError:
                raise
            except Exception as problem:
                if why := unwritable(problem, self.root):
                    raise Unwritable(f"{stage.kind} {stage.key}: {why}") from problem
                self._log_failure(stage, problem)
                what = f"{type(problem).__name__}: {problem}"
                raise StageFailed(f"{stage.kind} {stage.key}: {what}\nkept so far, and the traceback: {self._scratch(stage)}") from problem
            finally:
                shutil.rmtree(self._partial(stage), ignore_errors=True)

    def _set_damaged_aside(self, stage: Stage[Any]) -> None:
        if not self.damage(stage):
            return
        with self._lock(stage):
            try:
                self.sound(stage)  # mended by another process meanwhile
            except Damaged as wrong:
                aside = self.root / "damaged" / f"{stage.kind}-{stage.key}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
                aside.parent.mkdir(exist_ok=True)
                self.folder(stage).rename(aside)
                self.console.line(f"[bold red]damaged[/] {escape(wrong.what)}\n        set aside: {escape(str(aside))}")

    def _make(self, stage: Stage[Any], lease: Lease) -> None:
        target, partial, scratch = self.folder(stage), self._partial(stage), self._scratch(stage)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        source = self._begin(stage, scratch)
        work = Work(stage, partial, scratch, self, lease)
        started, clock, cpu = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic(), time.thread_time()
        stage.make(work)
        seconds, cpu_seconds = time.monotonic() - clock, time.thread_time() - cpu + work.child_cpu_seconds
        files = file_digests(partial)
        manifest = Manifest(
            stage=stage.kind, version=stage.version, key=stage.key, settings=stage.what(), added=stage.added(), how=stage.how(),
            facts=work.facts, inputs={name: f"{inner.kind}/{inner.key}" for name, inner in stage.inputs.items()},
            files=files, sizes=file_sizes(partial), digest=digest_of(files, stage.volatile),
            started=started, seconds=round(seconds, 3), cpu_seconds=round(cpu_seconds, 3), made_by=made_by() | lease.made_by,
            source=source, made_from=self._digests(stage),
            role=stage.role, does=stage.does, long_thoughts=stage.long_thoughts, judges=stage.judges,
        )  # fmt: skip
        manifest.save(partial)
        if target.is_symlink():
            target.unlink()
        shutil.rmtree(target, ignore_errors=True)  # it is stale, or without a manifest and so no artefact
        partial.rename(target)
        shutil.rmtree(scratch, ignore_errors=True)
        self._report(Done(stage, made=True, seconds=seconds), manifest)

    def _begin(self, stage: Stage[Any], scratch: Path) -> str:
        """The digest of the source by which this folder was begun; with `remake`, what other source has begun does not go on."""
        begun, source = scratch / "source", source_of(stage)
        if self.remake and begun.exists() and begun.read_text() != source:
            shutil.rmtree(scratch)
        scratch.mkdir(parents=True, exist_ok=True)
        if not begun.exists():
            begun.write_text(source)
        return begun.read_text()

    def _digests(self, stage: Stage[Any]) -> dict[str, str]:
        found = {edge: self.manifest(inner) for edge, inner in stage.inputs.items()}
        return {edge: known.digest for edge, known in found.items() if known is not None}

    def _partial(self, stage: Stage[Any]) -> Path:
        return self.folder(stage).with_name(f".{stage.key}.part")

    def _scratch(self, stage: Stage[Any]) -> Path:
        return self.root / "scratch" / f"{stage.kind}-{stage.key}"

    def _log_failure(self, stage: Stage[Any], problem: Exception) -> None:
        self._scratch(stage).mkdir(parents=True, exist_ok=True)
        (self._scratch(stage) / "traceback.txt").write_text(masked("".join(traceback.format_exception(problem))))

    @contextmanager
    def _lock(self, stage: Stage[Any]) -> Iterator[None]:
        path = self.root / "locks" / f"{stage.kind}-{stage.key}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock, told = FileLock(path), False
        while True:
            if self.stopping.is_set():
                raise Stopped
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                if not told:
                    self.console.line(f"[dim]waiting[/] {stage.kind} {stage.key[:8]}: another process is making it")
                    told = True
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _lease(self, stage: Stage[Any]) -> Iterator[Lease]:
        """The GPUs that the stage takes. Errors: ValueError where there are not so many."""
        if not stage.gpus:
            yield NOTHING
            return
        queue = self.queue or GpuQueue(here())
        if why := too_few(stage.gpus, queue.gpus):
            raise ValueError(why)
        told = False

        def waiting(whom: str) -> None:
            nonlocal told
            if self.stopping.is_set():
                raise Stopped
            if not told:
                self.console.line(f"[dim]waiting[/] {stage.kind} {stage.key[:8]}: {escape(whom)}")
                told = True

        with queue.lease(stage.gpus, f"{stage.kind} {stage.key[:8]}", waiting) as lease:
            yield lease

    def _report(self, done: Done, manifest: Manifest) -> None:
        self.done.append(done)
        rows = f"{manifest.facts['rows']:>7} rows" if "rows" in manifest.facts else " " * 12
        word = "[green]made  [/]" if done.made else "[dim]reused[/]"
        where = self.folder(done.stage)
        place = where.relative_to(Path.cwd()) if where.is_relative_to(Path.cwd()) else where
        self.console.line(f"{word} {done.stage.kind:<12} {done.seconds:7.1f} s {rows}  {place}")
