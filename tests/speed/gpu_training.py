"""Training measured on one GPU: ours and TRL on the same documents, a JSON line for every case.

python -m tests.speed.gpu_training [SECONDS [CASE ...]] measures the cases named, or all, while there is time; full logs go to $OUT.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from o1exp.flow import Machine
from o1exp.train.data.encode import Encoded
from o1exp.train.launch import environment
from o1exp.train.logs import TrainingLogs
from tests.speed.gpu_beds import data_bed, flop_per_token, model_bed
from tests.train.parts import a_spec

GRACE = 45.0
"""Seconds that a case may take beyond the time in which cases are started."""
WARM_UP = 3
"""Optimizer steps that do not count: kernels are compiled, buffers filled and optimizer states made."""


@dataclass(frozen=True)
class Case:
    """A training to measure: `machine` and `changes` are fields of Machine and of TrainSpec, `peer` is TRL instead of ours."""

    size: str
    pack: int
    machine: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    steps: int = 6
    peer: bool = False
    profile: bool = False

    @property
    def checkpointing(self) -> bool:
        return bool(self.machine.get("activation_checkpointing", False))


def big(size: str, pack: int, **machine: Any) -> Case:
    return Case(size, pack, machine)


CKPT: dict[str, Any] = {"activation_checkpointing": True}
LORA: dict[str, Any] = {"tuning": "lora", "lora_r": 16, "lora_alpha": 32}
LONG: dict[str, Any] = {"batch_tokens": 65536}
CASES: dict[str, Case] = {
    "1.5B": big("1.5B", 16384, **CKPT),
    "1.5B trl": Case("1.5B", 16384, CKPT, peer=True),
    "1.5B no": big("1.5B", 16384),
    "1.5B trl no": Case("1.5B", 16384, peer=True),
    "1.5B zero3": big("1.5B", 16384, **CKPT, zero_stage=3),
    "0.5B no": big("0.5B", 8192),
    "7B lora no": Case("7B", 4096, {}, LORA),
    "7B lora": Case("7B", 4096, CKPT, LORA),
    "1.5B single": big("1.5B", 16384, **CKPT, strategy="single"),
    "1.5B 32k": Case("1.5B", 32768, CKPT, LONG, steps=5),
    "7B lora 32k": Case("7B", 32768, CKPT, {**LORA, **LONG}, steps=5),
    "1.5B offload optimizer": Case("1.5B", 16384, {**CKPT, "offload_optimizer": True}, steps=5),
    "1.5B 32k offload": Case("1.5B", 32768, {**CKPT, "offload_activations": True}, LONG, steps=5),
    "1.5B deterministic": big("1.5B", 16384, **CKPT, deterministic=True),
    "1.5B zero2": big("1.5B", 16384, **CKPT, zero_stage=2),
    "1.5B flash": big("1.5B", 16384, **CKPT, attention="varlen"),
    "1.5B liger": big("1.5B", 16384, **CKPT, kernels="liger"),
    "1.5B compile": big("1.5B", 16384, **CKPT, kernels="compile"),
    "1.5B plain": big("1.5B", 16384, **CKPT, kernels="none", attention="varlen"),
    "1.5B profile": Case("1.5B", 16384, CKPT, steps=6, profile=True),
    "1.5B no profile": Case("1.5B", 16384, steps=6, profile=True),
    "0.5B no profile": Case("0.5B", 8192, steps=6, profile=True),
    "7B lora no profile": Case("7B", 4096, {}, LORA, steps=6, profile=True),
}
"""What is measured, the most wanted first."""
TINY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"kernels": "none", "attention": "sdpa"}, {}), "fused": ({}, {}), "liger": ({"kernels": "liger"}, {}),
    "compile": ({"kernels": "compile"}, {}),
    "ckpt": (CKPT, {}), "parked": ({**CKPT, "offload_activations": True}, {}), "zero0": ({"zero_stage": 0}, {}),
    "zero2": ({"zero_stage": 2}, {}), "zero3": ({"zero_stage": 3}, {}), "single": ({"strategy": "single"}, {}),
    "offload": ({"offload_optimizer": True}, {}), "offload2": ({"offload_optimizer": True, "zero_stage": 2}, {}),
    "offload3": ({"offload_optimizer": True, "zero_stage": 3}, {}),
    "lora": ({}, LORA), "lora plain": ({"kernels": "none"}, LORA), "lora zero3": ({"zero_stage": 3}, LORA), "lora ckpt": (CKPT, LORA),
    "deterministic": ({"deterministic": True, **CKPT}, {}), "deterministic again": ({"deterministic": True, **CKPT}, {}),
    "fp32": ({}, {"precision": "fp32"}), "fp32 single": ({"strategy": "single"}, {"precision": "fp32"}),
}  # fmt: skip
"""Trainings of a tiny model whose losses are compared."""


def beds() -> Path:
    return Path(os.environ.get("BEDS", "/tmp/beds"))


def command(name: str, case: Case, scratch: Path) -> tuple[list[str], dict[str, str]]:
    """What measures a case, and in which environment."""
    model = model_bed(beds(), case.size)
    data = data_bed(beds(), case.size, case.pack, 4 * case.pack * 12)
    base = [sys.executable, "-m", "tests.speed.gpu_worker", str(beds() / "turn")]
    if case.peer:
        asked = {"model": str(model), "data": str(data), "pack": case.pack, "steps": case.steps, "ckpt": case.checkpointing}
        return [*base, "peer", json.dumps({**asked, "out": str(scratch / "peer.json")})], {**os.environ, "HF_HUB_OFFLINE": "1"}
    machine = Machine(accelerator="gpu", threads=4, **case.machine)
    for part in ("out", "scratch"):
        (scratch / part).mkdir(parents=True)
    own = {f.name: getattr(machine, f.name) for f in dataclasses.fields(machine) if f.name in a_spec().__dataclass_fields__}
    spec = a_spec(
        **{
            **own, "start": str(model), "tokenizer": str(model), "data": str(data), "out": str(scratch / "out"),
            "scratch": str(scratch / "scratch"), "lr": 1e-5, "batch_tokens": 4 * case.pack, "pack_length": case.pack,
            "micro_batch_tokens": case.pack, "checkpoint_seconds": 36000.0, "precision": "bf16", "max_steps": case.steps, **case.changes,
        }
    )  # fmt: skip
    spec.save(scratch / "spec.json")
    return [*base, str(scratch / "spec.json"), *(["profile"] if case.profile else [])], {**environment(machine), "HF_HUB_OFFLINE": "1"}


def result(name: str, case: Case, scratch: Path) -> dict[str, Any]:
    """The row of a case that has run."""
    if case.peer:
        found = json.loads((scratch / "peer.json").read_text())
        curve, memory, more = found["curve"], found["memory_mb"], {}
    else:
        logs, facts = TrainingLogs(scratch / "out"), json.loads((scratch / "scratch" / "result.json").read_text())
        curve, memory = [(row.tokens, time.seconds) for row, time in zip(logs.curve, logs.timing, strict=True)], facts["memory_mb"]
        more = {"loss": [row.loss for row in logs.curve], "norm": [row.grad_norm for row in logs.curve]}
    (before, began), (after, ended) = curve[min(WARM_UP, len(curve) - 1) - 1], curve[-1]
    rate = (after - before) / (ended - began)
    flop = flop_per_token(case.size, Encoded.load(data_bed(beds(), case.size, case.pack, 0)), case.changes.get("tuning") != "lora")
    return {"run": name, "tok_s": round(rate), "tflops": round(rate * flop / 1e12, 1), "memory_gib": round(memory / 1024, 2), **more}


def measure(names: list[str], until: float, logs: Path) -> Iterator[dict[str, Any]]:
    """The rows of the cases, while there is time; the next case imports what it needs while the one before has the GPU."""
    with tempfile.TemporaryDirectory() as folder:
        waiting: list[tuple[str, Path, subprocess.Popen[bytes]]] = []
        for name in [*names, None, None]:
            if name is not None and time.monotonic() < until:
                scratch = Path(folder) / name.replace(" ", "-")
                scratch.mkdir()
                called, env = command(name, CASES[name], scratch)
                log = (logs / f"{name.replace(' ', '-')}.log").open("wb")
                waiting.append(
                    (name, scratch, subprocess.Popen(called, env=env, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.PIPE))
                )
            if len(waiting) > (1 if name is not None else 0):
                yield _ended(*waiting.pop(0), until, logs)


def _ended(name: str, scratch: Path, program: "subprocess.Popen[bytes]", until: float, logs: Path) -> dict[str, Any]:
    began = time.monotonic()
    try:
        code = program.wait(timeout=max(1.0, until + GRACE - began))
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
        return {"run": name, "failed": "ran out of time"}
    log = logs / f"{name.replace(' ', '-')}.log"
    if (profile := scratch / "scratch" / "profile.txt").exists():
        (logs / f"{name.replace(' ', '-')}-profile.txt").write_bytes(profile.read_bytes())
    if code:
        return {"run": name, "failed": log.read_text(errors="replace")[-1500:]}
    fused = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(("fused:", "attention", "turn:", "trained:"))]
    return {**result(name, CASES[name], scratch), "said": fused, "waited_s": round(time.monotonic() - began, 1)}


def alike(logs: Path) -> Iterator[dict[str, Any]]:
    """Losses and norms of a tiny model's trainings, all at once, whose differences are those of rounding."""
    cases = {name: Case("tiny", 2048, machine, {"lr": 3e-3, **changes}, steps=8) for name, (machine, changes) in TINY.items()}
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for name, case in cases.items():
            scratch = Path(folder) / name.replace(" ", "-")
            scratch.mkdir()
            called, env = command(name, case, scratch)
            called[3] = str(scratch / "turn")  # none waits for another
            log = (logs / f"tiny-{name.replace(' ', '-')}.log").open("wb")
            started.append(
                (name, case, scratch, subprocess.Popen(called, env=env, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.PIPE))
            )
        for name, case, scratch, program in started:
            program.wait(timeout=150)
            row: dict[str, Any] = {"part": f"tiny {name}"}
            if program.returncode:
                yield {**row, "failed": (logs / f"tiny-{name.replace(' ', '-')}.log").read_text(errors="replace")[-1200:]}
                continue
            found = result(name, case, scratch)
            yield {**row, "loss": found["loss"][::3] + found["loss"][-1:], "norm": found["norm"][-1]}


def main(seconds: float, names: list[str]) -> None:
    logs = Path(os.environ.get("OUT", "outputs/bench/gpu-training"))
    logs.mkdir(parents=True, exist_ok=True)
    beds().mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + seconds
    wanted = names or list(CASES)
    big_ones = [name for name in wanted if name in CASES]
    sizes = dict.fromkeys([*(CASES[name].size for name in big_ones), *(["tiny"] if "tiny" in wanted else [])])
    made = subprocess.run([sys.executable, "-m", "tests.speed.gpu_beds", str(beds()), *sizes], capture_output=True, text=True)
    if made.returncode:
        print(json.dumps({"part": "beds", "failed": made.stderr[-1500:]}), flush=True)
    for row in measure(big_ones, until, logs):
        _say(row, logs)
    if "tiny" in wanted:
        for row in alike(logs):
            _say(row, logs)


def _say(row: dict[str, Any], logs: Path) -> None:
    print(json.dumps(row), flush=True)
    with (logs / "rows.jsonl").open("a") as out:
        out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0, sys.argv[2:])
