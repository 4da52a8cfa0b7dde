"""What happens after every optimizer step: a row of the curve, a line of progress, an evaluation or a checkpoint where one is due."""

import math
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, Trainer

from o1exp.flow.process import leave, report
from o1exp.flow.work import STOP
from o1exp.train.data.batch import MicroBatch
from o1exp.train.data.encode import CannotTrain
from o1exp.train.data.schedule import Feed
from o1exp.train.logs import CurveRow, GreedyAnswer, OpenLogs, SamplesRow, TimingRow, ValidationRow
from o1exp.train.spec import TrainSpec
from o1exp.train.worker import sequence
from o1exp.train.worker.accelerator import found_where_read
from o1exp.train.worker.backend import backend_of
from o1exp.train.worker.evaluate import Evaluation
from o1exp.train.worker.fetch import Layers, fetch_by_layer
from o1exp.train.worker.memory import peak_mb
from o1exp.train.worker.module import Student
from o1exp.train.worker.resume import Checkpoints, Mark

SAVE, SAVE_AND_END = 1.0, 2.0
"""What rank 0 asks of all ranks after a step."""
WINDOW = 20
"""Steps over which the loss is averaged to see whether it diverges."""


class Summed(NamedTuple):
    """Of a step, over all ranks: loss, right units, gradient norm, and what rank 0 asks for: nothing, a checkpoint, that and the end."""

    loss: float
    right: float
    norm: float
    said: float


class Recorder(Callback):  # type: ignore[misc]
    """Rank 0 writes; every rank takes part in sums, evaluations and checkpoints."""

    def __init__(self, checkpoints: Checkpoints, feed: Feed, evaluation: Evaluation) -> None:
        self.checkpoints, self.feed, self.todo = checkpoints, feed, feed.todo
        self.evaluation = evaluation
        self.mark = checkpoints.latest()
        feed.first = self.mark.step if self.mark else 0
        self.done = feed.first
        self.tokens = int(self.todo.tokens[: feed.first].sum())
        self.before = self.mark.seconds if self.mark else 0.0
        scratch = checkpoints.folder.parent
        self.logs = OpenLogs(scratch, feed.first) if feed.rank == 0 else None
        self.losses = [row.loss for row in self.logs.curve.rows] if self.logs else []
        self.started = self.saved = self.saving = 0.0
        self.told_by_run = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN  # under Slurm, which tells every process

    @property
    def seconds(self) -> float:
        """Time spent training, over all lives of this run."""
        return self.before + time.monotonic() - self.started

    @property
    def best(self) -> Path:
        return self.checkpoints.folder.parent / "best"

    def on_train_start(self, trainer: Trainer, pl_module: Student) -> None:
        if self.told_by_run:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Lightning has put a handler there that ends the training
        pl_module.backend = backend_of(trainer, pl_module, pl_module.spec.max_grad_norm)
        if pl_module.spec.splits_weights:
            layers = Layers(pl_module.model)
            with layers.watched():
                pl_module.find_way()
            fetch_by_layer(trainer.strategy.deepspeed_engine, layers.suited())
        if pl_module.spec.sequence_parallel > 1:
            sequence.groups(pl_module.spec.sequence_parallel)
        with found_where_read(pl_module.model):
            pl_module.objective.ready(pl_module.model, pl_module.device)
        if self.mark:
            pl_module.backend.load(self.checkpoints.at(self.mark.step))
            if self.mark.layout != self.checkpoints.layout and trainer.is_global_zero:
                before, now = self.mark.layout[0], self.checkpoints.layout[0]
                report({"says": f"goes on after step {self.mark.step} with the same batches, on {now} ranks instead of {before}"})
        self.started = self.saved = time.monotonic()
        if not self.mark:
            self.evaluate(trainer, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Student, outputs: Any, batch: MicroBatch, batch_idx: int) -> None:
        if not batch.last:
            return
        step = self.todo[batch.step]
        self.done = batch.step + 1
        self.tokens += step.tokens
        asked = self.wanted(pl_module.spec.checkpoint_seconds) if trainer.is_global_zero else 0.0
        found = self.summed(trainer, pl_module, asked)
        loss = found.loss / step.weight
        self.check(loss, found.norm, pl_module.spec)
        self.note(
            CurveRow(
                step=self.done,
                tokens=self.tokens,
                loss=loss,
                accuracy=found.right / step.weight,
                lr=step.lr,
                grad_norm=found.norm,
            ),
            pl_module,
        )
        self.evaluate(trainer, pl_module)
        if found.said and self.done < len(self.todo):  # resuming with nothing left to do, the trainer would not even load the weights
            self.save(trainer, pl_module)
            if found.said == SAVE_AND_END:
                leave()

    def on_train_end(self, trainer: Trainer, pl_module: Student) -> None:
        """Go back to the step with the lowest validation loss, where that is asked for."""
        if pl_module.spec.keep == "best" and (self.best / "done").exists():
            pl_module.backend.load(self.best)

    def summed(self, trainer: Trainer, student: Student, asked: float) -> Summed:
        """Here, once a step, the host waits for the device."""
        shared = torch.cat([student.summed, student.summed.new_full((1,), asked)])
        student.summed = torch.zeros_like(student.summed)
        if trainer.world_size > 1:
            torch.distributed.all_reduce(shared)
        loss, right, said, norm = torch.cat([shared, student.grad_norm.to(shared).view(1)]).tolist()
        return Summed(loss, right, norm, said)

    def check(self, loss: float, norm: float, spec: TrainSpec) -> None:
        """Errors: CannotTrain for a loss or gradient that is no number, or a loss that has risen for good."""
        self.losses.append(loss)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise CannotTrain(
                f"step {self.done}: loss {loss}, gradient norm {norm}; lower lr={spec.lr:g}, or look for broken rows of the "
                f"data among {self.feed.rows(self.todo[self.done - 1])}"
            )
        rise = risen(self.losses) if self.logs else 0.0  # after a resume only rank 0 knows all losses; its end is that of all ranks
        if spec.max_rise and rise > spec.max_rise:
            worst = max(range(self.done - WINDOW, self.done), key=lambda at: self.losses[at])
            raise CannotTrain(
                f"step {self.done}: the mean loss of {WINDOW} steps is {rise:.2f} above its lowest (max_rise={spec.max_rise:g}): the "
                f"training diverges; lower lr={spec.lr:g}, or look at the worst step {worst + 1} with the rows "
                f"{self.feed.rows(self.todo[worst])}"
            )

    def note(self, row: CurveRow, student: Student) -> None:
        """Write the step's rows: what is the same in every run of these settings, and apart from it what is not."""
        if not self.logs:
            return
        self.logs.curve.add(row)
        seconds, cpu_seconds = round(self.seconds, 3), round(time.process_time(), 3)
        self.logs.timing.add(TimingRow(step=row.step, seconds=seconds, cpu_seconds=cpu_seconds, memory_mb=peak_mb(student.device)))
        report({"step": row.step, "steps": len(self.todo), "tokens": row.tokens, "loss": row.loss, "seconds": round(self.seconds, 1)})

    def evaluate(self, trainer: Trainer, student: Student) -> None:
        if not self.evaluation.due(self.done, len(self.todo)):
            return
        with found_where_read(student.model):
            loss, right = self.evaluation.loss(student.model, student.objective, student.device)
            written = self.sampled(student) if self.evaluation.prompts else []
        lowest = True
        if self.logs:
            kept = [row.loss for row in self.logs.validation.rows]
            lowest = not kept or loss < min(kept)
            self.logs.validation.add(ValidationRow(step=self.done, tokens=self.tokens, loss=loss, accuracy=right))
            if written:
                self.logs.samples.add(SamplesRow(step=self.done, tokens=self.tokens, samples=tuple(written)))
        if student.spec.keep == "best" and trainer.strategy.broadcast(lowest):
            self.save_best(trainer, student)

    def sampled(self, student: Student) -> list[GreedyAnswer]:
        """Greedy answers, which each rank writes alone where all weights fit there: together they fetch every layer for every token."""
        with student.backend.whole() as alone:
            if self.logs and not alone and not self.logs.samples.rows:
                report(
                    {"says": "all weights do not fit on one device, so the ranks write samples together, slowly; samples=0 leaves them out"}
                )
            return self.evaluation.samples(student.model, student.device, not alone)

    def save_best(self, trainer: Trainer, student: Student) -> None:
        if trainer.is_global_zero:
            shutil.rmtree(self.best, ignore_errors=True)
            self.best.mkdir()
        trainer.strategy.barrier()
        student.backend.save(self.best)
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            (self.best / "done").touch()

    def wanted(self, seconds: float) -> float:
        """What this rank asks for after a step: nothing, SAVE or SAVE_AND_END."""
        if (self.checkpoints.folder.parent / STOP).exists():
            return SAVE_AND_END
        return SAVE if self.due(seconds) else 0.0

    def due(self, seconds: float) -> bool:
        """Is it time for a checkpoint? Writing them may take a tenth of the time, not more."""
        return time.monotonic() - self.saved > max(seconds, 10 * self.saving)

    def save(self, trainer: Trainer, student: Student) -> None:
        """All ranks write their part, and only then the marker."""
        began = time.monotonic()
        if trainer.is_global_zero:
            self.checkpoints.clear(self.done)
        trainer.strategy.barrier()
        student.backend.save(self.checkpoints.at(self.done))
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            self.checkpoints.finish(Mark(step=self.done, seconds=self.seconds, layout=self.checkpoints.layout))
        self.saved = time.monotonic()
        self.saving = self.saved - began


def risen(losses: Sequence[float]) -> float:
    """How far the mean of the last WINDOW losses lies above the lowest such mean before."""
    if len(losses) < 2 * WINDOW:
        return 0.0
    sums = [sum(losses[at : at + WINDOW]) for at in range(0, len(losses) - 2 * WINDOW + 1, WINDOW)]
    return (sum(losses[-WINDOW:]) - min(sums)) / WINDOW
