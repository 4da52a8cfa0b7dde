"""Where artefacts live: `Store.get` reuses or makes each stage of a graph by its key."""

import errno
import os
import shutil
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from rich.markup import escape

from o1exp.flow.artefacts import Artefacts, path_of
from o1exp.flow.disk import unwritable, writing
from o1exp.flow.errors import Damaged, RunError, StageFailed, Stopped, Unwritable
from o1exp.flow.gpus import here, too_few
from o1exp.flow.holds import LOOK_SECONDS, Hold, Lost
from o1exp.flow.lease import NOTHING, GpuQueue, Lease
from o1exp.flow.made_by import made_by
from o1exp.flow.manifest import NAME, Manifest, absent, digest_of, file_digests, file_sizes
from o1exp.flow.progress import Console
from o1exp.flow.source import source_of
from o1exp.flow.stage import Stage, walk
from o1exp.flow.stock import Both, holds_of
from o1exp.flow.storage import Storage
from o1exp.flow.uses import used
from o1exp.flow.work import Work
from o1exp.secrets import masked

T = TypeVar("T")
NO_URGENCY: Mapping[str, float] = {}


def _name_of(failed: StageFailed) -> str:
    """The stage alone, of what `_reuse_or_make` says."""
    return str(failed).partition(":")[0]


def _name(stage: Stage[Any]) -> str:
    """What is held while the stage is made."""
    return f"{stage.kind}-{stage.key}"


def put_in_place(partial: Path, target: Path, before: Manifest | None) -> None:
    """Make the folder the artefact, in one step, instead of the one that was there `before`.

    Errors: Lost where another process has put one there meanwhile.
    """
    if target.is_symlink():
        target.unlink()
    old = partial.with_suffix(".old")
    try:
        if target.exists():
            target.rename(old)
            if (NAME in os.listdir(old)) and Manifest.load(old) != before:
                old.rename(target)
                raise Lost(target.name)
        partial.rename(target)
    except OSError as wrong:
        if wrong.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise Lost(target.name) from wrong
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Done:
    """One stage of a finished run: was it made now, and how long did that take (seconds)?"""

    stage: Stage[Any]
    made: bool
    seconds: float


class Elsewhere(Exception):
    """Another process is making the stage: it is waited for beside what else there is to do."""


class Store(Artefacts):
    """Makes artefacts and reuses them; locks and scratch folders lie beside them.

    Several processes may share the outputs folder: a lock per key lets the second wait for the first instead of doing the work twice.
    """

    def __init__(
        self, root: Path, console: Console | None = None, remake: bool = False, queue: GpuQueue | None = None,
        storage: Storage | None = None,
    ) -> None:  # fmt: skip
        """`remake`: a stale artefact is made again instead of reused. `queue` has other GPUs to hand out than those of this machine."""
        super().__init__(root, storage)
        self.holds = holds_of(self.root, self.storage)
        self.remake = remake
        self.queue = queue
        self.console = console or Console()
        self.stopping = threading.Event()
        self.done: list[Done] = []
        self._slots = threading.Semaphore()

    def get(self, goal: Stage[T], jobs: int = 1) -> T:
        """The goal's value; whatever is missing below it is made first, `jobs` stages side by side."""
        with self.using([goal]):
            self.make([goal], jobs)
            self._bring(goal, whole=True)
            return goal.open(self.folder(goal))

    @contextmanager
    def using(self, goals: list[Stage[Any]]) -> Iterator[None]:
        """While this is open nothing that the goals stand on is removed as garbage."""
        with self.using_paths(map(path_of, walk(goals))):
            yield

    @contextmanager
    def using_paths(self, paths: Iterable[str]) -> Iterator[None]:
        """The same for these artefacts ("Stage/key")."""
        with used(self.root, self.holds, paths, self._waiting("garbage is being removed")):
            yield

    def make(self, goals: list[Stage[Any]], jobs: int = 1, urgency: Mapping[str, float] = NO_URGENCY) -> None:
        """Make every missing stage of the goals, `jobs` of them side by side; by key, the ones of the highest `urgency` first.

        A failed stage does not stop those that do not need it; a damaged artefact is set aside and made anew.
        Errors: StageFailed (the first one), BudgetSpent, Stopped, Unwritable, Unreachable.
        """
        with writing(self.root), self.using(goals):
            self._make_missing(goals, jobs, urgency)

    def _make_missing(self, goals: list[Stage[Any]], jobs: int, urgency: Mapping[str, float]) -> None:
        for stage in walk(goals):
            self._set_damaged_aside(stage)
        missing = self._brought(goals)
        making = {stage.key for stage in missing}
        for stage in walk(goals):
            if stage.key not in making and (known := self.manifest(stage)):  # what a finished stage hides may have been deleted
                self._offer(stage)
                self._report(Done(stage, made=False, seconds=0.0), known)
        for stage in missing:
            source_of(stage)  # parsed before the threads: Python 3.11 fails where two of them parse at once
        self.stock.going_on(lambda said: self.console.line(f"[yellow]away[/]    {escape(said)}"))
        self._slots = threading.Semaphore(jobs)
        threads = jobs + len(missing)  # those that wait for other processes do no work
        with self.console.live(), ThreadPoolExecutor(max_workers=threads, thread_name_prefix="stage") as pool:
            try:
                self._schedule(missing, pool, jobs, urgency)
            except BaseException:
                self.stopping.set()
                raise

    def _brought(self, goals: list[Stage[Any]]) -> list[Stage[Any]]:
        """What has to be made, after what other stores have was brought here: all of it, but weights only where they are needed."""
        while True:
            missing = self.missing(goals, self.remake)
            needed = {inner.key for stage in missing for inner in stage.inputs.values()} - {stage.key for stage in missing}
            if all(self._bring(stage, stage.key in needed) for stage in walk(goals) if self.has(stage)):
                return missing

    def _bring(self, stage: Stage[Any], whole: bool) -> bool:
        """Is the artefact in the outputs folder now? What was there only in another store, and not as it was made, is made here."""
        folder = self.folder(stage)
        if (folder / NAME).exists() and not (whole and absent(folder)):
            return True
        with self._here(stage):
            return self._bring_alone(stage, whole)

    def _bring_alone(self, stage: Stage[Any], whole: bool) -> bool:
        folder = self.folder(stage)
        here = (folder / NAME).exists()
        if wrong := self.stock.bring(path_of(stage), folder, whole):
            self.console.line(f"[bold red]damaged[/] {escape(wrong)}; it is made here")
            if here:
                shutil.rmtree(folder)
        elif not here:
            self.console.line(f"[green]fetched[/] {escape(path_of(stage))}")
        return not wrong

    def _schedule(self, missing: list[Stage[Any]], pool: ThreadPoolExecutor, jobs: int, urgency: Mapping[str, float]) -> None:
        """Make them, inputs first, the most urgent of those that can be made next. What other processes make is waited for meanwhile."""
        ranked = sorted(missing, key=lambda stage: -urgency.get(stage.key, 0.0))
        waiting = {stage.key: stage for stage in ranked}
        open_keys = set(waiting)
        running: dict[Future[None], Stage[Any]] = {}
        watched: dict[Future[None], Stage[Any]] = {}
        failures: list[BaseException] = []
        while True:
            for key, stage in list(waiting.items()):
                if len(running) < jobs and not any(inner.key in open_keys for inner in stage.inputs.values()):
                    running[pool.submit(self._reuse_or_make, waiting.pop(key), False)] = stage
            if not running and not watched:
                break  # what still waits stands on a failed stage
            # By turns: of several signals at once the system may hand all to another thread, and Python acts on them when this one wakes.
            ended, _ = wait([*running, *watched], timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in ended:
                stage, problem = (running if future in running else watched).pop(future), future.exception()
                if problem is None:
                    open_keys.remove(stage.key)
                elif isinstance(problem, Elsewhere):
                    watched[pool.submit(self._reuse_or_make, stage, True)] = stage
                elif isinstance(problem, StageFailed):
                    failures.append(problem)
                    first = len(failures) == 1  # it ends the run, and is told in full then
                    self.console.line(f"[bold red]failed[/] {escape(_name_of(problem) if first else str(problem))}")
                else:
                    raise problem
        if failures:
            raise failures[0]

    def _reuse_or_make(self, stage: Stage[Any], patient: bool) -> None:
        """Errors: Elsewhere, unless it is to be `patient`, where another process is making the stage."""
        while True:
            try:
                with writing(self.root), self._lock(stage, patient) as hold:
                    return self._reuse_or_make_alone(stage, hold)
            except Lost:
                self.console.line(
                    f"[yellow]replaced[/] {stage.kind} {stage.key[:8]}: this process was silent for so long that another one makes it"
                )

    def _reuse_or_make_alone(self, stage: Stage[Any], hold: Hold) -> None:
        self.stock.forget(path_of(stage))
        known = self.manifest(stage)
        if known and not (self.remake and self.stale(stage)) and self._bring_alone(stage, whole=True):
            self._offer(stage)
            self._report(Done(stage, made=False, seconds=0.0), known)
            return
        try:
            with self._slot(), self._lease(stage) as lease:
                self._make(stage, lease, hold)
        except StageFailed as failed:
            if why := unwritable(failed, self.root):
                raise Unwritable(f"{stage.kind} {stage.key}: {why}") from failed
            raise StageFailed(f"{stage.kind} {stage.key}: {failed}\nkept so far: {self._scratch(stage)}") from failed
        except (RunError, Lost):
            raise
        except Exception as problem:
            hold.check()  # whoever makes it now may have taken the folders away
            if why := unwritable(problem, self.root):
                raise Unwritable(f"{stage.kind} {stage.key}: {why}") from problem
            self._log_failure(stage, problem)
            what = f"{type(problem).__name__}: {problem}"
            raise StageFailed(f"{stage.kind} {stage.key}: {what}\nkept so far, and the traceback: {self._scratch(stage)}") from problem
        self._offer(stage, again=known is not None)

    def _offer(self, stage: Stage[Any], again: bool = False) -> None:
        """Publish it; a store that is away stops nothing."""
        if why := self.stock.offer(path_of(stage), self.folder(stage), replace=again):
            self.console.line(f"[yellow]unsent[/]  {stage.kind} {stage.key[:8]}: {escape(why)}; the next run sends it")

    def _set_damaged_aside(self, stage: Stage[Any]) -> None:
        if not self.damage(stage):
            return
        with self._here(stage):
            try:
                self.sound(stage)  # mended by another process meanwhile
            except Damaged as wrong:
                aside = self.root / "damaged" / f"{stage.kind}-{stage.key}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
                aside.parent.mkdir(exist_ok=True)
                self.folder(stage).rename(aside)
                self.console.line(f"[bold red]damaged[/] {escape(wrong.what)}\n        set aside: {escape(str(aside))}")

    def _make(self, stage: Stage[Any], lease: Lease, hold: Hold) -> None:
        partial, scratch = self._new_partial(stage), self._scratch(stage)
        source, before = self._begin(stage, scratch), Manifest.load(self.folder(stage))
        work = Work(stage, partial, scratch, self, lease, hold)
        started, clock, cpu = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic(), time.thread_time()
        try:
            stage.make(work)
            seconds, cpu_seconds = time.monotonic() - clock, time.thread_time() - cpu + work.child_cpu_seconds
            files = file_digests(partial)
            manifest = Manifest(
                stage=stage.kind, version=stage.version, key=stage.key, settings=stage.what(), added=stage.added(), how=stage.how(),
                facts=work.facts, inputs={name: path_of(inner) for name, inner in stage.inputs.items()},
                files=files, sizes=file_sizes(partial), digest=digest_of(files, stage.volatile),
                started=started, seconds=round(seconds, 3), cpu_seconds=round(cpu_seconds, 3), made_by=made_by() | lease.made_by,
                source=source, made_from=self._digests(stage),
                role=stage.role, does=stage.does, long_thoughts=stage.long_thoughts, judges=stage.judges,
            )  # fmt: skip
            manifest.save(partial)
            hold.check()
            put_in_place(partial, self.folder(stage), before)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)
        self._report(Done(stage, made=True, seconds=seconds), manifest)

    def _new_partial(self, stage: Stage[Any]) -> Path:
        """A folder of this making alone; what killed ones have left is removed."""
        above = self.folder(stage).parent
        above.mkdir(parents=True, exist_ok=True)
        for left in above.glob(f".{stage.key}.*"):
            shutil.rmtree(left, ignore_errors=True)
        made = above / f".{stage.key}.{uuid.uuid4().hex[:8]}.part"
        made.mkdir()
        return made

    def _begin(self, stage: Stage[Any], scratch: Path) -> str:
        """The digest of the source by which this folder was begun; with `remake`, what other source has begun does not go on."""
        begun, source = scratch / "source", source_of(stage)
        if self.remake and begun.exists() and begun.read_text(encoding="utf-8") != source:
            shutil.rmtree(scratch)
        scratch.mkdir(parents=True, exist_ok=True)
        if not begun.exists():
            begun.write_text(source, encoding="utf-8")
        return begun.read_text(encoding="utf-8")

    def _digests(self, stage: Stage[Any]) -> dict[str, str]:
        found = {edge: self.manifest(inner) for edge, inner in stage.inputs.items()}
        return {edge: known.digest for edge, known in found.items() if known is not None}

    def _scratch(self, stage: Stage[Any]) -> Path:
        return self.root / "scratch" / f"{stage.kind}-{stage.key}"

    def _log_failure(self, stage: Stage[Any], problem: Exception) -> None:
        self._scratch(stage).mkdir(parents=True, exist_ok=True)
        (self._scratch(stage) / "traceback.txt").write_text(masked("".join(traceback.format_exception(problem))), encoding="utf-8")

    @contextmanager
    def _lock(self, stage: Stage[Any], patient: bool = True) -> Iterator[Hold]:
        """The right to make the stage, in this outputs folder and among all that publish in the same store."""
        what = f"{stage.kind} {stage.key[:8]}: another process is making it"
        with self._here(stage, patient) as here, self.stock.hold(_name(stage), self._waiting(what, patient)) as there:
            yield Both(here, there)

    def _here(self, stage: Stage[Any], patient: bool = True) -> AbstractContextManager[Hold]:
        return self.holds.hold(_name(stage), self._waiting(f"{stage.kind} {stage.key[:8]}: another process is making it", patient))

    def _waiting(self, what: str, patient: bool = True) -> Callable[[], None]:
        """Said once while something is waited for. Errors: Stopped; Elsewhere unless it is to be `patient`."""
        told = False

        def waiting() -> None:
            nonlocal told
            if self.stopping.is_set():
                raise Stopped
            if not patient:
                raise Elsewhere
            if not told:
                self.console.line(f"[dim]waiting[/] {escape(what)}")
                told = True

        return waiting

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """One of the run's jobs: what was waited for may be left to be made here while they are all at work. Errors: Stopped."""
        while not self._slots.acquire(timeout=LOOK_SECONDS):
            if self.stopping.is_set():
                raise Stopped
        try:
            yield
        finally:
            self._slots.release()

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
