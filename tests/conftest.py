"""Fixtures that every room's tests share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from o1exp.flow import forks
from o1exp.flow.process import child_environment
from o1exp.history.runs import RunRecord
from tests.finished import Finished, committed, finish
from tests.inside import o1exp  # noqa: F401  (a fixture)
from tests.planted import PlantedRun, planted_report, planted_run

ROOT = Path(__file__).resolve().parent.parent
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it, and so would all that tests start there
settings.register_profile(  # a busy machine makes no example wrong, and under CI all runs see the same ones
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("house")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets beside the checkout; O1EXP_DATA names another place."""
    folder = Path(os.environ.get("O1EXP_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").exists():
        pytest.skip(f"no real data at {folder}; set O1EXP_DATA")
    return folder


NO_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""Libraries start no thread when they are loaded: a process with threads cannot be forked."""


@pytest.fixture(scope="session")
def loaded() -> Iterator[None]:
    """One process with the heavy libraries loaded, from which runs of the console script and all their workers are forked."""
    with forks.warm(["tests.preloaded"], child_environment(1) | NO_THREAD):
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, loaded: None) -> Finished:
    """A tiny quick start that ran once; only to be read."""
    own = tmp_path_factory.getbasetemp()
    return finish((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "finished")


@pytest.fixture(scope="session")
def clean(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A copy of it, as if made from a committed state; a test that changes something puts it back."""
    return committed(finished.copy(tmp_path_factory.mktemp("clean")))


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedRun:
    """Two arms with four planted answers to each of 60 problems."""
    return planted_run(tmp_path_factory.mktemp("planted"), planted_report(samples=4))
