"""Stores and a book that do not answer are found before anything starts, all at once and with what to do."""

import sqlite3
from pathlib import Path

import pytest

from o1exp.app import beside
from o1exp.chat.layout import NAME, SCHEMA
from tests.inside import Command

NOBODY = ("ledger=postgres", "ledger.url=postgresql://127.0.0.1:9/d")
SOURCE = ("goal=source", "source.count=3", "track=none")


def test_a_server_that_is_away_is_found_before_a_run(o1exp: Command, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    done = o1exp("goal=think", "thought=distil", "track=none", *NOBODY)
    assert done.code == 2
    assert "ledger: postgresql://127.0.0.1:9/d takes no answers" in done.err
    assert "PGUSER" in done.err
    assert not (tmp_path / "outputs").exists()


def test_all_that_is_away_is_told_at_once(o1exp: Command, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    done = o1exp(*SOURCE, *NOBODY, "store=shared", "store.url=/dev/null/x", f"store.readonly=[{tmp_path}/nope]")
    assert done.code == 2
    assert "store.url=/dev/null/x: the store cannot be used (/dev/null is no folder)" in done.err
    assert f"store.readonly: {tmp_path}/nope: the store cannot be used (there is no folder" in done.err
    assert "ledger: postgresql://127.0.0.1:9/d takes no answers" in done.err


def test_a_sweep_finds_it_before_its_first_cell(o1exp: Command, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    done = o1exp("-m", *SOURCE, "seed=1,2", *NOBODY)
    assert done.code == 2
    assert "takes no answers" in done.err
    assert not (tmp_path / "outputs" / "artefacts").exists()


@pytest.mark.parametrize("action", ["run", "plan", *(pytest.param(other, marks=pytest.mark.slow) for other in ("why", "status"))])
def test_a_colleagues_folder_that_is_not_there_is_refused(o1exp: Command, action: str) -> None:
    done = o1exp(*SOURCE, "store.readonly=[/nope]", f"action={action}")
    assert done.code == 2
    assert "store.readonly: /nope: the store cannot be used (there is no folder /nope)" in done.err


def test_one_without_artefacts_is_told(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    done = o1exp(*SOURCE, f"store.readonly=[{tmp_path}/theirs]")
    assert done.code == 0
    assert "theirs holds no artefacts" in done.out


@pytest.mark.parametrize(
    ("content", "why"), [(b"no database at all, whatever its name says", "cannot be read as a ledger"), (b"later", f"reads up to {SCHEMA}")]
)
def test_a_file_that_is_no_book_is_found_before_a_run(o1exp: Command, tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "outputs").mkdir()
    if content == b"later":
        sqlite3.connect(tmp_path / "outputs" / NAME).execute(f"PRAGMA user_version={SCHEMA + 1}").connection.close()
    else:
        (tmp_path / "outputs" / NAME).write_bytes(content)
    done = o1exp(*SOURCE)
    assert done.code == 2
    assert why in done.err
    assert not (tmp_path / "outputs" / "artefacts").exists()


@pytest.mark.parametrize(("launcher", "why"), [("ray", "needs Ray: pip install 'o1exp[ray]'"), ("submitit_slurm", "there is no srun here")])
def test_a_launcher_that_lacks_something_is_refused_before_the_first_cell(
    o1exp: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launcher: str, why: str
) -> None:
    monkeypatch.setattr(beside, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    done = o1exp("-m", f"hydra/launcher={launcher}", "seed=1,2", *SOURCE, "source.seed=${seed}")
    assert done.code == 2
    assert f"hydra/launcher={launcher}" in done.err
    assert why in done.err
    assert not (tmp_path / "outputs").exists()
