"""GPUs in whole commands, on a machine whose nvidia-smi is a stand-in: cells that run side by side, and what is refused."""

import os
import uuid
from pathlib import Path

import pytest

from tests.app.commands import TINY, o1exp

PACKAGE = '''
import sys
from dataclasses import dataclass
from pathlib import Path

from o1exp.flow import Stage, Work
from o1exp.flow.process import child_environment
from o1exp.records import Example, Problem, Table

PROGRAM = """
import os, sys, time
from pathlib import Path
log, until = Path(sys.argv[1]), time.monotonic() + 600
with log.open("a") as out:
    out.write(os.environ["CUDA_VISIBLE_DEVICES"] + "\\\\n")
while log.read_text().count("\\\\n") < 2:
    assert time.monotonic() < until, "alone"
    time.sleep(0.05)
"""


@dataclass(frozen=True, kw_only=True)
class Meeting(Stage[Table[Example]]):
    """Takes a GPU, and gives it back when another stage has taken one too."""

    problems: Stage[Table[Problem]]
    times: int = 1

    @property
    def gpus(self) -> int:
        return 1

    def make(self, work: Work) -> None:
        work.run([sys.executable, "-c", PROGRAM, str(Path.cwd() / "seen")], print, child_environment(1))
        work.write(Example, [Example(problem=p.id, prompt=p.question, response=p.solution * self.times) for p in work.open(self.problems)])
'''


@pytest.fixture
def two(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with two GPUs."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    lines = [f"GPU {index}: NVIDIA H100 80GB HBM3 (UUID: GPU-{uuid.uuid4()})" for index in (0, 1)]
    program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    program.chmod(0o700)
    return {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


def test_cells_side_by_side_get_different_gpus(tmp_path: Path, two: dict[str, str]) -> None:
    (tmp_path / "meeting.py").write_text(PACKAGE)
    (tmp_path / "conf" / "thought").mkdir(parents=True)
    (tmp_path / "conf" / "thought" / "meeting.yaml").write_text("# Two at a time.\n_target_: meeting.Meeting\n")
    words = ["--config-dir", "conf", "hydra/launcher=side_by_side", "thought=meeting", "goal=thought", "source.count=3", "track=none"]
    done = o1exp(tmp_path, "-m", *words, "thought.times=1,2", env=two)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted((tmp_path / "seen").read_text().split()) == ["0", "1"]


def test_more_gpus_than_there_are_are_refused_before_anything_starts(tmp_path: Path, two: dict[str, str]) -> None:
    words = [*TINY, "machine=gpu", "track=none"]
    many = o1exp(tmp_path, *words, "machine.devices=4", env=two)
    assert many.returncode == 2, many.stdout + many.stderr
    assert "imitate: it takes 4 GPUs, but this machine has 2 GPUs; set machine.devices=2" in many.stderr
    hidden = o1exp(tmp_path, *words, "machine.devices=1", env={**two, "CUDA_VISIBLE_DEVICES": ""})
    assert hidden.returncode == 2, hidden.stdout + hidden.stderr
    assert "it takes 1 GPU, but this machine has 2 GPUs, of which CUDA_VISIBLE_DEVICES= leaves 0; set machine=cpu" in hidden.stderr
    assert not (tmp_path / "outputs" / "artefacts").exists()
    planned = o1exp(tmp_path, *words, "machine.devices=2", "action=plan", env=two)
    assert planned.returncode == 0, planned.stderr
    assert "GPUs, but" not in planned.stdout
