"""What a training process on a CPU imports, once for all that are forked from this one (o1exp.flow.forks)."""

import os
from importlib import import_module

from o1exp.train.launch import ON_CPU
from o1exp.train.worker.accelerator import import_deepspeed

os.environ |= ON_CPU
import_deepspeed()
for name in (
    "deepspeed.runtime.engine", "torch.distributed.run", "transformers.models.qwen2.modeling_qwen2", "o1exp.train.worker.evaluate",
    "o1exp.train.worker.export", "o1exp.train.worker.module", "o1exp.train.worker.objective", "o1exp.train.worker.record",
    "o1exp.train.worker.reread", "o1exp.train.worker.resume", "o1exp.train.worker.strategy",
):  # fmt: skip
    import_module(name)
