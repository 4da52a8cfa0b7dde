"""Ending trials that fall behind: training writes its validation loss as it goes, and a cell compares it with those of the cells before.

The rows are copied to `validation.jsonl` in the cell's folder, the channel from stage to search. The rule is the median's (Golovin 2017),
for any number of objectives, where Optuna's own pruners take one.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from statistics import median

from o1exp.flow.stage import Stage, walk
from o1exp.flow.store import Store
from o1exp.train.logs import VALIDATION, ValidationRow

CHANNEL = "validation.jsonl"
WARM = 4
"""So many other trials must have come as far before one is ended."""
SECONDS = 0.5


@dataclass
class Watch:
    """Watches the last training below a goal, and stops the store where its trial falls behind."""

    folder: Path
    goals: list[Stage[object]]
    pruned: str = ""
    _end: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def over(self, store: Store) -> Iterator[None]:
        trainings = [stage for stage in walk(self.goals) if stage.role in ("sft", "rl")]
        thread = threading.Thread(target=self._watch, args=(store, trainings[-1]), daemon=True) if trainings else None
        if thread is not None:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            if thread is not None:
                thread.join()

    def _watch(self, store: Store, training: Stage[object]) -> None:
        scratch, done = store.root / "scratch" / f"{training.kind}-{training.key}", store.folder(training)
        while True:
            last = self._end.wait(SECONDS)
            found = [path for place in (scratch, done) for path in place.glob(f"**/{VALIDATION.name}")]
            rows = read(found[0]) if found else []
            if rows:
                write(self.folder, rows)
            if last:
                return
            if rows and (why := behind(self.folder, rows)):
                self.pruned = why
                store.stopping.set()
                return


def read(path: Path) -> list[ValidationRow]:
    """The whole rows; the last one may be half written."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [VALIDATION.parsed(line) for line in lines]


def write(folder: Path, rows: list[ValidationRow]) -> None:
    text = "".join(json.dumps({"step": row.step, "tokens": row.tokens, "loss": row.loss}) + "\n" for row in rows)
    (folder / CHANNEL).write_text(text, encoding="utf-8")


def behind(folder: Path, rows: list[ValidationRow]) -> str:
    """Why a trial is ended at its last row: its best loss is above the median of what others had by then; "" where it goes on."""
    if not rows[-1].step:
        return ""
    tokens = rows[-1].tokens
    best = min(_by(rows, tokens), default=inf)
    others = [read(place) for place in folder.parent.glob(f"*/{CHANNEL}") if place.parent != folder]
    losses = [min(early) for other in others if other and other[-1].tokens >= tokens and (early := _by(other, tokens))]
    if len(losses) < WARM or best <= (middle := median(losses)):
        return ""
    return f"validation loss {best:.4g} after {tokens:,} tokens, above the median {middle:.4g} of {len(losses)} other trials"


def _by(rows: list[ValidationRow], tokens: int) -> list[float]:
    """The losses by then that are numbers: a training that diverges may have others, and no median is told from those."""
    return [row.loss for row in rows if row.step and row.tokens <= tokens and isfinite(row.loss)]
