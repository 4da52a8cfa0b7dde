"""The command and environment of a training's processes: torchrun on this machine, srun over the nodes of a Slurm job."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from o1exp.flow import Machine, forks
from o1exp.flow.process import child_environment

RANK_VARIABLES = (
    "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "ROLE_WORLD_SIZE", "GROUP_WORLD_SIZE", "NODE_RANK",
    "MASTER_ADDR", "MASTER_PORT", "PL_GLOBAL_SEED", "TORCHELASTIC_RUN_ID",
)  # fmt: skip

ON_CPU = {
    "DS_ACCELERATOR": "cpu",
    "TORCHDYNAMO_DISABLE": "1",  # nothing is compiled, but DeepSpeed decorates an unused optimizer, which loads the compiler for a second
    "THP_MEM_ALLOC_ENABLE": "1",  # tensors in huge pages: a step takes its buffers anew, a tenth of the time went into small pages' faults
}
"""What the environment of a training on CPU says, before torch is imported."""


def launch(machine: Machine, module: str, spec: Path) -> list[str]:
    """`python -m module spec`, one process per rank; a single rank needs no launcher. A failing rank ends all of them.

    On this machine's CPU the processes are forked from one with everything loaded, where there is one.
    """
    worker = [sys.executable, "-m", module, str(spec)]
    if machine.launcher == "slurm":
        # One task per node, which starts a rank for each device; a node that fails ends the others. All share the lifeline, our stdin.
        tasks = [f"--nodes={machine.nodes}", f"--ntasks={machine.nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1", "--input=all"]
        return ["srun", *tasks, sys.executable, "-m", "o1exp.train.worker.node", str(machine.nodes), str(machine.devices), *worker[1:]]
    if machine.accelerator == "cpu":
        worker = forks.through(worker)
    if machine.ranks == 1:
        return worker
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={machine.devices}", "--no-python", *worker]
    return forks.through(command) if machine.accelerator == "cpu" else command


def launch_obstacles(machine: Machine) -> Iterator[str]:
    """What would keep the processes from starting, one sentence each."""
    if machine.launcher == "local":
        if machine.nodes > 1:
            yield f"machine.nodes={machine.nodes}: launcher=local starts ranks on this machine only; set machine.launcher=slurm"
        return
    needed = "srun" if "SLURM_JOB_ID" in os.environ else "sbatch"
    if shutil.which(needed) is None:
        yield f"machine.launcher=slurm, but there is no {needed} here; start on a node of the cluster, or set machine.launcher=local"


def environment(machine: Machine) -> dict[str, str]:
    """Ours without the rank variables of a launcher above us, which would make the child believe it is part of that job."""
    own = {name: value for name, value in child_environment(machine.threads).items() if name not in RANK_VARIABLES}
    if machine.launcher == "local":
        own = {name: value for name, value in own.items() if not name.startswith("SLURM_")}
    if machine.accelerator == "cpu":
        return own | ON_CPU
    own.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")  # steps differ in shape: no memory is lost between them
    return own | {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"} if machine.deterministic else own
