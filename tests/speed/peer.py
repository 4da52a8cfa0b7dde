"""The peer's side: TRL's SFTTrainer on the same token ids. python -m tests.speed.peer BED RESULT MODE, MODE being packed or alone."""

import sys
import time
import warnings
from pathlib import Path
from typing import Any

from o1exp.train.data.encode import Encoded
from o1exp.train.worker.memory import forget_peak, held_mb, peak_mb
from tests.speed.beds import LONGEST
from tests.speed.runs import Run, rate


def main(bed: Path, result: Path, packed: bool) -> None:
    """Train on the documents in their order (`alone`: eight at a time, padded), and note what it cost."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    data = Encoded.load(bed / "data")
    model: Any = AutoModelForCausalLM.from_pretrained(bed / "model", dtype=torch.float32, attn_implementation="sdpa")
    cpu = torch.device("cpu")
    loaded = held_mb(cpu)
    dataset = Dataset.from_list([_row(data, document) for document in range(len(data))])
    asked = SFTConfig(
        output_dir=str(result.parent / "trl"), use_cpu=True, bf16=False, report_to=[], save_strategy="no", disable_tqdm=True,
        learning_rate=1e-3, lr_scheduler_type="constant", warmup_steps=0, weight_decay=0.0, max_grad_norm=1.0, gradient_checkpointing=False,
        packing=packed, max_length=LONGEST, per_device_train_batch_size=1 if packed else 8, gradient_accumulation_steps=1,
        num_train_epochs=1, dataloader_pin_memory=False,
    )  # fmt: skip
    seen: list[tuple[int, float]] = []
    losses: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.append((trainer.real_tokens, time.process_time()))

    class InOrder(SFTTrainer):  # type: ignore[misc]
        real_tokens = 0

        def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

        def training_step(self, model: Any, inputs: Any, *rest: Any, **kwargs: Any) -> Any:
            mask = inputs.get("attention_mask")
            self.real_tokens += int(mask.sum()) if mask is not None else inputs["input_ids"].numel()
            loss = super().training_step(model, inputs, *rest, **kwargs)
            losses.append(float(loss))
            return loss

    tokenizer = AutoTokenizer.from_pretrained(bed / "model")
    trainer = InOrder(model=model, args=asked, train_dataset=dataset, processing_class=tokenizer, callbacks=[Clock()])
    forget_peak(cpu)
    trainer.train()
    tokens, seconds = zip(*seen, strict=True)
    Run(rate=rate(list(tokens), list(seconds)), memory_mb=peak_mb(cpu) - loaded, losses=losses).save(result)


def _row(data: Encoded, document: int) -> dict[str, list[int]]:
    ids, first = data.document(document).tolist(), int(data.prompts[document])
    return {"input_ids": ids, "labels": [-100] * first + ids[first:]}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "packed")
