"""Whole stages on a GPU: full and LoRA, DPO, validation, ZeRO and one device, a kill and a resume, the export loaded again and sampled.

python -m tests.speed.gpu_whole FOLDER SECONDS runs four cases at a time, each in a process of its own, and prints a JSON line as each ends.
Without a GPU they run on the CPU, to try the program.
"""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
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
    changed: Training = stage.replace(machine=dataclasses.replace(stage.machine, accelerator="gpu" if here() else "cpu", **machine))
    return changed


BF16 = SMALL.replace(precision="bf16")
PREFERRED = Dpo(
    start=SMALL.start, pairs=Preferences(), lr=1e-3, lr_scheduler_type="constant", warmup_ratio=0.0, epochs=4, batch_tokens=2048,
    pack_length=512, max_length=512, max_grad_norm=0.0, machine=SMALL.machine, checkpoint_seconds=0.0, beta=0.5, precision="bf16",
)  # fmt: skip
LOOKED_AT = {"validation_fraction": 0.3, "samples": 1, "sample_tokens": 6, "keep": "best"}
EXACT = on_gpu(BF16, deterministic=True)
CASES: dict[str, Training] = {
    "deterministic": EXACT, "parked": on_gpu(EXACT, activation_checkpointing=True, offload_activations=True),
    "lora": on_gpu(BF16.replace(tuning="lora", lora_r=4, lr=2e-2)),
    "validation, samples, best on zero3": on_gpu(BF16.replace(**LOOKED_AT), zero_stage=3), "dpo": on_gpu(PREFERRED), "bf16": on_gpu(BF16),
    "single": on_gpu(BF16, strategy="single"), "lora zero3": on_gpu(BF16.replace(tuning="lora", lora_dropout=0.2), zero_stage=3),
    "fp32": on_gpu(SMALL),
}  # fmt: skip
KILLED, SIDE_BY_SIDE = "deterministic, killed", 4


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


def started(root: Path, name: str) -> "subprocess.Popen[bytes]":
    root.mkdir(parents=True, exist_ok=True)
    with (root / "out.log").open("wb") as out:
        command = [sys.executable, "-m", "tests.speed.gpu_whole", str(root), name]
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)


def kill(root: Path, name: str) -> None:
    """Start the case, and kill its process with kill -9 behind its third checkpoint."""
    stage, program = CASES[name], started(root, name)
    scratch, until = root / "scratch" / f"{stage.kind}-{stage.key}", time.monotonic() + 90
    while time.monotonic() < until and program.poll() is None:
        if any(int(path.parent.name) >= 3 for path in scratch.glob("steps/*/done.json")):
            break
        time.sleep(0.002)
    program.kill()
    program.wait()
    time.sleep(2.0)  # its worker ends with it


def job(folder: Path, name: str, until: float) -> dict[str, Any]:
    """Run a case to its end and say what came out."""
    root = folder / name.replace(" ", "-").replace(",", "")
    if name == KILLED:
        kill(root, "deterministic")
    program = started(root, "deterministic" if name == KILLED else name)
    try:
        program.wait(timeout=max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        program.kill()
    said = (root / "out.log").read_text(errors="replace")
    row = next((json.loads(line) for line in said.splitlines() if line.startswith('{"part": "whole')), {"failed": said[-1200:]})
    return {**row, "part": f"whole {name}"}


def main(folder: Path, seconds: float) -> None:
    until, digests = time.monotonic() + seconds, dict[str, str]()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in as_completed([pool.submit(job, folder, name, until) for name in (KILLED, *CASES)]):
            row = done.result()
            digests[row["part"]] = row.get("digest", "")
            print(json.dumps(row), flush=True)
    exact = digests["whole deterministic"]
    same = {name: bool(exact) and digests[f"whole {name}"] == exact for name in (KILLED, "parked")}
    print(json.dumps({"part": "whole: the bytes of the deterministic run", **same}), flush=True)


if __name__ == "__main__":
    if sys.argv[2] in CASES:
        made(Path(sys.argv[1]), sys.argv[2])
    else:
        main(Path(sys.argv[1]), float(sys.argv[2]))
