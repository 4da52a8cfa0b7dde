"""How DeepSpeed is imported: once, before anything else asks for it, and without what costs time and serves nobody here."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def import_deepspeed() -> None:
    """Import DeepSpeed; on CPU the environment must name the accelerator already (DS_ACCELERATOR=cpu)."""
    # Its autotuner imports mlflow where it can: 1.5 s for nothing.
    sys.modules.setdefault("mlflow", None)  # type: ignore[arg-type]
    import deepspeed.ops

    # The shared-memory operator for CPU ranks would be compiled for a minute.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


@contextmanager
def as_in_training(partitioned: bool) -> Iterator[None]:
    """Within it torch makes tensors as always, although a model is being loaded under ZeRO-3 (`partitioned`).

    There DeepSpeed turns all that torch.empty, torch.zeros and their like make into the model's type, also where another is asked for: a
    kernel that writes fp32 into such a tensor writes beyond its end.
    """
    if not partitioned:
        yield
        return
    from deepspeed.runtime.zero.partition_parameters import restore_init_context, shutdown_init_context

    shutdown_init_context()
    try:
        yield
    finally:
        restore_init_context()


@contextmanager
def found_where_read(model: Any) -> Iterator[None]:
    """Within it, weights that ZeRO-3 has split come whole to whatever code reads them, also outside their own layer (Mamba's convolution).

    DeepSpeed does so in its own passes, which only a training's are: for all others this stands around them.
    """
    zero = sys.modules.get("deepspeed.runtime.zero.parameter_offload")
    kept = [part._parameters for part in model.modules() if isinstance(part._parameters, zero.ZeROOrderedDict)] if zero else []
    for weights in kept:
        weights._in_forward = True
    try:
        yield
    finally:
        for weights in kept:
            weights._in_forward = False
