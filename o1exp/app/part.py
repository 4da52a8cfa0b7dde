"""What a job runs: the stages that it was given of a run, and word of how it ended.

python -m o1exp.app.part PLACE KEY ... -- WORD ...: PLACE is that of its files without an ending, WORDs are the run's.
"""

import os
import sys
from pathlib import Path

from o1exp.app.job import INTERRUPTED, PARTS, SAID, launched
from o1exp.app.slurm.kept import Ending, end
from o1exp.app.slurm.queue import requeue

MOST = 20
"""So often a job is put back into the queue before somebody should look at it."""


def main(words: list[str]) -> int:
    base, number = Path(words[0]), os.environ["SLURM_JOB_ID"]
    after = words.index("--")
    PARTS[:], sys.argv = words[1:after], ["o1exp", *words[after + 1 :]]
    code = launched()
    if code == INTERRUPTED:
        return _ended(base, number)
    said = next((line for line in reversed(SAID) if line), "ended").partition("\n")[0]
    end(base, Ending(number, code, "" if code == 0 else f"failed: {said}"))
    return code


def _ended(base: Path, number: str) -> int:
    """Before its time limit, or to make room for others: what was done is kept, and the job waits for its next turn."""
    again = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
    print("ended early; what was done is kept", flush=True)  # said before Slurm ends this process, as it does at once
    why = f"it was put back {again} times" if again >= MOST else requeue(number)
    if not why:
        print("put back into the queue, it goes on where it was", flush=True)
        return INTERRUPTED
    print(f"not put back into the queue: {why}; the same command goes on", flush=True)
    end(base, Ending(number, INTERRUPTED, f"was ended early and not put back into the queue: {why}; the same command goes on"))
    return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
