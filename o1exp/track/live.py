"""A run in MLflow while it is made: there from its start, with the state of its stages, and the curves as training writes them."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.bench.grade import ATTEMPTS
from o1exp.flow.errors import Stopped
from o1exp.flow.stage import Stage, walk
from o1exp.flow.store import Store
from o1exp.history.runs import RunRecord
from o1exp.report.curves import CURVE_POINTS, CurvePoint
from o1exp.secrets import masked
from o1exp.track.client import connected, experiment
from o1exp.track.opening import sweep_run
from o1exp.track.tracking import Begun, Cell, Tracking, key_of
from o1exp.track.unsent import tried
from o1exp.train.facts import START
from o1exp.train.logs import CURVE, TIMING, VALIDATION, LogFile

if TYPE_CHECKING:
    from mlflow import MlflowClient


SECONDS = 10.0
"""Between two looks: what happened meanwhile goes out in one batch."""


@contextmanager
def live(tracking: Tracking, record: RunRecord, cell: Cell | None, goals: Mapping[str, Stage[Any]], store: Store) -> Iterator[Begun]:
    """Open while the stages are made. A server that is down, or anything else of MLflow's, changes nothing of that."""
    watched = _Watched(tracking, record, cell, goals, store)
    thread = threading.Thread(target=watched.watch, name="mlflow", daemon=True)
    thread.start()
    state = "FAILED"
    try:
        yield watched.begun
        state = ""
    except (KeyboardInterrupt, Stopped):
        state = "KILLED"
        raise
    except BaseException as wrong:
        watched.why = masked(str(wrong)).partition("\n")[0][:500]
        raise
    finally:
        watched.begun.ended = time.time()
        watched.over.set()
        thread.join()
        watched.end(state)


@dataclass
class _Watched:
    tracking: Tracking
    record: RunRecord
    cell: Cell | None
    goals: Mapping[str, Stage[Any]]
    store: Store
    begun: Begun = field(default_factory=Begun)
    over: threading.Event = field(default_factory=threading.Event)
    why: str = ""
    began: float = field(default_factory=time.time)
    said: str = ""

    def watch(self) -> None:
        with suppress(Exception):  # the run is logged from its artefacts when it has ended, or kept for later
            self._begin()
            trained = list(self._trainings())
            while True:
                last = self.over.wait(SECONDS)
                with tried(self.tracking.uri, self.store.root), connected(self.tracking.uri, self.store.root, alone=False) as client:
                    self._tell_stages(client)
                    for training in trained:
                        training.tell(client, self.begun)
                if last:
                    return

    def end(self, state: str) -> None:
        """A run that failed or was interrupted has that state; what was made is logged by its artefacts."""
        if not state or not self.begun.runs:
            return
        uri, root = self.tracking.uri, self.store.root
        with suppress(Exception), tried(uri, root), connected(uri, root, alone=False) as client:
            for run_id in self.begun.runs.values():
                client.set_tag(run_id, "status", f"{state.lower()}: {self.why}" if self.why else state.lower())
                client.set_terminated(run_id, status=state, end_time=int(1000 * self.begun.ended))

    def _begin(self) -> None:
        from o1exp.track.logged import arm_begun, begun
        from o1exp.track.writing import as_cell, create, logged

        root, cell = self.store.root, self.cell
        with tried(self.tracking.uri, root), connected(self.tracking.uri, root) as client:
            own = experiment(client, self.tracking.uri, root, self.record.study)
            parent = (cell.parent or sweep_run(client, root, own, cell.sweep)) if cell else None
            if elsewhere(client, own, key_of(self.record, cell)) or logged(client, own, key_of(self.record, cell), parent):
                return
            self.begun.runs[""] = create(client, own, as_cell(begun(self.record, self.began), self.record, cell), parent)
            for arm in self.goals if len(self.goals) > 1 else ():
                self.begun.runs[arm] = create(client, own, arm_begun(self.record, arm, self.began), self.begun.runs[""])

    def _tell_stages(self, client: "MlflowClient") -> None:
        """How many stages are there, and which are being made; the same again is not said twice."""
        stages = walk(list(self.goals.values()))
        done = {one.stage.key for one in self.store.done}
        names = {key: name for name, key in self.record.stages.items()}
        making = [names.get(s.key, s.kind) for s in stages if s.key not in done and (self.store.root / _scratch(s)).is_dir()]
        count = sum(stage.key in done for stage in stages)
        text = f"{count} of {len(stages)} stages" + (f", now {', '.join(making)}" if making else "")
        if text != self.said and "" in self.begun.runs:
            client.set_tag(self.begun.runs[""], "status", text)
            client.log_metric(self.begun.runs[""], "stages_done", count, step=count)
            self.said = text

    def _trainings(self) -> "Iterator[_Training]":
        for arm, goal in self.goals.items():
            own = arm if len(self.goals) > 1 else ""
            for number, stage in enumerate(phases(goal), 1):
                yield _Training(own, number, self.store.root / _scratch(stage))


@dataclass
class _Training:
    """A training that may be under way: its logs grow in its scratch folder."""

    arm: str
    number: int
    scratch: Path

    def tell(self, client: "MlflowClient", begun: Begun) -> None:
        """The new points of its curves, in one batch."""
        from o1exp.track.measured import of_curve
        from o1exp.track.writing import parts

        told = begun.told.setdefault(self.arm, {})
        found = list(self._points(told))
        if not found or self.arm not in begun.runs:
            return
        begun_at = self.scratch / "source"  # the store leaves it when it begins, at the time that the manifest will name
        started = float(int(begun_at.stat().st_mtime)) if begun_at.is_file() else time.time()
        for some in parts([of_curve(point, started) for point in found], 900):
            client.log_batch(begun.runs[self.arm], metrics=some)
        for point in found:
            told[point.name] = max(told.get(point.name, 0), point.at)

    def _points(self, told: dict[str, int]) -> Iterator[CurvePoint]:
        seconds = {row.step: row.seconds for row in _rows(self.scratch, TIMING)}
        by_step, by_tokens = f"phase{self.number}/", f"phase{self.number}_by_tokens/"
        last = told.get(f"{by_step}loss", 0)
        for row in _rows(self.scratch, CURVE):
            if row.step <= last or row.step - last < row.step / (CURVE_POINTS / 2):  # ever sparser: nobody knows how long it will be
                continue
            last = row.step
            learned = {"loss": row.loss, "accuracy": row.accuracy, "grad_norm": row.grad_norm, "lr": row.lr}
            yield from _named(learned, by_step, row.step, seconds.get(row.step, 0.0))
            yield from _named(learned, by_tokens, row.tokens, seconds.get(row.step, 0.0))
        checked_last = told.get(f"{by_step}validation_loss", -1)
        for checked in _rows(self.scratch, VALIDATION):
            if checked.step > checked_last:
                found = {"validation_loss": checked.loss, "validation_accuracy": checked.accuracy}
                yield from _named(found, by_step, checked.step, seconds.get(checked.step, 0.0))
                yield from _named(found, by_tokens, checked.tokens, seconds.get(checked.step, 0.0))


def phases(goal: Stage[Any]) -> list[Stage[Any]]:
    """The trainings of the model that a result stands on, first phase first; empty for any other goal."""
    chain: list[Stage[Any]] = []
    sampled = [inner for grade in goal.inputs.values() for edge, inner in grade.inputs.items() if edge == ATTEMPTS]
    model = next((inner for sample in sampled for inner in sample.inputs.values() if inner.role in ("sft", "rl")), None)
    while model is not None and model.role in ("sft", "rl"):
        chain.insert(0, model)
        model = model.inputs.get(START)
    return chain


def elsewhere(client: "MlflowClient", experiment_id: str, key: str) -> bool:
    """Does another process of this machine, which lives, make the same run just now?"""
    from o1exp.track.names import searched

    host = socket.gethostname()
    for run in client.search_runs([experiment_id], f"tags.`o1exp.key` = '{searched(key)}' and attributes.status = 'RUNNING'"):
        name, _, number = run.data.tags.get("o1exp.process", "").rpartition(" ")
        if name == host and number.isdigit() and Path("/proc", number).exists():
            return True
    return False


def _named(values: Mapping[str, float | None], prefix: str, at: int, seconds: float) -> Iterator[CurvePoint]:
    yield from (CurvePoint(prefix + name, value, at, seconds) for name, value in values.items() if value is not None)


def _rows(scratch: Path, log: LogFile[Any]) -> list[Any]:
    """The whole rows; the last one may be half written."""
    place = next(scratch.glob(f"**/{log.name}"), None)
    text = place.read_text(encoding="utf-8") if place else ""
    return [log.parsed(line) for line in text.split("\n")[:-1] if line]


def _scratch(stage: Stage[Any]) -> Path:
    return Path("scratch", f"{stage.kind}-{stage.key}")
