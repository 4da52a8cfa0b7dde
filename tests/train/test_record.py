"""What counts as a diverging loss, and how many checkpoints are kept."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from o1exp.train.data.encode import CannotTrain
from o1exp.train.data.schedule import Feed, plan
from o1exp.train.logs import CURVE, CurveRow, Log
from o1exp.train.worker.resume import Checkpoints, Mark
from tests.train.parts import a_spec, encoded, every_unit


def test_a_rise_is_of_means_against_the_lowest_mean() -> None:
    from o1exp.train.worker.record import WINDOW, risen

    falling = [4.0] * WINDOW + [1.0] * WINDOW
    assert risen(falling[: WINDOW + 1]) == 0.0
    assert risen(falling) == pytest.approx(-3.0)
    assert risen([*falling, *[3.5] * WINDOW]) == pytest.approx(2.5)
    assert risen([*falling, *[1.0] * (WINDOW - 1), 21.0]) == pytest.approx(1.0)  # one bad step alone does not stop a run


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_so_many_checkpoints_are_kept(tmp_path: Path, keep: int) -> None:
    kept = Checkpoints(a_spec(scratch=str(tmp_path), keep_checkpoints=keep))
    for step in range(1, 7):
        (kept.clear(step) / "weights").write_text(str(step))
        kept.finish(Mark(step=step, seconds=0.0, layout=kept.layout))
        whole = sorted(int(path.name) for path in kept.folder.iterdir())
        assert whole == list(range(max(1, step - keep + 1), step + 1))


def test_after_a_resume_other_ranks_leave_the_verdict_to_the_first(tmp_path: Path) -> None:
    """They know only the losses since then, so that they would see other windows, and name a step they have no loss of."""
    from o1exp.train.worker.evaluate import Evaluation
    from o1exp.train.worker.record import Recorder

    spec = a_spec(scratch=str(tmp_path), max_rise=0.5, max_steps=70, devices=2)
    kept = Checkpoints(spec)
    kept.clear(15)
    kept.finish(Mark(step=15, seconds=0.0, layout=kept.layout))
    log = Log(CURVE, tmp_path, 0)
    for at in range(1, 16):
        log.add(CurveRow(step=at, tokens=at, loss=1.0, lr=1e-3, grad_norm=1.0))
    data = encoded(np.arange(400) % 50, np.arange(0, 401, 10), np.full(40, 4))
    units = every_unit(spec, data)
    ends = []
    for rank in (1, 0):
        recorder = Recorder(kept, Feed(spec, units, plan(spec, units), rank), Evaluation(spec, [], 0, [], None))
        with pytest.raises(CannotTrain, match=r"step 40: .* is 0\.5\d above its lowest .* rows \[") if rank == 0 else nullcontext():
            for recorder.done in range(16, 71):
                recorder.check(1.0 if recorder.done < 36 else 3.1, 1.0, spec)
        ends.append(recorder.done)
    assert ends == [70, 40]
