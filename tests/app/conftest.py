"""The console script's workers are forked from one process."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _forked(loaded: None) -> None:
    """Workers start from a process with everything loaded."""
