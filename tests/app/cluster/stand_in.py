"""Slurm's commands, as far as o1exp uses them: python stand_in.py JOBS COMMAND WORD ... . Needs the standard library alone.

Each job is a folder with `job.json`; a process of its own waits for what the job depends on, and runs its script as a node would.
Files beside it ask for what a cluster may do: cancel, requeue, preempt, limit (its time is over), forget (nobody knows it any more).
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
GRACE = 20.0


class Jobs:
    """The jobs of a cluster, in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / number / "job.json").read_text())
        return found

    def change(self, number: str, **fields: Any) -> None:
        partial = self.folder / number / f"job.part{os.getpid()}"
        known = self.read(number) if (self.folder / number / "job.json").exists() else {}
        partial.write_text(json.dumps({**known, **fields}))
        partial.rename(self.folder / number / "job.json")

    def all(self) -> list[dict[str, Any]]:
        numbers = sorted((path.parent.name for path in self.folder.glob("*/job.json")), key=int)
        return [{**self.read(number), "number": number} for number in numbers if not self.asked(number, "forget")]

    def ask(self, number: str, what: str) -> None:
        (self.folder / number / what).touch()

    def asked(self, number: str, what: str) -> bool:
        return (self.folder / number / what).exists()


def sbatch(jobs: Jobs, words: list[str]) -> int:
    script = words[-1]
    given = [line.removeprefix("#SBATCH ") for line in Path(script).read_text().splitlines() if line.startswith("#SBATCH ")]
    options = dict(word.removeprefix("--").partition("=")[::2] for word in [*given, *words[:-1]])
    if options.get("partition") == "nowhere":
        print("sbatch: error: invalid partition specified: nowhere", file=sys.stderr)
        return 1
    taken = [int(name) for name in os.listdir(jobs.folder) if name.isdigit()]
    number = max(taken) + 1 if taken else 1_000_000 + int.from_bytes(os.urandom(3))  # ports follow from it: not those of another test
    while True:
        with suppress(FileExistsError):
            (jobs.folder / str(number)).mkdir()
            break
        number += 1
    after = [one for one in options.get("dependency", "").removeprefix("afterok:").split(":") if one]
    jobs.change(
        str(number), name=options["job-name"], state="PENDING", script=Path(script).read_text(), after=after, options=options,
        env=dict(os.environ), cwd=os.getcwd(), restarts=0,
    )  # fmt: skip
    with (jobs.folder / str(number) / "runner.log").open("w") as log:
        subprocess.Popen(
            [sys.executable, "-S", "-E", __file__, str(jobs.folder), "run", str(number)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    print(number)
    return 0


def run(jobs: Jobs, words: list[str]) -> int:
    """A job's whole life."""
    (number,) = words
    jobs.change(number, runner=os.getpid())
    while True:
        if not _may_start(jobs, number):
            jobs.change(number, state="CANCELLED")
            return 0
        state = _turn(jobs, number)
        if state != "PENDING":
            jobs.change(number, state=state)
            return 0
        jobs.change(number, state=state, restarts=jobs.read(number)["restarts"] + 1)


def _may_start(jobs: Jobs, number: str) -> bool:
    while True:
        states = [jobs.read(one)["state"] for one in jobs.read(number)["after"]]
        if jobs.asked(number, "cancel") or any(state in ENDED and state != "COMPLETED" for state in states):
            return False
        if all(state == "COMPLETED" for state in states) and not (jobs.folder / "full").exists():
            return True
        time.sleep(0.1)


def _turn(jobs: Jobs, number: str) -> str:
    """Run the script once; the state after it."""
    job = jobs.read(number)
    nodes = int(job["options"].get("nodes", "1"))
    own = {
        "SLURM_JOB_ID": number, "SLURM_JOB_NODELIST": f"node[1-{nodes}]", "SLURM_JOB_NUM_NODES": str(nodes),
        "SLURM_CPUS_PER_TASK": job["options"].get("cpus-per-task", "1"), "SLURM_RESTART_COUNT": str(job["restarts"]),
        "SLURM_STEP_ID": str(job["restarts"]),
    }  # fmt: skip
    script = jobs.folder / number / "script"
    script.write_text(job["script"])
    with open(job["options"]["output"].replace("%j", number), "a") as log:
        child = subprocess.Popen(
            ["bash", str(script)], cwd=job["cwd"], env={**job["env"], **own}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    jobs.change(number, state="RUNNING", pid=child.pid)
    while child.poll() is None:
        for asked, state in (("cancel", "CANCELLED"), ("limit", "TIMEOUT"), ("requeue", "PENDING"), ("preempt", "")):
            if jobs.asked(number, asked):
                (jobs.folder / number / asked).unlink()
                if state:
                    jobs.change(number, state=state if state != "PENDING" else "COMPLETING")
                    _end(child, kill=asked != "cancel")
                    return state
                os.killpg(child.pid, signal.SIGTERM)  # to all that runs in the job
        time.sleep(0.05)
    _end(child, kill=True)
    return "COMPLETED" if child.returncode == 0 else "FAILED"


def _end(child: "subprocess.Popen[bytes]", kill: bool) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    until = time.monotonic() + (0.0 if kill else GRACE)
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def squeue(jobs: Jobs, words: list[str]) -> int:
    if (jobs.folder / "down").exists():
        print("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", file=sys.stderr)
        return 1
    for job in jobs.all():
        print(f"{job['number']}|{job['state']}|{job['name']}|{'(Dependency)' if job['state'] == 'PENDING' else 'node1'}")
    return 0


def sacct(jobs: Jobs, words: list[str]) -> int:
    wanted = next(word.partition("=")[2] for word in words if word.startswith("--jobs="))
    for job in jobs.all():
        if job["number"] == wanted:
            print(job["state"])
    return 0


def scancel(jobs: Jobs, words: list[str]) -> int:
    for number in words:
        jobs.ask(number, "cancel")
    return 0


def scontrol(jobs: Jobs, words: list[str]) -> int:
    if words[0] == "requeue":
        jobs.ask(words[1], "requeue")
        return 0
    assert words[:2] == ["show", "hostnames"], words
    print("\n".join(["localhost"] * int(os.environ["SLURM_JOB_NUM_NODES"])))
    return 0


def srun(jobs: Jobs, words: list[str]) -> int:
    """A node is a process of this machine; all get the stdin, and one that fails ends the others."""
    options = {word.partition("=")[0]: word.partition("=")[2] for word in words if word.startswith("--")}
    assert options.keys() == {"--nodes", "--ntasks", "--ntasks-per-node", "--kill-on-bad-exit", "--input"}, options
    command = words[len(options) :]
    tasks = [
        subprocess.Popen(command, env={**os.environ, "SLURM_NODEID": str(at), "SLURM_PROCID": str(at)})
        for at in range(int(options["--ntasks"]))
    ]
    while any(task.poll() is None for task in tasks):
        if any(task.poll() for task in tasks):
            for task in tasks:
                task.kill()
        time.sleep(0.05)
    return int(any(task.returncode for task in tasks))


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[2]](Jobs(Path(sys.argv[1])), sys.argv[3:]))
