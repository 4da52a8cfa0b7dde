"""TRL's SFTTrainer on the same documents on a GPU: packed without padding, with torch's FlashAttention operator and Liger's kernels."""

import json
import time
import uuid
import warnings
from inspect import signature
from pathlib import Path
from typing import Any

from o1exp.train.data.encode import Encoded


def train(asked: dict[str, Any]) -> None:
    """asked: model, data, pack, steps, ckpt, out (a JSON file of [tokens, seconds] after every step, and memory in MiB)."""
    import datasets.fingerprint as fingerprint
    import torch
    from datasets import Dataset
    from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    warnings.filterwarnings("ignore")
    named: Any = fingerprint.Hasher
    named.hash = classmethod(lambda cls, value: uuid.uuid4().hex[:16])  # hashing of closures fails on some Python 3.12
    AttentionInterface.register("varlen", attention())
    AttentionMaskInterface.register("varlen", lambda *args, **kwargs: None)
    data = Encoded.load(Path(asked["data"]))
    model: Any = AutoModelForCausalLM.from_pretrained(asked["model"], dtype=torch.float32, attn_implementation="varlen")
    config = SFTConfig(
        output_dir="/tmp/trl", bf16=True, report_to=[], save_strategy="no", disable_tqdm=True, learning_rate=1e-5,
        lr_scheduler_type="constant", dataset_kwargs={"skip_prepare_dataset": True}, warmup_steps=0, weight_decay=0.0, max_grad_norm=1.0,
        gradient_checkpointing=asked["ckpt"], packing=False, padding_free=True, max_length=None, per_device_train_batch_size=1,
        gradient_accumulation_steps=4, num_train_epochs=1, use_liger_kernel=True, optim="adamw_torch_fused", logging_steps=1000,
        max_steps=asked["steps"],
    )  # fmt: skip
    seen: list[tuple[int, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            torch.cuda.synchronize()
            seen.append((trainer.real, time.monotonic()))

    class Counted(SFTTrainer):  # type: ignore[misc]
        real = 0

        def training_step(self, model: Any, inputs: Any, *rest: Any, **kwargs: Any) -> Any:
            self.real += inputs["input_ids"].numel()
            return super().training_step(model, inputs, *rest, **kwargs)

    tokenizer = AutoTokenizer.from_pretrained(asked["model"])
    trainer = Counted(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(packed(data, asked["pack"])),
        processing_class=tokenizer,
        callbacks=[Clock()],
    )
    torch.cuda.reset_peak_memory_stats()
    trainer.train()
    Path(asked["out"]).write_text(json.dumps({"curve": seen, "memory_mb": torch.cuda.max_memory_allocated() / 2**20}))


def packed(data: Encoded, pack: int) -> list[dict[str, list[int]]]:
    """Best fit decreasing, as TRL's padding-free collator takes it."""
    packs: list[list[int]] = []
    room: list[int] = []
    for document in sorted(range(len(data)), key=lambda d: -int(data.lengths[d])):
        fits = [at for at, left in enumerate(room) if left >= data.lengths[document]]
        at = min(fits, key=lambda i: room[i]) if fits else len(packs)
        if at == len(packs):
            packs.append([])
            room.append(pack)
        packs[at].append(document)
        room[at] -= int(data.lengths[document])
    return [_row(data, documents) for documents in packs]


def _row(data: Encoded, documents: list[int]) -> dict[str, list[int]]:
    row: dict[str, list[int]] = {"input_ids": [], "labels": [], "seq_lengths": []}
    for document in documents:
        ids, first = data.document(document).tolist(), int(data.prompts[document])
        row["input_ids"] += ids
        row["labels"] += [-100] * first + ids[first:]
        row["seq_lengths"].append(len(ids))
    return row


def attention() -> Any:
    """torch's variable-length kernel; documents begin where positions do. Bounds are found once a row, not once a layer."""
    import torch
    from torch.nn.attention.varlen import varlen_attn

    kernel: Any = varlen_attn
    kept: list[Any] = [None, None, 0]

    def attend(
        module: Any, query: Any, key: Any, value: Any, mask: Any, *, scaling: float | None = None, position_ids: Any = None, **other: Any
    ) -> Any:
        if kept[0] is not position_ids:
            starts = (position_ids[0] == 0).nonzero().flatten().to(torch.int32)
            kept[:] = position_ids, torch.cat([starts, starts.new_tensor([position_ids.shape[1]])]), int(position_ids.max()) + 1
        flat = [states[0].transpose(0, 1) for states in (query, key, value)]
        shared: dict[str, Any] = {"enable_gqa": True} if "enable_gqa" in signature(varlen_attn).parameters else {}
        out: Any = kernel(*flat, kept[1], kept[1], kept[2], kept[2], scale=scaling, window_size=(-1, 0), **shared)
        return out[None], None

    return attend
