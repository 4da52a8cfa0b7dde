"""Whole stages on a GPU, side by side: full and LoRA, DPO, validation, ZeRO and one device, a kill and a resume, the export loaded again.

python -m tests.speed.gpu_whole FOLDER runs every case in a process of its own and prints a JSON line for each.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.flow import Stage, Store, Work
from o1exp.flow.gpus import here
from o1exp.flow.lease import GpuQueue
from o1exp.records import Pair, Table
from o1exp.train.dpo import Dpo
from o1exp.train.training import Training
from tests.train.parts import SMALL, curve_of, loaded, manifest_of, sums


@dataclass(frozen=True, kw_only=True)
class Preferences(Stage[Table[Pair]]):
    """The right sum preferred to one with another answer."""

    count: int = 40

    def make(self, work: Work) -> None:
        work.write(Pair, self._pairs())

    def _pairs(self) -> Iterator[Pair]:
        for number, row in enumerate(sums(self.count)):
            wrong = row.response.split("Answer")[0] + f"Answer: {number}"
            yield Pair(problem=row.problem, prompt=row.prompt, chosen=row.response, rejected=wrong)


def on_gpu(stage: Training, **machine: Any) -> Training:
    changed: Training = stage.replace(machine=dataclasses.replace(stage.machine, accelerator="gpu", **machine))
    return changed


BF16 = SMALL.replace(precision="bf16")
PREFERRED = Dpo(
    start=SMALL.start, pairs=Preferences(), lr=1e-3, lr_scheduler_type="constant", warmup_ratio=0.0, epochs=4, batch_tokens=2048,
    pack_length=512, max_length=512, max_grad_norm=0.0, machine=SMALL.machine, checkpoint_seconds=0.0, beta=0.5, precision="bf16",
)  # fmt: skip
LOOKED_AT = {"validation_fraction": 0.3, "samples": 1, "sample_tokens": 6, "keep": "best"}
CASES: dict[str, Training] = {
    "fp32": on_gpu(SMALL), "bf16": on_gpu(BF16), "bf16 single": on_gpu(BF16, strategy="single"), "bf16 zero3": on_gpu(BF16, zero_stage=3),
    "lora": on_gpu(BF16.replace(tuning="lora", lora_r=4, lr=2e-2)), "lora dropout": on_gpu(BF16.replace(tuning="lora", lora_dropout=0.2)),
    "dpo": on_gpu(PREFERRED), "dpo recomputed": on_gpu(PREFERRED, activation_checkpointing=True),
    "validation, samples, best": on_gpu(BF16.replace(**LOOKED_AT)), "same on zero3": on_gpu(BF16.replace(**LOOKED_AT), zero_stage=3),
    "deterministic": on_gpu(BF16, deterministic=True), "deterministic lora": on_gpu(BF16.replace(tuning="lora"), deterministic=True),
    "deterministic single": on_gpu(BF16, deterministic=True, strategy="single"),
}  # fmt: skip
KILLED = [name for name in CASES if "deterministic" in name]


def made(root: Path, name: str) -> None:
    """Make the case's stage, load what it exported, and say what came out."""
    store, stage = Store(root), CASES[name]
    store.queue = GpuQueue(here(), root / "gpus")  # the cases share one GPU, so each has a queue of its own
    store.make([stage])
    curve = curve_of(store, stage)
    facts = manifest_of(store, stage).facts
    model = loaded(store.get(stage).source)
    written = model.generate(max_new_tokens=4, do_sample=False, inputs=_prompt())
    row = {"loss": [curve[0]["loss"], curve[-1]["loss"]], "accuracy": curve[-1]["accuracy"], "digest": manifest_of(store, stage).digest}
    print(json.dumps({"part": f"whole {name}", **row, "resumed_at": facts["resumed_at"], "tokens": written[0].tolist()[-4:]}), flush=True)


def _prompt() -> Any:
    import torch

    return torch.arange(5, 15)[None]


def killed(root: Path, name: str) -> None:
    """Kill the case's process with kill -9 behind its third checkpoint."""
    stage = CASES[name]
    program = start(root, name, subprocess.DEVNULL)
    scratch, until = root / "scratch" / f"{stage.kind}-{stage.key}", time.monotonic() + 120
    while time.monotonic() < until and program.poll() is None:
        if any(int(path.parent.name) >= 3 for path in scratch.glob("steps/*/done.json")):
            break
        time.sleep(0.002)
    program.send_signal(signal.SIGKILL)
    program.wait()
    time.sleep(3.0)  # its worker ends with it


def start(root: Path, name: str, out: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.speed.gpu_whole", str(root), name], stdout=out, stderr=subprocess.STDOUT, env=os.environ
    )


def main(folder: Path) -> None:
    running = [(name, folder / name.replace(" ", "-") / "out.log") for name in CASES]
    programs = []
    for _, log in running:
        log.parent.mkdir(parents=True)
        programs.append(start(log.parent, _, log.open("wb")))
    for name in KILLED:
        killed(folder / f"killed-{name.replace(' ', '-')}", name)
        again = folder / f"killed-{name.replace(' ', '-')}"
        running.append((f"{name}, killed", again / "out.log"))
        programs.append(start(again, name, (again / "out.log").open("wb")))
    digests: dict[str, str] = {}
    for (name, log), program in zip(running, programs, strict=True):
        program.wait(timeout=240)
        said = log.read_text(errors="replace")
        row = next((json.loads(line) for line in said.splitlines() if line.startswith('{"part": "whole')), {"failed": said[-1200:]})
        digests[name] = str(row.get("digest", ""))
        print(json.dumps({**row, "part": f"whole {name}"}), flush=True)
    same = {name: digests[name] == digests[f"{name}, killed"] != "" for name in KILLED}
    print(json.dumps({"part": "whole: equal bytes after a kill", **same}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        made(Path(sys.argv[1]), sys.argv[2])
    else:
        main(Path(sys.argv[1]))
