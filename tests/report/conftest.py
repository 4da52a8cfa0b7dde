"""A finished run on disk, made once by tiny real stages."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from o1exp.flow import Store
from o1exp.report.page import Report
from tests.report.world import finished_run, report


@dataclass(frozen=True)
class Made:
    root: Path
    goal: Report
    run: Path

    @property
    def page(self) -> Path:
        return Store(self.root).folder(self.goal)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two arms, four samples of 60 problems each."""
    root, goal = tmp_path_factory.mktemp("outputs"), report(samples=4)
    return Made(root, goal, finished_run(root, goal))
