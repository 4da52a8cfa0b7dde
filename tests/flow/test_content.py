"""What a file holds is read once, and read again whenever it may have changed."""

import hashlib
import os
import stat
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from o1exp.flow import content
from o1exp.flow.content import sha256, sha256_of, together
from o1exp.flow.revision import is_moving, moving


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as large, changed long ago by all that this code looks at."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(content, "LARGE", 1000)
    monkeypatch.setattr(content, "FRESH_SECONDS", -1e9)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights" * 1000)
    return path


def plain(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def reads(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bytes one look at the file takes."""
    seen = [0]
    with monkeypatch.context() as patched:
        read = content._read
        patched.setattr(content, "_read", lambda path, advance: read(path, lambda count: seen.__setitem__(0, seen[0] + count)))
        assert sha256(path) == plain(path)
    return seen[0]


def test_a_large_file_is_read_once(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads(weights, monkeypatch) == 7000
    assert reads(weights, monkeypatch) == 0


def test_other_content_of_the_same_size_and_date_is_seen(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sha256(weights), weights.stat()
    while weights.stat().st_ctime_ns == before[1].st_ctime_ns:  # the file system's clock ticks every few milliseconds, or every second
        time.sleep(0.02)
        weights.write_bytes(b"weighty" * 1000)
        os.utime(weights, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
    assert weights.stat().st_mtime_ns == before[1].st_mtime_ns
    assert sha256(weights) == plain(weights) != before[0]


def test_a_file_just_written_is_not_remembered(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "FRESH_SECONDS", 60.0)
    assert reads(weights, monkeypatch) == reads(weights, monkeypatch) == 7000


def test_a_file_that_was_fresh_when_its_reading_began_is_not_remembered(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have changed behind the reader, within the tick in which it was written, however long the reading took."""
    monkeypatch.setattr(content, "FRESH_SECONDS", 2.0)
    changed = weights.stat().st_ctime_ns / 1e9

    def told(*seconds: float) -> None:
        clock = iter(changed + later for later in seconds)
        monkeypatch.setattr(content, "time", SimpleNamespace(time=lambda: next(clock, changed + 900.0)))

    told(0.5)
    assert reads(weights, monkeypatch) == 7000
    told(2.5)
    assert reads(weights, monkeypatch) == 7000
    assert reads(weights, monkeypatch) == 0


def test_a_cache_that_is_damaged_or_cannot_be_written_is_no_obstacle(weights: Path, tmp_path: Path) -> None:
    sha256(weights)
    (kept,) = (tmp_path / "cache").rglob("*.json")
    for damage in ("", "[]", "{}", "not json"):
        kept.write_text(damage)
        assert sha256(weights) == plain(weights)
    kept.unlink()
    kept.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert sha256(weights) == plain(weights)
    finally:
        kept.parent.chmod(stat.S_IRWXU)


def test_a_person_is_told_when_much_is_read(weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(content, "SLOW", 5000)
    sha256_of({"weights": weights})
    said = capsys.readouterr()
    assert said.out == ""
    assert f"reading 0.0 GB in {weights.parent} for its sha256, once" in said.err
    sha256_of({"weights": weights})
    assert capsys.readouterr().err == ""


def test_the_digest_of_several_files_knows_their_names(tmp_path: Path) -> None:
    assert together({"a": "1", "b": "2"}) == together({"b": "2", "a": "1"}) != together({"a": "2", "b": "1"})
    assert together({}) == ""


def test_only_a_whole_commit_stays_what_it_is() -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    assert not is_moving(commit)
    assert all(is_moving(revision) for revision in ("", "main", "v1.0", commit[:12], commit.upper(), "refs/pr/3"))
    assert (moving(commit), moving(""), moving("v1", commit)) == (
        "",
        "moving revision main",
        "moving revision v1, commit 0123456789ab then",
    )
