"""An MLflow that cannot be used, in one sentence: a damaged database, a server that does not answer, an address of nothing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from o1exp.flow.disk import unwritable
from o1exp.flow.errors import RunError
from o1exp.secrets import masked

SERVERS = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""Each may name its driver: postgresql+psycopg."""
LIBRARIES = ("mlflow", "sqlite3", "sqlalchemy", "alembic", "requests")
"""Whose errors are about the place where runs are logged."""


class Untracked(RunError):
    """Runs cannot be logged there. The message names the place and the remedy; everything finished is kept."""


class Unreached(Untracked):
    """A server that does not answer: what it would have been told is kept, and nothing stops for it."""


def no_address(uri: str) -> str:
    """What is wrong with the address of a tracking server or database, "" for nothing or for an empty one."""
    if not uri or uri == "databricks" or uri.startswith("databricks://"):
        return ""
    with suppress(ValueError):  # of brackets that are no address
        parts = urlsplit(uri)
        if (parts.scheme in SERVERS and parts.hostname) or parts.scheme.partition("+")[0] in DATABASES:
            return ""
    return (
        "is no address of an MLflow server or database; give http://HOST:PORT or sqlite:////FOLDER/FILE, "
        "or leave it empty for mlflow.db in the outputs folder"
    )


@contextmanager
def usable(place: str, root: Path, ours: bool) -> Iterator[None]:
    """Errors: Untracked instead of what MLflow and its libraries raise inside; `ours`: the place is a file of the outputs folder `root`."""
    try:
        yield
    except Exception as problem:
        library = type(problem).__module__.partition(".")[0]
        if unwritable(problem, root) or not (library in LIBRARIES or isinstance(problem, ImportError)):
            raise
        why = masked(" ".join(str(problem).split())[:300])
        remedy = "move it away and the next run begins a new one" if ours else "look at track.uri"
        raise Untracked(f"runs cannot be logged in {masked(place)} ({why}); {remedy}, or run with track=none") from problem
