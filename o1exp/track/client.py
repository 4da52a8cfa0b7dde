"""A client of MLflow: our own database by one process at a time, or a server as it answers."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from o1exp.media.text import file_name
from o1exp.track.place import DATABASE, address, artifacts_of, settle
from o1exp.track.usable import Untracked, usable

if TYPE_CHECKING:
    from mlflow import MlflowClient

PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
"""How long a server is waited for (seconds, and how often it is asked again), unless the environment says otherwise: what it does not take
is sent later. MLflow's own would be seven tries of two minutes each."""
PART = ".part"
"""Behind the name of our own database while it is made."""


@contextmanager
def connected(uri: str, root: Path, alone: bool = True) -> "Iterator[MlflowClient]":
    """A client. `alone`: one process at a time in our own database; creating it from several at once fails, and so would looking twice."""
    place = uri or str(root / DATABASE)
    with _lock(root) if alone and not uri else nullcontext(), usable(place, root, ours=not uri):
        if not uri:
            settle(root)
            if alone:
                _begin(root)
        yield _connect(address(uri, root))


def _lock(root: Path) -> AbstractContextManager[Any]:
    from filelock import FileLock

    (root / "locks").mkdir(parents=True, exist_ok=True)
    return FileLock(root / "locks" / "mlflow.lock")


def _begin(root: Path) -> None:
    """Make our own database where there is none: whole or not at all. MLflow takes hundreds of steps, and goes on with no half of them."""
    database = root / DATABASE
    if database.exists():
        return
    for left in root.glob(f"{DATABASE}{PART}*"):  # by a process that was killed
        left.unlink()
    _quiet()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    made = database.with_name(f"{DATABASE}{PART}")
    SqlAlchemyStore(f"sqlite:///{made.resolve()}", artifacts_of(root)).engine.dispose()
    made.rename(database)


def _connect(place: str) -> "MlflowClient":
    _quiet()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=place)


def _quiet() -> None:
    """MLflow asks nobody anything and says nothing that we say."""
    import logging
    import warnings

    # Read when mlflow is imported.
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_AGENT_SKILLS_TIP": "true"}
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", message="The ``noload`` loader", category=DeprecationWarning)  # mlflow's own use of SQLAlchemy
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking.client"):
        logging.getLogger(name).setLevel(logging.WARNING)


def experiment(client: "MlflowClient", uri: str, root: Path, study: str) -> str:
    """The id of the study's experiment, made where there is none. Errors: Untracked where it is in the trash."""
    known = client.get_experiment_by_name(study)
    if known is None:
        from mlflow.exceptions import MlflowException

        served = uri.startswith(("http", "databricks"))  # a server chooses where artifacts go; for a database it would be ./mlruns
        place = None if served else f"{artifacts_of(root)}/{quote(file_name(study))}"
        try:
            return str(client.create_experiment(study, artifact_location=place, tags={"mlflow.experimentKind": "custom_model_development"}))
        except MlflowException:
            known = client.get_experiment_by_name(study)  # another process was first
            if known is None:
                raise
    if known.lifecycle_stage == "deleted":
        raise Untracked(f"the MLflow experiment {study!r} is in the trash; restore it, or name the study otherwise (study=NAME)")
    return str(known.experiment_id)


def every(client: "MlflowClient", experiment_id: str, search: str) -> Iterator[Any]:
    """All runs that are found, however many."""
    page = None
    while True:
        found = client.search_runs([experiment_id], search, max_results=1000, page_token=page)
        yield from found
        page = found.token
        if not page:
            return
