"""Checkpoints count only when whole, and the curve fits them."""

from dataclasses import replace
from pathlib import Path

from o1exp.train.logs import TIMING, Log, TimingRow
from o1exp.train.worker.resume import Checkpoints, Mark
from tests.train.parts import a_spec


def finished(kept: Checkpoints, step: int) -> None:
    (kept.clear(step) / "weights").write_text(str(step))
    kept.finish(Mark(step=step, seconds=step / 2, layout=kept.layout))


def test_the_newest_whole_checkpoint_counts(tmp_path: Path) -> None:
    kept = Checkpoints(a_spec(scratch=str(tmp_path)))
    assert kept.latest() is None
    for step in (3, 20, 100):
        finished(kept, step)
    (kept.clear(110) / "weights").write_text("half")
    assert kept.latest() == Mark(step=100, seconds=50.0, layout=kept.layout)
    assert sorted(path.name for path in kept.folder.iterdir()) == ["00000020", "00000100", "00000110"]
    assert list(kept.clear(110).iterdir()) == []
    finished(kept, 120)
    assert sorted(path.name for path in kept.folder.iterdir()) == ["00000100", "00000120"]


def test_another_layout_starts_over(tmp_path: Path) -> None:
    finished(Checkpoints(a_spec(scratch=str(tmp_path))), 5)
    assert Checkpoints(a_spec(scratch=str(tmp_path), packing="rows")).latest() is None
    assert Checkpoints(a_spec(scratch=str(tmp_path), zero_stage=2)).latest() is None
    assert Checkpoints(a_spec(scratch=str(tmp_path), checkpoint_seconds=1.0)).latest() is not None
    assert Checkpoints(a_spec(scratch=str(tmp_path), devices=2, micro_batch_tokens=128)).latest() is not None  # the same batches


def test_a_log_forgets_rows_after_the_checkpoint(tmp_path: Path) -> None:
    rows = [TimingRow(step=step, seconds=step / 2, cpu_seconds=1.0, memory_mb=9.0) for step in (1, 2, 3)]
    before = Log(TIMING, tmp_path, 0)
    for row in rows:
        before.add(row)
    before.file.write('{"st')
    before.file.close()
    later = replace(rows[2], seconds=7.0)
    Log(TIMING, tmp_path, 2).add(later)
    assert TIMING.read(tmp_path) == [*rows[:2], later]
    Log(TIMING, tmp_path, 0).add(rows[0])
    assert TIMING.read(tmp_path) == rows[:1]
