"""Damaged artefacts and full disks, from the command line."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.app.commands import TINY, o1exp

WORDS = (*TINY, "goal=verify", "arms={}")


@pytest.mark.slow
def test_verify_names_what_is_damaged_and_the_next_run_mends_it(tmp_path: Path) -> None:
    assert o1exp(tmp_path, *WORDS).returncode == 0
    (table,) = (tmp_path / "outputs" / "artefacts").glob("Rejection/*/rows.parquet")
    (manifest,) = (tmp_path / "outputs" / "artefacts").glob("Distil/*/manifest.json")
    table.write_bytes(table.read_bytes()[:-1])
    manifest.write_text("{")
    damaged = o1exp(tmp_path, *WORDS, "action=verify")
    assert damaged.returncode == 1
    assert f"{table}: its content is not what was made; remove {table.parent}" in damaged.stderr
    assert f"{manifest}: this is no manifest" in damaged.stderr
    assert "3 artefacts read, 2 files are damaged" in damaged.stderr
    manifest.unlink()
    one = o1exp(tmp_path, *WORDS, "action=verify")
    assert "2 artefacts read, 1 file is damaged" in one.stderr
    manifest.write_text("{")
    why = o1exp(tmp_path, *WORDS, "action=why")
    assert why.returncode == 0
    assert f"{table}: has " in why.stdout
    mended = o1exp(tmp_path, *WORDS)
    assert mended.returncode == 0
    assert mended.stdout.count("set aside: ") == 2
    sound = o1exp(tmp_path, *WORDS, "action=verify")
    assert (sound.returncode, sound.stdout) == (0, "3 artefacts read: every file is as it was made\n"), sound.stderr


def test_a_sweep_does_not_verify(tmp_path: Path) -> None:
    refused = o1exp(tmp_path, "-m", *WORDS, "action=verify", "seed=0,1")
    assert (refused.returncode, "leave out -m" in refused.stderr) == (2, True)


@pytest.mark.parametrize("words", [(), ("-m", "seed=0,1")], ids=["run", "sweep"])
def test_a_full_disk_is_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "none", str(tmp_path)], check=False).returncode != 0:
        pytest.skip("no right to mount a file system here")
    try:
        full = o1exp(tmp_path, *words, *WORDS)
        kept = [json.loads(path.read_text())["stage"] for path in (tmp_path / "outputs").glob("artefacts/*/*/manifest.json")]
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
    assert full.returncode == 1, full.stdout
    assert full.stderr.count("\n") == 1
    assert "the disk is full (free: 0 MB in " in full.stderr
    assert "Arithmetic" in kept or words
