"""How DeepSpeed is imported: once, before anything else asks for it, and without what costs time and serves nobody here."""

import sys


def import_deepspeed() -> None:
    """Import DeepSpeed; on CPU the environment must name the accelerator already (DS_ACCELERATOR=cpu)."""
    # Its autotuner imports mlflow where it can: 1.5 s for nothing.
    sys.modules.setdefault("mlflow", None)  # type: ignore[arg-type]
    import deepspeed.ops

    # The shared-memory operator for CPU ranks would be compiled for a minute.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
