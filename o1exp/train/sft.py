"""Supervised fine-tuning: a starting model and examples become a trained model, in a process of its own."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from o1exp.flow import Above, AtLeast, Between, Checkpoint, Expect, Machine, Stage, StageFailed, Table, Work, how
from o1exp.records import Example
from o1exp.train.spec import TrainSpec

STATE_BYTES = 16
"""Per parameter with AdamW in mixed precision: weights and gradients 2 + 2, fp32 master and two moments 4 + 4 + 4."""

RANK_VARIABLES = (
    "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "ROLE_WORLD_SIZE", "GROUP_WORLD_SIZE", "NODE_RANK",
    "MASTER_ADDR", "MASTER_PORT", "PL_GLOBAL_SEED", "TORCHELASTIC_RUN_ID",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sft(Stage[Checkpoint]):
    """Fine-tune `start` on `data`, loss on the responses only.

    A step takes about `batch_tokens` tokens over all ranks, in packs of `pack_length`. Training lasts `epochs`, or until `max_tokens`
    tokens were seen, so that arms can be matched by tokens. Examples longer than `max_length` are dropped (or cut), and counted.
    The artefact is `model/` and `curve.jsonl` (a row per step). Paper: both phases of supervised fine-tuning.
    """

    runs: ClassVar[tuple[str, ...]] = ("o1exp.train.worker",)

    start: Stage[Checkpoint]
    data: Stage[Table[Example]]
    lr: Annotated[float, Above(0)]
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Annotated[float, Between(0, 1)] = 0.03
    weight_decay: Annotated[float, AtLeast(0)] = 0.0
    epochs: Annotated[float, Above(0)] = 3
    max_tokens: Annotated[int, AtLeast(1)] | None = None
    batch_tokens: Annotated[int, AtLeast(1)] = 65536
    pack_length: Annotated[int, AtLeast(16)] = 4096
    max_length: Annotated[int, AtLeast(2)] = 4096
    overlong: Literal["drop", "cut"] = "drop"
    clip: Annotated[float, AtLeast(0)] = 1.0
    seed: Annotated[int, AtLeast(0)] = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    machine: Machine = how(Machine())
    checkpoint_seconds: Annotated[float, AtLeast(0)] = how(20.0)
    """Between checkpoints for resuming; at least ten times as long as one takes to write."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.max_length > self.pack_length:
            yield "max_length", f"{self.max_length} is longer than pack_length={self.pack_length}; an example must fit into one pack"
        if self.pack_length > self.batch_tokens:
            yield "pack_length", f"{self.pack_length} is more than batch_tokens={self.batch_tokens}; a step holds at least one pack"

    def preflight(self) -> Iterator[str]:
        """What is not built or not installed."""
        if self.machine.nodes > 1:
            yield f"machine.nodes={self.machine.nodes}: training on several nodes is not built yet; use the devices of one node"
        if missing := [package for package in ("torch", "transformers", "lightning", "deepspeed") if find_spec(package) is None]:
            yield f"training needs {', '.join(missing)}: pip install {' '.join(missing)}"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        """Tokens, hours (6 FLOP per parameter and token), memory per device (model states only) and disk."""
        start, data, machine = inputs.get("start", Expect()), inputs.get("data", Expect()), self.machine
        seen: float | None = None
        if self.max_tokens is not None:
            seen = self.max_tokens
        elif data.rows is not None and data.tokens_per_row is not None:
            seen = self.epochs * data.rows * data.tokens_per_row
        speed = machine.ranks * machine.peak_tflops * 1e12 * machine.utilisation
        hours = seen * 6 * start.parameters / speed / 3600 if seen is not None and speed else 0.0
        width = 2 if self.precision == "bf16" else 4
        return Expect(
            rows=data.rows, tokens_per_row=data.tokens_per_row, parameters=start.parameters, hours=hours,
            memory_gb=_state_bytes(start.parameters, machine) / 1e9, disk_gb=width * start.parameters / 1e9,
            remark="" if seen is None else f"trains on {seen:,.0f} tokens",
        )  # fmt: skip

    def make(self, work: Work) -> None:
        if obstacles := list(self.preflight()):
            raise ValueError("; ".join(obstacles))
        spec, path = self._spec(work), work.scratch / "spec.json"
        spec.save(path)
        spec.failure.unlink(missing_ok=True)
        with work.progress("training", 1.0) as bar:
            try:
                work.run(_command(spec, path), lambda line: _show(line, bar), _environment(self.machine))
            except StageFailed as ended:
                raise _cause(spec, ended) from None
        work.note(**json.loads((work.scratch / "result.json").read_text()))

    def _spec(self, work: Work) -> TrainSpec:
        start, machine = work.open(self.start), self.machine
        return TrainSpec(
            start=start.source, revision=start.revision, data=str(work.open(self.data).path.parent), out=str(work.folder),
            scratch=str(work.scratch), lr=self.lr, schedule=self.schedule, warmup=self.warmup, weight_decay=self.weight_decay,
            epochs=self.epochs, max_tokens=self.max_tokens, batch_tokens=self.batch_tokens, pack_length=self.pack_length,
            max_length=self.max_length, overlong=self.overlong, clip=self.clip, seed=self.seed, precision=self.precision,
            accelerator=machine.accelerator, devices=machine.devices, nodes=machine.nodes, zero_stage=machine.zero_stage,
            offload_optimizer=machine.offload_optimizer, micro_batch_tokens=machine.micro_batch_tokens,
            activation_checkpointing=machine.activation_checkpointing, checkpoint_seconds=self.checkpoint_seconds,
        )  # fmt: skip


def _state_bytes(parameters: float, machine: Machine) -> float:
    """Model states on one device: ZeRO-1 splits the 12 optimizer bytes, ZeRO-2 the gradients too, ZeRO-3 everything."""
    split = {0: 0, 1: 12, 2: 14, 3: 16}[machine.zero_stage]
    return parameters * (STATE_BYTES - split + split / machine.ranks)


def _command(spec: TrainSpec, path: Path) -> list[str]:
    worker = ["-m", "o1exp.train.worker", str(path)]
    if spec.ranks == 1:
        return [sys.executable, *worker]
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={spec.devices}", *worker]


def _cause(spec: TrainSpec, ended: StageFailed) -> Exception:
    """What the first failing rank said, rather than what its launcher makes of it."""
    if not spec.failure.exists():
        return ended
    failure = json.loads(spec.failure.read_text())
    return ValueError(failure["text"]) if failure["refused"] else StageFailed(failure["text"])


def _environment(machine: Machine) -> dict[str, str]:
    """Ours without the rank variables of a launcher above us, which would make the child believe it is part of that job."""
    own = {name: value for name, value in os.environ.items() if name not in RANK_VARIABLES and not name.startswith("SLURM_")}
    # The child finds the package that runs here, installed or not.
    own["PYTHONPATH"] = os.pathsep.join(filter(None, [own.get("PYTHONPATH"), str(Path(__file__).parents[2])]))
    own["OMP_NUM_THREADS"] = str(machine.threads)
    if machine.accelerator == "cpu":
        # Nothing is compiled here, but DeepSpeed decorates an unused optimizer, which loads the whole compiler for a second.
        own |= {"DS_ACCELERATOR": "cpu", "TORCHDYNAMO_DISABLE": "1"}
    return own


def _show(line: str, bar: Any) -> None:
    if line.startswith("{"):
        row = json.loads(line)
        bar.at(row["step"] / row["steps"], f"loss {row['loss']:.3f}, {row['tokens']:,} tokens")
