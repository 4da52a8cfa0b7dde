"""What happens after every optimizer step: a row of the curve, a line of progress, now and then a checkpoint."""

import json
import math
import time
from typing import Any, TextIO

import torch
from lightning.pytorch import Callback, Trainer

from o1exp.train.batch import MicroBatch
from o1exp.train.encode import Refused
from o1exp.train.module import Student
from o1exp.train.resume import Checkpoints, Curve, Mark
from o1exp.train.schedule import Feed, Step

TAG = "state"


class Recorder(Callback):  # type: ignore[misc]
    """Rank 0 writes; every rank takes part in sums and checkpoints. `progress` is the pipe to the parent."""

    def __init__(self, checkpoints: Checkpoints, todo: list[Step], feed: Feed, progress: TextIO) -> None:
        self.checkpoints, self.todo, self.feed, self.progress = checkpoints, todo, feed, progress
        self.mark = checkpoints.latest()
        feed.first = self.mark.step if self.mark else 0
        self.done = feed.first
        self.tokens = sum(step.tokens for step in todo[: feed.first])
        self.before = self.mark.seconds if self.mark else 0.0
        self.curve: Curve | None = None
        self.started = self.saved = self.saving = 0.0

    @property
    def seconds(self) -> float:
        """Time spent training, over all lives of this run."""
        return self.before + time.monotonic() - self.started

    def on_train_start(self, trainer: Trainer, pl_module: Student) -> None:
        if self.mark:
            engine = trainer.strategy.deepspeed_engine
            found, _ = engine.load_checkpoint(str(self.checkpoints.at(self.mark.step)), tag=TAG, load_lr_scheduler_states=False)
            assert found is not None, f"DeepSpeed did not read the checkpoint of step {self.mark.step}"
        if trainer.is_global_zero:
            self.curve = Curve(self.checkpoints.folder.parent / "curve.jsonl", self.feed.first)
        self.started = self.saved = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Student, outputs: Any, batch: MicroBatch, batch_idx: int) -> None:
        if not batch.last:
            return
        step = self.todo[batch.step]
        self.done = batch.step + 1
        due = trainer.is_global_zero and self.due(pl_module.spec.checkpoint_seconds)
        shared = torch.stack([pl_module.summed, torch.tensor(float(due), dtype=torch.float64, device=pl_module.summed.device)])
        pl_module.summed = torch.zeros_like(pl_module.summed)
        if trainer.world_size > 1:
            torch.distributed.all_reduce(shared)
        summed, save = shared.tolist()
        self.tokens += step.tokens
        loss = summed / step.labels
        if not math.isfinite(loss) or not math.isfinite(pl_module.grad_norm):
            rows = sorted(int(self.feed.data.rows[document]) for pack in step.packs for document in pack)
            raise Refused(
                f"step {self.done}: loss {loss}, gradient norm {pl_module.grad_norm}; lower lr={pl_module.spec.lr:g}, or look for broken "
                f"rows of the data among {rows}"
            )
        if self.curve:
            self.curve.add({"step": self.done, "tokens": self.tokens, "loss": loss, "lr": step.lr, "grad_norm": pl_module.grad_norm})
            line = {"step": self.done, "steps": len(self.todo), "tokens": self.tokens, "loss": loss}
            print(json.dumps(line), file=self.progress, flush=True)
        if save and self.done < len(self.todo):  # resuming with nothing left to do, the trainer would not even load the weights
            self.save(trainer, self.done)

    def due(self, seconds: float) -> bool:
        """Is it time for a checkpoint? Writing them may take a tenth of the time, not more."""
        return time.monotonic() - self.saved > max(seconds, 10 * self.saving)

    def save(self, trainer: Trainer, step: int) -> None:
        """All ranks write their part, and only then the marker."""
        began = time.monotonic()
        if trainer.is_global_zero:
            self.checkpoints.clear(step)
        trainer.strategy.barrier()
        trainer.strategy.deepspeed_engine.save_checkpoint(str(self.checkpoints.at(step)), tag=TAG, save_latest=False)
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            self.checkpoints.finish(Mark(step=step, seconds=self.seconds, layout=self.checkpoints.layout))
        self.saved = time.monotonic()
        self.saving = self.saved - began
