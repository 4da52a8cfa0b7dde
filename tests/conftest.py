"""Fixtures that every room's tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from o1exp.flow import forks
from o1exp.flow.process import child_environment

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets beside the checkout; O1EXP_DATA names another place."""
    folder = Path(os.environ.get("O1EXP_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").exists():
        pytest.skip(f"no real data at {folder}; set O1EXP_DATA")
    return folder


@pytest.fixture(scope="session")
def loaded() -> Iterator[None]:
    """One process with the heavy libraries loaded, from which the workers of all trainings and samplings are forked."""
    with forks.warm(["o1exp.train.worker.warm", "o1exp.bench.engines.generate"], child_environment(1)):
        yield
