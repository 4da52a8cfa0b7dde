"""A world small enough to train in seconds: sums, a tiny Qwen2, and a plain training loop to compare with."""

import dataclasses
import json
import pickle
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.flow import Machine, Manifest, Stage, Store, Work
from o1exp.records import Example, Table
from o1exp.train.bases.small import Untrained
from o1exp.train.data.encode import CHOSEN, PLAIN, Encoded
from o1exp.train.data.schedule import OptimizerStep, Plan, Units, plan, units_of
from o1exp.train.sft import Sft
from o1exp.train.spec import TrainSpec


def sums(count: int) -> list[Example]:
    """Sums of two or three numbers with their written-out steps, 60 to 150 characters."""
    dice, rows = random.Random(0), []
    for number in range(count):
        terms = [dice.randint(10, 99) for _ in range(dice.choice([2, 3]))]
        steps = "".join(f"{sum(terms[:at])} + {term} = {sum(terms[: at + 1])}\n" for at, term in enumerate(terms))
        rows.append(Example(problem=str(number), prompt=" + ".join(map(str, terms)) + " = ?", response=steps + f"Answer: {sum(terms)}"))
    return rows


@dataclass(frozen=True, kw_only=True)
class Sums(Stage[Table[Example]]):
    """Makes `count` sums."""

    count: int = 60

    def make(self, work: Work) -> None:
        work.write(Example, sums(self.count))


@dataclass(frozen=True, kw_only=True)
class Other(Stage[Table[Example]]):
    """Makes another arm's examples of half of the same problems: in another order, and answered in a word."""

    count: int = 60

    def make(self, work: Work) -> None:
        rows = reversed(sums(self.count)[::2])
        work.write(Example, (dataclasses.replace(row, response=row.response.split()[-1]) for row in rows))


SMALL = Sft(
    start=Untrained(hidden=32, layers=2, intermediate=64, kv_heads=2), data=Sums(), lr=3e-3, warmup_ratio=0.2, weight_decay=0.01,
    epochs=5.5, batch_tokens=2048, pack_length=512, max_length=512, max_grad_norm=0.5, machine=Machine(micro_batch_tokens=1024),
    checkpoint_seconds=0.0,
)  # fmt: skip
"""Eleven steps of two micro-batches each, on one rank."""


def a_spec(**changes: Any) -> TrainSpec:
    """A spec for what needs no files."""
    return dataclasses.replace(
        TrainSpec(
            objective="sft", start="", revision="", tokenizer="", tokenizer_revision="", data="", out="", scratch="", lr=1.0,
            lr_scheduler_type="constant", warmup_ratio=0.0, weight_decay=0.0, epochs=1.0, max_tokens=None, max_steps=None, batch_tokens=256,
            pack_length=64, max_grad_norm=1.0, max_rise=0.0, seed=0, precision="fp32", tuning="full", lora_r=4, lora_alpha=8,
            lora_dropout=0.0, freeze_embeddings=False, rope_theta=0.0, max_position_embeddings=0, eos_token="", chat_template="",
            validation_fraction=0.0, evaluations=1, samples=0, sample_tokens=8, keep="last", beta=0.1, accelerator="cpu",
            strategy="deepspeed", devices=1, nodes=1, zero_stage=1, offload_optimizer=False, micro_batch_tokens=64,
            activation_checkpointing=False, offload_activations=False, attention="auto", packing="auto", kernels="auto",
            deterministic=False, checkpoint_seconds=20.0, keep_checkpoints=2,
        ),
        **changes,
    )  # fmt: skip


def encoded(ids: Any, starts: Any, prompts: Any, dropped: int = 0, pairs: bool = False) -> Encoded:
    """Token ids as the encoder leaves them, each document of a problem of its own; or `pairs` of a chosen and a rejected one."""
    import numpy as np

    numbers = np.arange(len(prompts))
    roles = numbers % 2 + CHOSEN if pairs else np.full(len(prompts), PLAIN)
    return Encoded(
        ids=np.asarray(ids, dtype=np.int32), starts=np.asarray(starts), prompts=np.asarray(prompts), rows=numbers // (1 + pairs),
        problems=numbers, units=numbers // (1 + pairs), roles=roles.astype(np.int8), lengths_seen=np.diff(starts), dropped=dropped,
    )  # fmt: skip


def the_plan(spec: TrainSpec, data: Encoded) -> Plan:
    return plan(spec, every_unit(spec, data))


def every_unit(spec: TrainSpec, data: Encoded) -> Units:
    import numpy as np

    return units_of(spec, data, np.arange(len(data)))


def plain_training(spec: TrainSpec, data: Encoded, model: Any) -> list[dict[str, float]]:
    """The same training as a plain torch loop over single documents: no packing, no ranks, no micro-batches. Returns the curve."""
    import torch

    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": spec.weight_decay}, {"params": vectors, "weight_decay": 0.0}], lr=1.0
    )
    curve = []
    for step in the_plan(spec, data):
        loss = sum(document_loss(model, data, document) for pack in step.packs for document in pack) / step.weight
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), spec.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = step.lr
        optimizer.step()
        optimizer.zero_grad()
        curve.append({"loss": float(loss.detach()), "grad_norm": float(norm)})
    return curve


def document_loss(model: Any, data: Encoded, document: int) -> Any:
    """Summed loss of one document alone, by transformers' own forward pass and full logits."""
    import torch

    ids = torch.from_numpy(data.document(document).astype("int64"))
    first = int(data.prompts[document])
    logits = model(ids[None]).logits[0, first - 1 : -1]
    return torch.nn.functional.cross_entropy(logits, ids[first:], reduction="sum")


def loaded(folder: Any) -> Any:
    """A model folder as transformers reads it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval()


def documents_of(steps: Sequence[OptimizerStep]) -> list[int]:
    return [document for step in steps for pack in step.packs for document in pack]


def manifest_of(store: Store, stage: Stage[Any]) -> Manifest:
    found = store.manifest(stage)
    assert found is not None
    return found


def curve_of(store: Store, stage: Stage[Any]) -> list[dict[str, Any]]:
    return [json.loads(row) for row in (store.folder(stage) / "curve.jsonl").read_text().splitlines()]


def on_ranks(ranks: int, zero_stage: int, epochs: float) -> Sft:
    """SMALL on so many CPU ranks, for so long."""
    return SMALL.replace(epochs=epochs, machine=dataclasses.replace(SMALL.machine, devices=ranks, zero_stage=zero_stage))


if __name__ == "__main__":
    Store(Path(sys.argv[1])).make([pickle.loads(bytes.fromhex(sys.argv[2]))])
