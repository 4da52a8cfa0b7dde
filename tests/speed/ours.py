"""Our side: the training stage's own worker on the token ids of a bed, started as the stage starts it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from o1exp.flow import Machine
from o1exp.train.launch import environment, launch
from o1exp.train.logs import TrainingLogs
from o1exp.train.spec import TrainSpec
from tests.speed.beds import LONGEST, Bed
from tests.speed.runs import Run, rate
from tests.train.parts import a_spec

SINGLE = Machine(strategy="single")


def train(bed: Bed, scratch: Path, machine: Machine, changes: dict[str, object]) -> Run:
    """One epoch in steps of LONGEST tokens, if `changes` do not say otherwise."""
    for name in ("out", "scratch"):
        (scratch / name).mkdir(parents=True)
    spec = replace(the_spec(bed, scratch, machine), **changes)  # type: ignore[arg-type]
    spec.save(scratch / "spec.json")
    env = environment(machine) | {"HF_HUB_OFFLINE": "1"}
    run(launch(machine, "o1exp.train.worker.rank", scratch / "spec.json"), env)
    logs = TrainingLogs(scratch / "out")
    facts = json.loads((scratch / "scratch" / "result.json").read_text())
    tokens = [row.tokens // machine.ranks for row in logs.curve]
    return Run(
        rate=rate(tokens, [row.cpu_seconds for row in logs.timing]), memory_mb=facts["memory_mb"] - facts["memory_loaded_mb"],
        losses=[row.loss for row in logs.curve],
    )  # fmt: skip


def the_spec(bed: Bed, scratch: Path, machine: Machine) -> TrainSpec:
    return a_spec(
        start=str(bed.model), tokenizer=str(bed.model), data=str(bed.data), out=str(scratch / "out"), scratch=str(scratch / "scratch"),
        lr=1e-3, batch_tokens=LONGEST, pack_length=LONGEST, micro_batch_tokens=LONGEST, max_grad_norm=1.0, strategy=machine.strategy,
        devices=machine.devices, zero_stage=machine.zero_stage, checkpoint_seconds=3600.0,
    )  # fmt: skip


def peer(bed: Bed, scratch: Path, mode: str) -> Run:
    """TRL on the same bed, one thread."""
    scratch.mkdir(parents=True)
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "tests.speed.peer", str(bed.folder), str(scratch / "run.json"), mode]
    run(command, env)
    return Run.load(scratch / "run.json")


def run(command: list[str], env: dict[str, str]) -> None:
    """Quietly, unless it fails: then the end of what it printed ends the measurement."""
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-5000:]}")
