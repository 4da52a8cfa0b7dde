"""What ZeRO-3 costs the host beside ZeRO-1: python -m tests.speed.zero3 [RANKS] [profile]; one thread a rank, CPU seconds.

A model of many layers and hardly any width, so that arithmetic is next to nothing and what is left is the host's: Python, hooks, copies and
calls of gloo. Each line is a training of its own, by the stage's own worker; with `profile` a second one under cProfile says where the time
of ZeRO-3 goes and how often DeepSpeed is called.
"""

import cProfile
import json
import pstats
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from o1exp.flow import Machine, Store
from o1exp.flow.process import leave
from o1exp.train.bases.small import Untrained
from o1exp.train.launch import environment, launch
from o1exp.train.spec import TrainSpec
from tests.conftest import ROOT
from tests.speed.runs import WARM_UP
from tests.train.parts import SMALL
from tests.train.watched import the_spec

DEEP = SMALL.replace(
    start=Untrained(hidden=32, layers=24, intermediate=64, kv_heads=2), batch_tokens=512, pack_length=256, max_length=256,
    max_steps=WARM_UP + 12, machine=Machine(micro_batch_tokens=256), checkpoint_seconds=3600.0,
)  # fmt: skip
"""24 layers of 20,000 weights; steps of two micro-batches of 256 tokens."""

WORK = {
    "forward, before a module": ("pre_sub_module_forward_function",),
    "forward, after it": ("_post_forward_module_hook",),
    "backward, before": ("pre_sub_module_backward_function",),
    "backward, after": ("post_sub_module_backward_function",),
    "autograd functions": ("_pre_backward_module_hook", "_post_backward_module_hook"),
    "gradients": ("reduce_partition_and_remove_grads", "reduce_leaf_module_grads"),
    "step": ("step",),
}
"""What DeepSpeed's functions do, by their names; none of them calls another one of the list."""
COUNTED = {
    "hooks": ("pre_sub_module_forward_function", "post_sub_module_forward_function", "pre_sub_module_backward_function",
              "post_sub_module_backward_function"),
    "gathers": ("_dist_allgather_fn", "_no_gather_coalesced"),
    "releases": ("_partition_param",),
}  # fmt: skip


def main(ranks: int, profiled: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        store.make(list(DEEP.inputs.values()))
        for again in (False, True):
            spent = {}
            for stage in (1, 3):
                machine = Machine(micro_batch_tokens=256, devices=ranks, zero_stage=stage, activation_checkpointing=again)
                training, name = DEEP.replace(machine=machine), f"ZeRO-{stage}{', recomputation' if again else ''}"
                spent[stage] = run(the_spec(store, Path(folder) / name, training), machine)
                print(f"{ranks} ranks, {name}: {1000 * spent[stage]:.0f} ms a step, {spent[stage] / spent[1]:.2f}x ZeRO-1", flush=True)
                if stage == 3 and profiled:
                    profile(the_spec(store, Path(folder) / f"{name} profile", training), machine)


def run(spec: TrainSpec, machine: Machine, profiled: bool = False) -> float:
    """CPU seconds of rank 0 a step, without the first steps."""
    file = Path(spec.scratch) / "spec.json"
    spec.save(file)
    command = launch(machine, "tests.speed.zero3", file)
    done = subprocess.run(
        [*command, "profile" if profiled else "plain"], cwd=ROOT, env=environment(machine), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-5000:]
    rows = [json.loads(row) for row in (Path(spec.scratch) / "timing.jsonl").read_text().splitlines()]
    return float(rows[-1]["cpu_seconds"] - rows[WARM_UP - 1]["cpu_seconds"]) / (len(rows) - WARM_UP)


def profile(spec: TrainSpec, machine: Machine) -> None:
    """Where the time goes, and how often DeepSpeed is called."""
    run(spec, machine, profiled=True)
    found = pstats.Stats(str(Path(spec.scratch) / "profile")).stats  # type: ignore[attr-defined]
    steps = int((Path(spec.scratch) / "profiled").read_text())
    rows = [(name, row) for (file, _, name), row in found.items() if "deepspeed" in file]
    whole = sum(row[2] for row in found.values())
    for what, names in WORK.items():
        part = sum(row[3] for name, row in rows if name in names)
        print(f"    {what}: {part / whole:.0%}", flush=True)
    counts = {what: sum(row[0] for name, row in rows if name in names) / steps for what, names in COUNTED.items()}
    print("    a step:", ", ".join(f"{count:.0f} {what}" for what, count in counts.items()), flush=True)


def rank(file: Path, profiled: bool) -> None:
    """One rank."""
    import os

    from o1exp.train.worker.accelerator import import_deepspeed

    import_deepspeed()
    from o1exp.train.worker import record
    from o1exp.train.worker.rank import train

    spec, watch, first = TrainSpec.load(file), cProfile.Profile(), int(os.environ.get("RANK", "0")) == 0
    end = record.Recorder.on_train_batch_end

    def looking(self: Any, trainer: Any, student: Any, outputs: Any, batch: Any, index: int) -> None:
        end(self, trainer, student, outputs, batch, index)
        if batch.last and self.done == WARM_UP and profiled and first:
            watch.enable()
        if batch.last and self.done == len(self.todo) and profiled and first:
            watch.disable()
            watch.dump_stats(Path(spec.scratch) / "profile")
            (Path(spec.scratch) / "profiled").write_text(str(self.done - WARM_UP))

    record.Recorder.on_train_batch_end = looking  # type: ignore[assignment]
    train(spec, int(os.environ.get("RANK", "0")))
    leave()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].isdecimal():
        main(int((sys.argv[1:] or ["1"])[0]), "profile" in sys.argv)
    else:
        rank(Path(sys.argv[1]), "profile" in sys.argv)
