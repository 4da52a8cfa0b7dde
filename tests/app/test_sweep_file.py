"""What cells know of their sweep stands in its folder, where a process on another machine finds it."""

import os
from pathlib import Path

from o1exp.app.cell import Sweep, shared


def test_cells_find_their_sweep_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "grid"
    before = dict(os.environ)
    with shared(folder, "run-in-mlflow", "stop", prunes=True):
        sweep = Sweep.read(folder)
        assert (sweep.parent, sweep.stops, sweep.prunes) == ("run-in-mlflow", True, True)
        assert sweep.began > 0
        assert set(os.environ) - set(before) == {"O1EXP_SWEEP_PROCESS"}, "of this machine alone"
    assert dict(os.environ) == before
    assert Sweep.read(tmp_path) == Sweep()


def test_a_sweep_that_goes_on_starts_behind_its_last_failure(tmp_path: Path) -> None:
    (tmp_path / "stopped").touch()
    with shared(tmp_path, "", "go_on"):
        assert not (tmp_path / "stopped").exists()
        assert not Sweep.read(tmp_path).stops
