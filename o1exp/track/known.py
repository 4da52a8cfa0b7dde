"""What our own database says already, read without MLflow: importing it takes longer than a run that makes nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

from o1exp.track.place import DATABASE

_EXPERIMENT = "SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'"
_RUN = """
SELECT runs.run_uuid FROM runs JOIN experiments USING (experiment_id) JOIN tags AS own ON own.run_uuid = runs.run_uuid AND own.key = ?
LEFT JOIN tags AS above ON above.run_uuid = runs.run_uuid AND above.key = ?
WHERE experiments.name = ? AND own.value = ? AND above.value IS ? AND runs.status = 'FINISHED' AND runs.lifecycle_stage = 'active'
"""


def experiment_of(root: Path, study: str) -> str | None:
    """The id of a study's experiment; None where there is none, or the database cannot be read this way."""
    return _first(root, _EXPERIMENT, (study,))


def run_of(root: Path, study: str, tags: tuple[tuple[str, str], tuple[str, str | None]]) -> str | None:
    """The id of the finished run with this key below this parent: `tags` are both as (name, value). None as above."""
    (key, own), (parent, above) = tags
    return _first(root, _RUN, (key, parent, study, own, above))


def _first(root: Path, question: str, values: tuple[str | None, ...]) -> str | None:
    try:
        with closing(sqlite3.connect(f"{(root / DATABASE).resolve().as_uri()}?mode=ro", uri=True, timeout=60)) as sql:
            found = sql.execute(question, values).fetchone()
    except sqlite3.Error:  # no database yet, or one of another MLflow: MLflow itself will say
        return None
    return None if found is None else str(found[0])
