"""What the training tests share: one thread, as the trainings have, and one store with SMALL in it."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: more threads than idle cores slow these small models down

import pytest

from o1exp.flow import Store
from tests.train.parts import SMALL


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """SMALL, made without disturbance."""
    store = Store(tmp_path_factory.mktemp("trained"))
    store.make([SMALL])
    return store


@pytest.fixture(autouse=True, scope="session")
def _forked(loaded: None) -> None:
    """Workers start from a process with everything loaded."""
