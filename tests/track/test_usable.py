"""An MLflow that cannot be used ends a run with a sentence, and an address of nothing is refused before one starts."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow.errors import RunError
from o1exp.track.__main__ import main
from o1exp.track.place import ARTIFACTS, DATABASE
from o1exp.track.study import open_study
from o1exp.track.tracking import Tracking
from tests.inside import Command


def newer(path: Path) -> None:
    """A database of an MLflow that is not invented yet."""
    with sqlite3.connect(path) as sql:
        sql.execute("CREATE TABLE alembic_version (version_num TEXT)")
        sql.execute("CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT, lifecycle_stage TEXT)")
        sql.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "junk": lambda path: path.write_text("junk\n" * 300),
    "newer": newer,
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("artifacts", [True, False])
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_database_is_a_sentence(tmp_path: Path, how: str, artifacts: bool, capsys: pytest.CaptureFixture[str]) -> None:
    DAMAGE[how](tmp_path / DATABASE)
    if artifacts:
        (tmp_path / ARTIFACTS).mkdir()
    with pytest.raises(RunError) as ended:
        open_study(Tracking(), tmp_path, "study")
    said = str(ended.value)
    assert said.startswith(f"runs cannot be logged in {tmp_path / DATABASE} (")
    assert said.endswith("; move it away and the next run begins a new one, or run with track=none")
    assert main(["--outputs", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{said}\n"


def test_a_run_on_a_damaged_database_ends_before_any_stage_with_one_line(o1exp: Command) -> None:
    Path("outputs").mkdir()
    Path("outputs", DATABASE).write_text("junk\n" * 300)
    for words in (("experiment=quickstart",), ("-m", "experiment=quickstart", "seed=0,1")):
        said = o1exp(*words)
        assert (said.code, said.err.count("\n")) == (1, 1), said.err
        assert "track=none" in said.err
    assert not Path("outputs/artefacts").exists()


@pytest.mark.parametrize("uri", ["somewhere", "file:///tmp/x", "mlruns", "http://", "ftp://h", "http://[x"])
def test_an_address_of_nothing_is_refused(o1exp: Command, uri: str) -> None:
    said = o1exp("goal=source", f"track.uri='{uri}'")
    assert said.code == 2, said.err
    assert "is no address of an MLflow server or database" in said.err


@pytest.mark.parametrize("uri", ["", "http://127.0.0.1:5000", "https://h/x", "sqlite:///a.db", "postgresql+psycopg://h/d", "databricks"])
def test_what_mlflow_takes_is_taken(uri: str) -> None:
    assert list(Tracking(uri=uri).mistakes()) == []


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be logged in mssql://h/d \(.*; look at track.uri, or run with track=none"):
        open_study(Tracking(uri="mssql://h/d"), tmp_path, "study")
