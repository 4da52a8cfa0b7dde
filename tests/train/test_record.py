"""What counts as a diverging loss, and how many checkpoints are kept."""

from pathlib import Path

import pytest

from o1exp.train.record import WINDOW, risen
from o1exp.train.resume import Checkpoints, Mark
from tests.train.parts import a_spec


def test_a_rise_is_of_means_against_the_lowest_mean() -> None:
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
