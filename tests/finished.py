"""A finished run with everything small: the quick start by the console script, once for all tests that read what a run leaves."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from o1exp.history.runs import RunRecord, find
from tests.app.commands import TINY, o1exp

WORDS = (*TINY, "filter=paper", "think.validation_fraction=0.2", "think.samples=1")
SECRET = "sk-o1exp-test-0123456789abcdef"
"""An API key in the environment of the run, and a password of MLflow: in no file."""
COMMIT = "0123abc"


@dataclass(frozen=True)
class Finished:
    """A folder in which the quick start ran, and what it printed. It is read, never changed: tests that change something take a copy."""

    folder: Path
    said: str

    @property
    def root(self) -> Path:
        return self.folder / "outputs"

    @property
    def record(self) -> RunRecord:
        return find(next((self.root / "runs").glob("quickstart-*")).name, self.root)

    def copy(self, folder: Path) -> "Finished":
        passing = shutil.ignore_patterns("*-wal", "*-shm", "*-journal")  # of other tests that read databases just now
        shutil.copytree(self.root, folder / "outputs", ignore=passing)
        return Finished(folder, self.said)


def finish(folder: Path) -> Finished:
    """The run in this folder, made by the first process that asks: tests may run in several side by side."""
    said = folder / "said.txt"
    folder.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not said.exists():
            done = o1exp(folder, *WORDS, env={"OPENAI_API_KEY": SECRET, "MLFLOW_TRACKING_PASSWORD": SECRET})
            assert done.returncode == 0, done.stdout + done.stderr
            said.write_text(done.stdout)
    return Finished(folder, said.read_text())


def committed(copy: Finished) -> RunRecord:
    """The run as if made from a committed state, whatever the state of this checkout; `copy` is changed."""
    for place in copy.root.glob("artefacts/*/*/manifest.json"):
        manifest = json.loads(place.read_text())
        manifest["made_by"]["commit"] = COMMIT
        place.write_text(json.dumps(manifest))
    return copy.record
