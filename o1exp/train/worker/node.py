"""What srun starts once on each node: torchrun, which meets at the job's first node.

It hands its stdin on: srun gives it to every task, and torchrun and its ranks end where it ends.

python -m o1exp.train.worker.node NODES DEVICES -m MODULE SPEC
"""

import os
import signal
import subprocess
import sys

PORTS = range(20_000, 30_000)


def torchrun(nodes: int, devices: int, worker: list[str]) -> list[str]:
    """The command of this node. The port follows from the job and step, so that all nodes agree and two jobs seldom meet."""
    job = os.environ["SLURM_JOB_ID"]
    port = PORTS[hash((int(job), int(os.environ.get("SLURM_STEP_ID", "0")))) % len(PORTS)]
    return [
        sys.executable, "-m", "o1exp.flow.watched", "torch.distributed.run", "--signals-to-handle=SIGQUIT", f"--nnodes={nodes}",
        f"--nproc_per_node={devices}", f"--node_rank={os.environ['SLURM_NODEID']}", f"--master_addr={first_host()}",
        f"--master_port={port}", *worker,
    ]  # fmt: skip


def first_host() -> str:
    """The job's first node, asked of Slurm, which alone expands node[01-04]."""
    asked = ["scontrol", "show", "hostnames", os.environ["SLURM_JOB_NODELIST"]]
    return subprocess.run(asked, capture_output=True, encoding="utf-8", check=True).stdout.split()[0]


def main() -> None:
    nodes, devices, *worker = sys.argv[1:]
    command = torchrun(int(nodes), int(devices), worker)
    # Slurm tells every process of a job to end, but only the run, which is told too, knows what is to be kept: it ends this by our stdin.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Lightning, seeing Slurm's variables, would take the ranks of srun's tasks for its own.
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    own["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] = "5"  # what ignores SIGTERM need not be waited for
    os.execve(command[0], command, own)


if __name__ == "__main__":
    main()
