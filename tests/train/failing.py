"""A worker whose second rank fails in its third step, and otherwise is the true one."""

import os
import sys
from pathlib import Path
from typing import Any

from o1exp.train.worker.rank import main


def fail(student: Any, batch: Any, batch_idx: int) -> None:
    if os.environ["RANK"] == "1" and batch.step == 2:
        raise ArithmeticError("rank 1 cannot count any more")


if __name__ == "__main__":
    from o1exp.train.worker import module

    true_step = module.Student.training_step

    def step(student: Any, batch: Any, batch_idx: int) -> None:
        fail(student, batch, batch_idx)
        true_step(student, batch, batch_idx)

    module.Student.training_step = step  # type: ignore[assignment, method-assign]
    main(Path(sys.argv[1]))
