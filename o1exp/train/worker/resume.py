"""Checkpoints in scratch that survive a kill at any moment: a folder counts only once its done-marker stands."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from o1exp.train.spec import TrainSpec

MARKER = "done.json"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a checkpoint holds: `step` optimizer steps are done, after `seconds` of training. It fits only a run of the same `layout`."""

    step: int
    seconds: float
    layout: list[int]


class Checkpoints:
    """The checkpoints of one training, `<scratch>/steps/<step>/`.

    After a change of ranks, strategy, ZeRO stage or micro-batches an old checkpoint does not count: its sums were rounded another way.
    """

    def __init__(self, spec: TrainSpec) -> None:
        self.folder = Path(spec.scratch) / "steps"
        self.keep = spec.keep_checkpoints
        self.layout = [spec.ranks, spec.zero_stage if spec.strategy == "deepspeed" else -1, spec.packs_per_micro_batch]

    def at(self, step: int) -> Path:
        return self.folder / f"{step:08d}"

    def latest(self) -> Mark | None:
        """The newest finished checkpoint of this layout."""
        for folder in sorted(self.folder.glob("[0-9]*"), reverse=True):
            if (folder / MARKER).exists():
                mark = Mark(**json.loads((folder / MARKER).read_text()))
                if mark.layout == self.layout:
                    return mark
        return None

    def clear(self, step: int) -> Path:
        """An empty folder for this step's checkpoint; an unfinished one is thrown away."""
        shutil.rmtree(self.at(step), ignore_errors=True)
        self.at(step).mkdir(parents=True)
        return self.at(step)

    def finish(self, mark: Mark) -> None:
        """Declare the checkpoint whole, then drop older and unfinished ones."""
        marker = self.at(mark.step) / MARKER
        partial = marker.with_suffix(".part")
        partial.write_text(json.dumps(asdict(mark)))
        partial.rename(marker)
        whole = sorted(found.parent for found in self.folder.glob(f"[0-9]*/{MARKER}"))
        for folder in sorted(self.folder.glob("[0-9]*")):
            if folder not in whole[-self.keep :]:
                (folder / MARKER).unlink(missing_ok=True)
                shutil.rmtree(folder)


class Log:
    """A file of JSON rows in scratch, each with its `step`. After a kill, rows past the checkpoint (whole or torn) are written anew."""

    def __init__(self, path: Path, last_step: int) -> None:
        self.rows = list(_rows_up_to(path, last_step)) if last_step and path.exists() else []
        partial = path.with_suffix(".part")
        partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows))
        partial.rename(path)
        self.path = path
        self.file = path.open("a")

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self.file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self.file.flush()


def _rows_up_to(path: Path, last_step: int) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            return  # torn by the kill, so past the checkpoint
        if row["step"] > last_step:
            return
        yield row
