"""The record of a run: written whole, read back equal, of a run or of a sweep with cells that failed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from o1exp.history.cells import OUTCOME, CellOutcome, compared, labels, outcomes
from o1exp.history.runs import CONFIG, RECORD, RunRecord, all_of, find, read, replace_text, run_folder, write


def record(root: Path, name: str = "sums-1") -> RunRecord:
    return RunRecord(
        folder=run_folder(root, name), root=root, title="sums", arms={"long": "Result/a", "täglich $x$": "Result/b"}, report="Report/c",
        baseline="long", cards={"data": "DataCard/d"}, stages={"think": "e", "think.prepared": "f"}, overrides=("seed=1",),
        command="o1exp seed=1",
    )  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    kept = record(tmp_path.resolve())
    assert write(kept) == kept.folder
    assert read(kept.folder) == find("sums-1", tmp_path) == find(str(kept.folder / RECORD), tmp_path / "elsewhere") == kept
    assert (kept.name, kept.key, kept.study) == ("sums-1", "c", "sums")


def test_a_moved_outputs_folder_speaks_of_itself(tmp_path: Path) -> None:
    write(record(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "runs" / "sums-1").rename(tmp_path / "b" / "runs" / "mine")
    moved = find("mine", tmp_path / "b")
    assert (moved.root, moved.name) == ((tmp_path / "b").resolve(), "mine")


def test_a_write_that_is_broken_off_leaves_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = record(tmp_path.resolve())
    write(kept)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(replace(kept, title="other"))
    assert read(kept.folder) == kept
    assert [path.name for path in kept.folder.iterdir()] == [RECORD]


def test_a_record_of_before_and_one_of_later(tmp_path: Path) -> None:
    """An old one has no format and fewer fields; a newer one is not guessed at."""
    folder = run_folder(tmp_path, "old")
    replace_text(folder / RECORD, json.dumps({"name": "old", "arms": {"run": "Result/a"}}))
    assert read(folder).arms == {"run": "Result/a"}
    replace_text(folder / RECORD, json.dumps({"name": "old", "arms": {}, "format": 99}))
    with pytest.raises(ValueError, match="format 99, this o1exp reads 1 at most; use the o1exp that wrote it"):
        read(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"arms": []}', '{"name": "x"}', "\xff"])
def test_what_is_no_record_is_named_and_stops_no_other(tmp_path: Path, text: str) -> None:
    write(record(tmp_path.resolve()))
    broken = run_folder(tmp_path, "broken") / RECORD
    broken.parent.mkdir()
    broken.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"broken/run.json is no record of a run .*run its experiment again"):
        find("broken", tmp_path)
    assert [run.name for run in all_of(tmp_path)] == ["sums-1"]


def test_the_config_is_read_with_its_references(tmp_path: Path) -> None:
    kept = record(tmp_path)
    assert kept.config == {}
    text = "study: addition\nseed: 3\nthink: {start: '${imitate}', seed: '${seed}'}\nimitate: {lr: 1}\nnow: '${unknown:x}'\n"
    replace_text(kept.folder / CONFIG, text)
    again = record(tmp_path)
    assert again.study == "addition"
    assert again.config["think"] == {"start": "${imitate}", "seed": 3}
    assert again.config["now"] == "${unknown:x}"


def test_cells_that_differ_in_one_setting_alone_differ_in_one_word_also_where_one_leaves_it_as_it_is() -> None:
    words = [("seed=0", "lr=1"), ("seed=0",), ("seed=1", "lr=1"), ("seed=1",)]
    found = labels([CellOutcome(overrides=(*cell, "count=5"), number=number) for number, cell in enumerate(words)])
    assert list(found.values()) == ["seed=0 lr=1", "seed=0 lr=default", "seed=1 lr=1", "seed=1 lr=default"]


def test_a_sweeps_record_names_what_failed(tmp_path: Path) -> None:
    sweep = run_folder(tmp_path, "grid")
    write(record(tmp_path, "one"))
    made = CellOutcome(overrides=("seed=0", "lr=1"), run="one")
    broke = CellOutcome(overrides=("seed=0", "lr=2"), code=1, error="boom\nat line 3", state="FAILED")
    for number, ended in enumerate((made, broke)):
        ended.write(sweep / "cells" / str(number))
    found = compared(sweep, outcomes(sweep), "study", "o1exp -m lr=1,2")
    said = "FAILED: boom; again: o1exp -m lr=1,2 'hydra.sweeper.only=[1]'"
    assert (found.arms, found.failed, found.overrides) == ({"lr=1": "Result/a"}, {"lr=2": said}, ("seed=0",))
    searched = compared(sweep, outcomes(sweep), "study", "o1exp -m lr=1,2", alone=False)
    assert searched.failed == {"lr=2": "FAILED: boom"}  # its trial is over
    write(found)
    assert read(sweep).failed == {"lr=2": said}
    assert read(sweep).key == "grid", "a sweep has no report of its own"
    (sweep / "cells" / "0" / OUTCOME).write_text("{}")
    with pytest.raises(ValueError, match=r"cells/0/cell.json does not say how its cell ended"):
        outcomes(sweep)
