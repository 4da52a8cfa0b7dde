"""Where our own database keeps its artifacts: beside itself, also after the outputs folder was moved or copied."""

import sqlite3
from contextlib import closing
from pathlib import Path

DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"


def artifacts_of(root: Path) -> str:
    """The address of the artifacts folder. MLflow wants it absolute: a relative one would lie below the working directory."""
    return (root.resolve() / ARTIFACTS).as_uri()


def settle(root: Path) -> None:
    """Let experiments and runs that name the artifacts of another folder name those beside this database.

    Without this, a copied outputs folder would show, and write into, the artifacts of the original.
    Errors: sqlite3.Error where it is no database, at once: MLflow would try for a minute.
    """
    database = root / DATABASE
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=60)) as sql:
        sql.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not (root / ARTIFACTS).is_dir():
        return
    with closing(sqlite3.connect(database, timeout=60)) as sql, sql:
        known = sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone()
        found = sql.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall() if known else []
        for experiment, location in found:
            before, sign, name = str(location).rpartition(f"/{ARTIFACTS}/")
            ours = f"{artifacts_of(root)}/{name}"
            if sign and before.startswith("file:") and location != ours:
                _move(sql, experiment, str(location), ours)


def _move(sql: sqlite3.Connection, experiment: int, old: str, new: str) -> None:
    for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location")):
        if sql.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            sql.execute(
                f"UPDATE {table} SET {column} = :new || substr({column}, length(:old) + 1) "
                f"WHERE experiment_id = :id AND ({column} = :old OR substr({column}, 1, length(:old) + 1) = :old || '/')",
                {"id": experiment, "old": old, "new": new},
            )


def address(uri: str, root: Path) -> str:
    """The tracking address: an empty `uri` is our own database in the outputs folder."""
    return uri or f"sqlite:///{root.resolve() / DATABASE}"
