"""How DeepSpeed is imported: once, before anything else asks for it, and without what costs time and serves nobody here."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
