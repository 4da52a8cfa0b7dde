"""Ctrl-C and kill -9 of a grid: the same command goes on with the same folder, numbers and run in MLflow, whatever launches the cells."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from o1exp.history.cells import outcomes
from tests.app.commands import o1exp, start
from tests.waiting import LONG, until

WORDS = ("--config-dir", "conf", "-m", "goal=thought", "thought=patient", "thought.mood=0,1,2")
PATIENT = '''
import time
from dataclasses import dataclass
from pathlib import Path
from o1exp.flow import Stage, Work
from o1exp.records import Example, Problem, Table

@dataclass(frozen=True, kw_only=True)
class Patient(Stage[Table[Example]]):
    """Notes that it began, and waits while there is a file of its mood."""

    problems: Stage[Table[Problem]]
    mood: int = 0

    def make(self, work: Work) -> None:
        with Path("began").open("a") as log:
            log.write(f"{self.mood}\\n")
        while Path(f"hold-{self.mood}").exists():
            time.sleep(0.05)
        work.write(Example, [])
'''


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """A folder with a way to thoughts whose second cell waits."""
    (tmp_path / "conf" / "thought").mkdir(parents=True)
    (tmp_path / "conf" / "thought" / "patient.yaml").write_text("_target_: patient_of_tests.Patient\n")
    (tmp_path / "patient_of_tests.py").write_text(PATIENT)
    (tmp_path / "hold-1").touch()
    return tmp_path


def _began(folder: Path) -> list[str]:
    log = folder / "began"
    return log.read_text().split() if log.is_file() else []


def _states(folder: Path) -> set[str]:
    return {cell.state for found in (folder / "outputs" / "runs").glob("*/cells.json") for cell in outcomes(found.parent, {0})}


def _held(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """The sweep at its second cell, the first one finished."""
    sweep = start(folder, *WORDS, *words)

    def stands() -> bool:
        assert sweep.poll() is None, sweep.communicate()[0]
        return "1" in _began(folder) and "FINISHED" in _states(folder)

    until(stands)
    return sweep


def _folder(folder: Path) -> Path:
    (found,) = (folder / "outputs" / "runs").glob("*/cells.json")
    return found.parent


ONE_BY_ONE = ("hydra/launcher=basic",)
ONE_JOB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=1")
TWO_JOBS = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


ENDED = {
    "ctrl_c": (signal.SIGINT, ONE_BY_ONE),
    "kill_one_job": (signal.SIGKILL, ONE_JOB),
    "ctrl_c_two_jobs": (signal.SIGINT, TWO_JOBS),
    "kill_two_jobs": (signal.SIGKILL, TWO_JOBS),
}


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "words"), ENDED.values(), ids=ENDED)
def test_the_same_command_goes_on_with_a_sweep_that_was_ended(patient: Path, sent: signal.Signals, words: tuple[str, ...]) -> None:
    sweep = _held(patient, *words)
    numbers = json.loads((_folder(patient) / "cells.json").read_text())
    parent = {cell.parent for cell in outcomes(_folder(patient))}
    sweep.send_signal(sent)
    if sent == signal.SIGINT and words == ONE_BY_ONE:
        (patient / "hold-1").unlink()  # a stage under way here ends first; one in another process could end well before it is told
    said, _ = sweep.communicate(timeout=LONG)
    assert sweep.returncode == (130 if sent == signal.SIGINT else -signal.SIGKILL), said
    (patient / "hold-1").unlink(missing_ok=True)
    assert "FINISHED" not in {cell.state for cell in outcomes(_folder(patient)) if cell.number == 1}
    done = o1exp(patient, *WORDS, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((_folder(patient) / "cells.json").read_text()) == numbers
    found = outcomes(_folder(patient))
    assert [(cell.number, cell.state) for cell in found] == [(0, "FINISHED"), (1, "FINISHED"), (2, "FINISHED")]
    assert {cell.parent for cell in found} == parent
    assert len(parent) == 1
    assert _began(patient).count("0") == 1  # what was finished is not made again
