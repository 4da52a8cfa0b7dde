"""How the processes of a training are started: torchrun here, srun and torchrun on the nodes of a Slurm job."""

import dataclasses
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from o1exp.flow import Machine, StageFailed, Store, forks
from o1exp.train.launch import RANK_VARIABLES, environment, launch, launch_obstacles
from o1exp.train.sft import Sft
from o1exp.train.worker.node import PORTS, torchrun
from tests.conftest import ROOT
from tests.train.killing import with_inputs, workers
from tests.train.parts import SMALL, a_spec, curve_of
from tests.train.watched import on
from tests.waiting import until

SLURM = Machine(launcher="slurm", nodes=2, devices=4)
SPEC = Path("/somewhere/spec.json")
WORKER = "o1exp.train.worker.rank"
COMMAND = ["-m", WORKER, str(SPEC)]

SCONTROL = """#!/bin/sh
test "$1 $2 $3" = "show hostnames $SLURM_JOB_NODELIST" || exit 1
printf '%s\\n' $O1EXP_TEST_HOSTS
"""
SRUN = """#!/bin/sh
# A node is a process of this machine; like srun with --kill-on-bad-exit it fails if one of them does.
for option in --nodes=2 --ntasks=2 --ntasks-per-node=1 --kill-on-bad-exit=1 --input=all; do test "$1" = $option || exit 9; shift; done
exec 3<&0  # and like srun it hands its stdin to every task
SLURM_NODEID=0 SLURM_PROCID=0 "$@" <&3 & first=$!
SLURM_NODEID=1 SLURM_PROCID=1 "$@" <&3 & second=$!
wait $first && wait $second
"""


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(stat.S_IRWXU)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As inside a job of two nodes."""
    script(tmp_path, "scontrol", SCONTROL)
    script(tmp_path, "srun", SRUN)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name, value in {"JOB_ID": "4711", "STEP_ID": "3", "NODEID": "1", "JOB_NODELIST": "gpu[07-08]", "NTASKS": "2"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("O1EXP_TEST_HOSTS", "gpu07 gpu08")
    return tmp_path


def test_one_rank_needs_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(forks.ADDRESS)
    assert launch(Machine(), WORKER, SPEC) == [sys.executable, "-m", "o1exp.train.worker.rank", str(SPEC)]


def test_ranks_of_this_machine_are_started_by_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(forks.ADDRESS)
    command = launch(Machine(devices=3), WORKER, SPEC)
    assert command[:5] == [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=3"]
    assert command[5:] == ["--no-python", sys.executable, "-m", "o1exp.train.worker.rank", str(SPEC)]


def test_where_everything_is_loaded_launcher_and_ranks_are_forked_but_never_for_a_gpu() -> None:
    command = launch(Machine(devices=3), WORKER, SPEC)
    stands = forks.through([sys.executable, "-m"])
    assert command == [*stands, "torch.distributed.run", "--standalone", "--nproc_per_node=3", "--no-python", *stands, WORKER, str(SPEC)]
    assert stands[0] == sys.executable != stands[-1]
    assert forks.__file__ not in launch(Machine(accelerator="gpu"), WORKER, SPEC)


def test_slurm_starts_one_task_a_node() -> None:
    command = launch(SLURM, WORKER, SPEC)
    assert command[:6] == ["srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--kill-on-bad-exit=1", "--input=all"]
    assert command[6:] == [sys.executable, "-m", "o1exp.train.worker.node", "2", "4", "-m", WORKER, str(SPEC)]


def test_each_node_meets_at_the_first_by_torchrun(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = torchrun(2, 4, COMMAND)
    assert command[:4] == [sys.executable, "-m", "o1exp.flow.watched", "torch.distributed.run"]
    assert command[-3:] == ["-m", "o1exp.train.worker.rank", str(SPEC)]
    options = dict(option.removeprefix("--").split("=") for option in command[4:-3])
    assert options | {"master_port": ""} == {
        "signals-to-handle": "SIGQUIT", "nnodes": "2", "nproc_per_node": "4", "node_rank": "1", "master_addr": "gpu07", "master_port": "",
    }  # fmt: skip
    assert int(options["master_port"]) in PORTS
    monkeypatch.setenv("SLURM_NODEID", "0")
    assert [part for part in torchrun(2, 4, COMMAND) if "port" in part] == [part for part in command if "port" in part]
    monkeypatch.setenv("SLURM_JOB_ID", "4712")
    assert [part for part in torchrun(2, 4, COMMAND) if "port" in part] != [part for part in command if "port" in part]


def test_a_training_takes_its_gpus_where_nobody_else_hands_them_out() -> None:
    taken = [Machine(), Machine(accelerator="gpu", devices=3), dataclasses.replace(SLURM, accelerator="gpu")]
    assert [SMALL.replace(machine=machine).gpus for machine in taken] == [0, 3, 0]


def test_the_port_is_the_same_in_every_process(job: Path) -> None:
    code = f"from o1exp.train.worker.node import torchrun; print(torchrun(2, 4, {COMMAND!r}))"
    said = {
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{torchrun(2, 4, COMMAND)}\n"}


def test_what_stands_in_the_way(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(launch_obstacles(Machine()))
    assert not list(launch_obstacles(SLURM))
    assert list(launch_obstacles(Machine(nodes=2))) == [
        "machine.nodes=2: launcher=local starts ranks on this machine only; set machine.launcher=slurm"
    ]
    monkeypatch.delenv("SLURM_JOB_ID")
    (outside,) = launch_obstacles(SLURM)
    assert "no sbatch here" in outside
    script(job, "sbatch", "#!/bin/sh\n")
    assert not list(launch_obstacles(SLURM))  # the run puts its stages into the queue
    monkeypatch.setenv("PATH", "/nowhere")
    (missing,) = launch_obstacles(SLURM)
    assert "no sbatch here" in missing
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    (missing,) = launch_obstacles(SLURM)
    assert "no srun here" in missing


def test_no_launcher_above_us_speaks_to_our_ranks(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RANK_VARIABLES:
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("O1EXP_TEST_KEPT", "yes")
    local, slurm = environment(Machine(threads=3)), environment(SLURM)
    assert not set(RANK_VARIABLES) & set(local)
    assert not set(RANK_VARIABLES) & set(slurm)
    assert not [name for name in local if name.startswith("SLURM_")]
    assert slurm["SLURM_JOB_ID"] == "4711"
    assert (local["OMP_NUM_THREADS"], local["O1EXP_TEST_KEPT"], local["DS_ACCELERATOR"]) == ("3", "yes", "cpu")
    assert "DS_ACCELERATOR" not in environment(Machine(accelerator="gpu"))


@pytest.mark.slow
@pytest.mark.usefixtures("job")
def test_two_nodes_train_as_one(trained: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both nodes are this machine; scontrol and srun are ours, all that they start is real."""
    monkeypatch.setenv("O1EXP_TEST_HOSTS", "localhost localhost")
    monkeypatch.setenv("SLURM_JOB_ID", str(os.getpid()))  # the port follows from it, and another suite may run on this machine
    stage = on(SMALL, launcher="slurm", nodes=2, devices=1, zero_stage=2)
    store = with_inputs(tmp_path / "made", trained)
    store.make([stage])
    assert [row["loss"] for row in curve_of(store, SMALL)] == pytest.approx([row["loss"] for row in curve_of(trained, SMALL)], rel=2e-5)


@dataclass(frozen=True, kw_only=True)
class Failing(Sft):
    """Its second rank fails."""

    runs: ClassVar[tuple[str, ...]] = ("tests.train.failing",)


def test_a_failing_rank_ends_all_and_shows_its_own_traceback(tmp_path: Path) -> None:
    fields = {field.name: getattr(SMALL, field.name) for field in dataclasses.fields(SMALL)}
    stage = Failing(**fields | {"machine": Machine(devices=2, micro_batch_tokens=1024)})
    with pytest.raises(StageFailed) as failed:
        Store(tmp_path).make([stage])
    said = str(failed.value)
    assert "ArithmeticError: rank 1 cannot count any more" in said
    assert "in fail" in said
    assert "torch.distributed" not in said  # not the launcher's account of it
    until(lambda: not any(workers(tmp_path / "scratch" / f"Failing-{stage.key}")))


def test_a_rank_that_is_done_ends_at_once(tmp_path: Path) -> None:
    """No destructor and no exit handler runs: gloo's threads abort the process now and then when the interpreter is taken down."""
    spec = tmp_path / "spec.json"
    a_spec(scratch=str(tmp_path)).save(spec)
    lines = [
        "import atexit, os, pathlib, sys", "from o1exp.train.worker import rank as worker", "atexit.register(os.abort)",
        "worker.train = lambda spec, rank: print('trained')", "worker.main(pathlib.Path(sys.argv[1]))",
    ]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", "\n".join(lines), str(spec)], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr
