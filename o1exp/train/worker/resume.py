"""Checkpoints in scratch that survive a kill at any moment: a folder counts only once its done-marker stands."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from o1exp.train.spec import TrainSpec

MARKER = "done.json"
LAYOUTS = ("packed", "rows", "alone")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a checkpoint holds: `step` optimizer steps are done, after `seconds` of training, by ranks of this `layout`."""

    step: int
    seconds: float
    layout: list[int]


class Checkpoints:
    """The checkpoints of one training, `<scratch>/steps/<step>/`.

    After a change of strategy, ZeRO stage or packing an old checkpoint does not count. Other ranks or micro-batches go on from it, with the
    same batches: their sums are rounded another way, so that the bytes at the end are others, and losses the same to rounding.
    """

    def __init__(self, spec: TrainSpec) -> None:
        self.folder = Path(spec.scratch) / "steps"
        self.keep = spec.keep_checkpoints
        alone = -2 if spec.precision == "bf16" else -1  # with fp32 copies of the weights, or without
        self.layout = [spec.ranks, spec.zero_stage if spec.strategy == "deepspeed" else alone, spec.packs_per_micro_batch]
        self.layout += [LAYOUTS.index(spec.packing)] if spec.packing != "auto" else []

    def at(self, step: int) -> Path:
        return self.folder / f"{step:08d}"

    def latest(self) -> Mark | None:
        """The newest finished checkpoint that this training can go on from."""
        for folder in sorted(self.folder.glob("[0-9]*"), reverse=True):
            if (folder / MARKER).exists():
                mark = Mark(**json.loads((folder / MARKER).read_text(encoding="utf-8")))
                if self.without_ranks(mark.layout) == self.without_ranks(self.layout):
                    return mark
        return None

    @staticmethod
    def without_ranks(layout: list[int]) -> list[int]:
        """What has to be the same: all but the number of ranks and the packs of a micro-batch."""
        return [layout[1], *layout[3:]]

    def clear(self, step: int) -> Path:
        """An empty folder for this step's checkpoint; an unfinished one is thrown away."""
        shutil.rmtree(self.at(step), ignore_errors=True)
        self.at(step).mkdir(parents=True)
        return self.at(step)

    def finish(self, mark: Mark) -> None:
        """Declare the checkpoint whole, then drop older and unfinished ones."""
        marker = self.at(mark.step) / MARKER
        partial = marker.with_suffix(".part")
        partial.write_text(json.dumps(asdict(mark)), encoding="utf-8")
        partial.rename(marker)
        whole = sorted(found.parent for found in self.folder.glob(f"[0-9]*/{MARKER}"))
        for folder in sorted(self.folder.glob("[0-9]*")):
            if folder not in whole[-self.keep :]:
                (folder / MARKER).unlink(missing_ok=True)
                shutil.rmtree(folder)
