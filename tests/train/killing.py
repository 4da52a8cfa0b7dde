"""Kill a run at a chosen moment, as a power cut would."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from o1exp.flow import Store
from o1exp.train.training import Training
from tests.conftest import ROOT
from tests.train.parts import SMALL
from tests.waiting import until

QUIET_SECONDS = 40.0


def with_inputs(root: Path, trained: Store, goal: Training = SMALL) -> Store:
    """A store that holds the inputs of `goal` already."""
    trained.make(list(goal.inputs.values()))
    for stage in goal.inputs.values():
        shutil.copytree(trained.folder(stage), Store(root).folder(stage), dirs_exist_ok=True)
    return Store(root)


def killed_run(root: Path, stage: Training, moment: Callable[[Path], bool]) -> Path:
    """Make the stage in a process of its own, SIGKILL that process at the moment, and see its children end. Returns the scratch folder.

    However late this sees that the moment has come, the run has not ended: its last file is a pipe, which nobody reads. Where a moment
    that passes was not seen at all, the run begins anew from what it had.
    """
    command = [sys.executable, "-m", "tests.train.parts", str(root), pickle.dumps(stage).hex()]
    scratch, before = root / "scratch" / f"{stage.kind}-{stage.key}", root / "before"
    scratch.mkdir(parents=True, exist_ok=True)
    shutil.copytree(scratch, before)
    for _ in range(10):
        os.mkfifo(scratch / "result.json")
        parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        come = _seen(parent, scratch, moment)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until(lambda: not any(workers(scratch)))
        (scratch / "result.json").unlink()
        if come:
            shutil.rmtree(before)
            return scratch
        shutil.rmtree(scratch)
        shutil.copytree(before, scratch)
    raise AssertionError("the moment was not seen in ten runs")


def _seen(parent: "subprocess.Popen[bytes]", scratch: Path, moment: Callable[[Path], bool]) -> bool:
    """Wait for the moment; False where the run, which waits at its end, has written nothing for long and it was not seen."""
    curve, size, since = scratch / "curve.jsonl", 0, time.monotonic()
    while not moment(scratch):
        assert parent.poll() is None, "the run failed before it could be killed"
        if (now := curve.stat().st_size if curve.exists() else 0) != size:
            size, since = now, time.monotonic()
        if size and time.monotonic() - since > QUIET_SECONDS:
            return False
        time.sleep(0.002)
    return True


def workers(scratch: Path) -> Iterator[int]:
    """Living processes whose command line names this scratch folder's spec."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command, state = entry.read_bytes(), (entry.parent / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if os.fsencode(scratch / "spec.json") in command and state != "Z":
            yield int(entry.parent.name)


def checkpoint(steps: int) -> Callable[[Path], bool]:
    """True once one of at least `steps` steps stands. A run writes one after its first step, later ones as it has the time."""
    return lambda scratch: any(int(path.parent.name) >= steps for path in scratch.glob("steps/*/done.json"))


def leave(scratch: Path) -> None:
    """What a kill may leave behind at worse moments: rows after the checkpoint, the last one torn, and a checkpoint without its marker."""
    with (scratch / "curve.jsonl").open("r+") as curve:
        last = json.loads(curve.readlines()[-1])
        curve.write(json.dumps({**last, "step": last["step"] + 1, "loss": 99.0}) + '\n{"step": 99, "lo')
    (scratch / "steps" / "00000099").mkdir()
    (scratch / "steps" / "00000099" / "state").write_text("half")


def half_written_checkpoint(scratch: Path) -> bool:
    """True while a checkpoint newer than the last whole one is being written."""
    folders = sorted(scratch.glob("steps/*"))
    return len(folders) > 1 and not (folders[-1] / "done.json").exists() and any(folders[-1].iterdir())


def last_row_written(scratch: Path, steps: int) -> bool:
    """True once the training is done and the export begins."""
    curve = scratch / "curve.jsonl"
    return curve.exists() and curve.read_text().count("\n") == steps


def stopped_run(root: Path, stage: Training, steps: int) -> int:
    """Make the stage in a process of its own and interrupt that after so many steps, as a terminal or a scheduler does.

    Returns the step of the checkpoint that it left. A run that was done before it heard of it is made anew.
    """
    command = [sys.executable, "-m", "tests.train.parts", str(root), pickle.dumps(stage).hex()]
    curve = root / "scratch" / f"{stage.kind}-{stage.key}" / "curve.jsonl"
    for _ in range(10):
        parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        while parent.poll() is None and not _has_lines(curve, steps):
            time.sleep(0.002)
        parent.send_signal(signal.SIGINT)
        code = parent.wait()
        if marks := list(curve.parent.glob("steps/*/done.json")):
            (mark,) = marks
            return int(mark.parent.name)
        assert code == 0, "the run failed before it could be stopped"
        shutil.rmtree(Store(root).folder(stage))
    raise AssertionError("the run was done before it could be stopped, ten times")


def _has_lines(file: Path, count: int) -> bool:
    try:
        return file.read_text().count("\n") >= count
    except FileNotFoundError:  # not yet, or no longer
        return False
